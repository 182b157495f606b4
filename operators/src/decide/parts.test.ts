import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days } from '#engine'
import { drive } from '#engine/testing'
import type { JsonObject, Trigger } from '../contract.ts'
import { NO_DEFINITIONS } from '../definitions/set.ts'
import { REACHABLE } from '../guardrails/testing.ts'
import { hear } from '../profile/hear.ts'
import { NO_PROFILE } from '../profile/state.ts'
import { event, NOON } from '../triggers/testing.ts'
import { confidenceOf, normalCdf } from './confidence.ts'
import { decisionId } from './decision.ts'
import { factsOf } from './facts.ts'
import { render } from './render.ts'
import { known } from './stage.fixture.ts'
import { mergeTouches, type Touch, withEngagement, withTouch } from './touch-history.ts'
import { touches } from './touches.ts'

const trigger: Trigger = {
  kind: 'abandoned_cart',
  definition: 'cart',
  cause: 'cart:1',
  at: NOON,
  facts: { product_name: 'Lamp\r\nBcc: x@y.z', cart_value: 12.5 },
}

describe('rendering', () => {
  const make = (body: string, firstName: string | null = 'Ada') =>
    render(
      {
        channel: 'email',
        subject: '{{product_name}}',
        body,
        fallbacks: { first_name: 'there', city: 'town' },
      },
      { facts: { ...REACHABLE, firstName }, trigger, shop: NO_DEFINITIONS.shop },
    )

  test('[TON-1] an unknown value gives way to its fallback', () => {
    expect(make('Hi {{first_name}} in {{ city }}').body).toBe('Hi Ada in town')
    expect(make('Hi {{first_name}}', null).body).toBe('Hi there')
    expect(make('Hi {{first_name}}', '   ').body).toBe('Hi there')
    expect(make('{{cart_value}}').body).toBe('EUR 12.50')
  })

  test('[CNT-3] what a customer typed is text: no lines for the header, nothing expanded again', () => {
    expect(make('x').subject).toBe('Lamp Bcc: x@y.z')
    expect(make('{{first_name}}', '{{shop_name}} $& $1').body).toBe('{{shop_name}} $& $1')
    expect(make('{{first_name}}', 'x'.repeat(999)).body).toHaveLength(200)
  })
})

describe('confidence', () => {
  test('[CMP-4] the distribution function agrees with published values', () => {
    // Tables of Phi(x): 1.28155 -> 0.9, 1.95996 -> 0.975, 3 -> 0.998650102.
    for (const [x, p] of [
      [0, 0.5],
      [1.2815515655, 0.9],
      [1.9599639845, 0.975],
      [3, 0.998650102],
    ] as const) {
      expect(normalCdf(x)).toBeCloseTo(p, 6)
      expect(normalCdf(-x)).toBeCloseTo(1 - p, 6)
    }
  })

  test('[CMP-4] a certain gain is 1, a certain loss 0', () => {
    const of = (effect: number, cost: number) =>
      confidenceOf({ effect, effectSd: 0, value: 1, cost })
    expect([of(1, 0), of(0, 1), of(1, 1)]).toEqual([1, 0, 0.5])
  })
})

test('[AUD-1] [DE3] a decision id depends on each of its parts and on nothing else', () => {
  const basis = { customer: 'u:1', definitions: 'v1' }
  const id = decisionId(basis, trigger, 0)
  expect(decisionId({ ...basis }, { ...trigger, at: 5, facts: {} } as Trigger, 0)).toBe(id)
  const others = [
    decisionId({ ...basis, customer: 'u:2' }, trigger, 0),
    decisionId({ ...basis, definitions: 'v2' }, trigger, 0),
    decisionId(basis, { ...trigger, cause: 'cart:2' }, 0),
    decisionId(basis, { ...trigger, definition: 'cart2' }, 0),
    decisionId(basis, trigger, 1),
  ]
  expect(new Set([id, ...others]).size).toBe(6)
})

describe('facts', () => {
  test('[PRO-1] come from the profile, unknown ones as null', () => {
    const order = event(NOON, 'Order Completed', { order_id: 'o', revenue: 12.5 })
    const facts = factsOf(hear(hear(NO_PROFILE, known(NOON), NOON), order, NOON), NOON)
    expect(facts).toMatchObject({
      firstName: 'Ada',
      phone: '+447700900123',
      country: 'GB',
      zone: 'Europe/London',
      lastOrderAt: NOON,
      spend12Months: 12.5,
      unsubscribed: false,
    })
    expect(factsOf(NO_PROFILE, NOON)).toMatchObject({ email: null, zone: null, consents: [] })
  })

  test('[CON-1] preferences are read from the trait of that name', () => {
    const told = known(NOON, {
      contact_preferences: ['weekly_digest', 'email_only', 'unsubscribed', 'nonsense'],
    })
    expect(factsOf(hear(NO_PROFILE, told, NOON), NOON)).toMatchObject({
      preferences: ['email_only', 'weekly_digest'],
      unsubscribed: true,
    })
  })
})

describe('touch history', () => {
  const arbTouches = fc
    .uniqueArray(fc.nat(12), { maxLength: 8 })
    .chain((ids) => fc.tuple(...ids.map((id) => fc.tuple(fc.constant(id), fc.boolean()))))
    .map((list): Touch[] =>
      // What a decision sent is the same wherever it is remembered; only engagement differs.
      list.map(([id, engaged]) => ({
        decision: `d${id}`,
        at: NOON + days(id % 5),
        channel: id % 2 === 0 ? 'email' : 'sms',
        engaged,
      })),
    )

  test('[FAT-2] [TO1] merging is commutative, associative, and never counts a message twice', () => {
    fc.assert(
      fc.property(arbTouches, arbTouches, arbTouches, (a, b, c) => {
        expect(mergeTouches(a, b)).toEqual(mergeTouches(b, a))
        expect(mergeTouches(mergeTouches(a, b), c)).toEqual(mergeTouches(a, mergeTouches(b, c)))
        const ids = mergeTouches(a, b).map((t) => t.decision)
        expect(ids).toHaveLength(new Set(ids).size)
        expect(new Set(ids)).toEqual(new Set([...a, ...b].map((t) => t.decision)))
      }),
      { numRuns: 200 },
    )
  })

  test('[FAT-1] [TO1] [TO2] an open marks its message once; one of an unknown message marks none', () => {
    const touch: Touch = { decision: 'd', at: NOON, channel: 'email', engaged: false }
    const one = withTouch([], touch)
    expect(withTouch(one, touch)).toBe(one)
    const marked = withEngagement(one, 'd')
    expect(marked).toEqual([{ ...touch, engaged: true }])
    expect(withEngagement(marked, 'd')).toBe(marked)
    expect(withEngagement(one, 'other')).toBe(one)
  })

  test('[FAT-1] [TO2] what a machine opened was read by nobody; a click was one of a person', () => {
    const sent: Touch = { decision: 'd', at: NOON, channel: 'email', engaged: false }
    const engagedAfter = (name: string, properties: JsonObject): boolean | undefined => {
      const h = drive(touches).record('u:1', { kind: 'sent', touch: sent }, { at: NOON })
      h.record('u:1', { kind: 'event', event: event(NOON + 1, name, properties) }, { at: NOON + 1 })
      return h.state('u:1').touches[0]?.engaged
    }
    expect(engagedAfter('Email Opened', { decision_id: 'd' })).toBe(true)
    expect(engagedAfter('Email Opened', { decision_id: 'd', machine_open: true })).toBe(false)
    expect(engagedAfter('Email Link Clicked', { email_id: 'd' })).toBe(true)
    expect(engagedAfter('Email Opened', { decision_id: 'other' })).toBe(false)
    expect(engagedAfter('Email Bounced', { decision_id: 'd' })).toBe(false)
  })
})
