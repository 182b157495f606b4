import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days, hours, type Millis, minutes } from '#engine'
import { drive } from '#engine/testing'
import type { CustomerEvent, Trigger } from '../contract.ts'
import { definitions } from '../definitions/broadcast.ts'
import type { DefinitionSet } from '../definitions/set.ts'
import {
  ALL_TRIGGERS,
  added,
  event,
  NOON,
  ordered,
  page,
  removed,
  setOf,
  viewed,
} from './testing.ts'
import { createTriggers } from './triggers.ts'

function start(set: DefinitionSet = ALL_TRIGGERS) {
  const h = drive(createTriggers(), { start: NOON - days(1) }).withBroadcast(definitions, {
    record: { set },
  })
  return {
    h,
    tell(told: CustomerEvent, now: Millis = Math.max(told.at, h.now)) {
      h.record('c', { event: told }, { at: told.at, now })
      return this
    },
    to(now: Millis) {
      h.advanceTo(now)
      return this
    },
    fired: (): string[] => h.take('trigger').map((t) => `${t.definition} ${offset(t.at)}`),
    triggers: (): Trigger[] => h.take('trigger'),
  }
}

const offset = (at: Millis): string => `+${(at - NOON) / hours(1)}h`
const only = (kind: string, more = '') =>
  setOf(`kind: trigger\nid: t\nspec: { on: ${kind}${more} }`)

describe('abandoned cart', () => {
  test('[TRG-1] fires two hours after the last change, to the millisecond', () => {
    const run = start(only('abandoned_cart'))
    run.tell(added(NOON)).tell(added(NOON + minutes(5), 'rug', 70))
    expect(run.to(NOON + minutes(125) - 1).fired()).toEqual([])
    expect(run.to(NOON + minutes(125)).triggers()).toEqual([
      {
        kind: 'abandoned_cart',
        definition: 't',
        cause: `cart:${NOON + minutes(5)}`,
        at: NOON + minutes(125),
        facts: {
          changed_at: NOON + minutes(5),
          cart_count: 2,
          cart_value: 100,
          product_name: 'A rug',
        },
      },
    ])
    expect(run.to(NOON + days(30)).fired()).toEqual([])
  })

  test('[TRG-2] an order, or the last line taken out, cancels what is pending', () => {
    for (const end of [ordered(NOON + hours(1)), removed(NOON + hours(1))]) {
      const run = start(only('abandoned_cart')).tell(added(NOON)).tell(end)
      expect(run.to(NOON + days(3)).fired()).toEqual([])
    }
  })

  test('[TRG-2] [TG1] a change after the trigger is a new cause, one told late is not', () => {
    const run = start(only('abandoned_cart'))
      .tell(added(NOON))
      .to(NOON + hours(2))
    expect(run.fired()).toEqual(['t +2h'])
    run.tell(added(NOON + hours(1), 'late'), NOON + hours(3)).to(NOON + hours(9))
    expect(run.fired()).toEqual([])
    run.tell(added(NOON + hours(10), 'rug')).to(NOON + hours(20))
    expect(run.fired()).toEqual(['t +12h'])
    // At the very instant of the trigger is not after it.
    run.tell(added(NOON + hours(12), 'vase'), NOON + hours(20)).to(NOON + hours(40))
    expect(run.fired()).toEqual([])
  })

  test('[TRG-2] [CT1] an order told late still clears what was in the cart before it', () => {
    const run = start(only('abandoned_cart')).tell(added(NOON))
    run.tell(ordered(NOON + minutes(10)), NOON + hours(1))
    expect(run.to(NOON + days(1)).fired()).toEqual([])
    run.tell(added(NOON + minutes(5), 'older than the order'), NOON + days(1))
    expect(run.to(NOON + days(2)).fired()).toEqual([])
  })

  test('[TRG-1] [CT1] [CT2] a view of the cart is no change unless it shows another cart', () => {
    const seen = (at: Millis, ...products: string[]) =>
      event(at, 'Cart Viewed', { products: products.map((p) => ({ product_id: p })) })
    const run = start(only('abandoned_cart'))
      .tell(added(NOON))
      .tell(seen(NOON + hours(1), 'lamp'))
    expect(run.to(NOON + hours(2)).fired()).toEqual(['t +2h'])
    run.tell(seen(NOON + hours(4), 'lamp', 'rug')).to(NOON + hours(5))
    expect(run.to(NOON + hours(6)).fired()).toEqual(['t +6h'])
    run.tell(added(NOON + hours(7))).tell(seen(NOON + hours(8)))
    expect(run.to(NOON + days(2)).fired()).toEqual([])
  })
})

describe('browse abandonment', () => {
  test('[TRG-1] fires four hours after the last view', () => {
    const run = start(only('browse_abandonment'))
      .tell(viewed(NOON))
      .tell(viewed(NOON + hours(1)))
    expect(run.to(NOON + hours(5) - 1).fired()).toEqual([])
    expect(run.to(NOON + hours(5)).fired()).toEqual(['t +5h'])
    expect(run.to(NOON + days(9)).fired()).toEqual([])
  })

  test('[TRG-1] not with a cart, and not after an order', () => {
    for (const end of [added(NOON + hours(1)), ordered(NOON + hours(1))]) {
      const run = start(only('browse_abandonment')).tell(viewed(NOON)).tell(end)
      expect(run.to(NOON + days(3)).fired()).toEqual([])
    }
  })
})

describe('inactivity and dormancy', () => {
  test('[TRG-1] fire 7 and 90 days after the last activity, exactly', () => {
    for (const [kind, limit] of [
      ['inactivity', 7],
      ['dormancy', 90],
    ] as const) {
      const run = start(only(kind))
        .tell(page(NOON))
        .tell(page(NOON + hours(3)))
      expect(run.to(NOON + hours(3) + days(limit) - 1).fired()).toEqual([])
      expect(run.to(NOON + hours(3) + days(limit)).triggers()).toMatchObject([
        { cause: `${kind}:${NOON + hours(3)}`, facts: { days_away: limit } },
      ])
      expect(run.to(NOON + days(400)).fired()).toEqual([])
    }
  })

  test('what the shop or a machine did is no activity', () => {
    const run = start(only('inactivity')).tell(page(NOON))
    run.tell(event(NOON + days(3), 'Order Refunded', { order_id: 'o' }))
    run.tell(event(NOON + days(4), 'Email Opened'))
    expect(run.to(NOON + days(7)).fired()).toEqual(['t +168h'])
  })
})

describe('stage change', () => {
  const run = () => start(only('stage_change', ', to: [new, active, at_risk, churned]'))
  const stages = (r: ReturnType<typeof run>) =>
    r.triggers().map((t) => `${t.cause.replace(/^stage:|@.*/g, '')} ${offset(t.at)}`)

  test('[LIF-2] exactly 30 days is at risk and exactly 90 churned, without an event', () => {
    const r = run().tell(ordered(NOON))
    expect(stages(r.to(NOON + days(30) - 1))).toEqual([])
    expect(stages(r.to(NOON + days(30)))).toEqual([`active>at_risk +${30 * 24}h`])
    expect(stages(r.to(NOON + days(90) - 1))).toEqual([])
    expect(stages(r.to(NOON + days(90)))).toEqual([`at_risk>churned +${90 * 24}h`])
    expect(stages(r.to(NOON + days(900)))).toEqual([])
  })

  test('[LIF-2] new becomes active with the first order, or 30 days after signup', () => {
    expect(
      stages(
        run()
          .tell(page(NOON))
          .tell(ordered(NOON + hours(5))),
      ),
    ).toEqual(['new>active +5h'])
    const r = run()
      .tell(page(NOON))
      .tell(page(NOON + days(20)))
    expect(stages(r.to(NOON + days(30)))).toEqual([`new>active +${30 * 24}h`])
  })

  test('[LIF-2] new and silent for 30 days is at risk, never active for an instant', () => {
    expect(
      stages(
        run()
          .tell(page(NOON))
          .to(NOON + days(31)),
      ),
    ).toEqual([`new>at_risk +${30 * 24}h`])
  })

  test('[LIF-2] activity brings a customer back', () => {
    const r = run()
      .tell(ordered(NOON))
      .tell(page(NOON + days(91)))
    expect(stages(r).at(-1)).toBe(`churned>active +${91 * 24}h`)
  })

  test('[TRG-2] [TG1] an event told late neither undoes nor repeats a crossing', () => {
    const r = run()
      .tell(ordered(NOON))
      .to(NOON + days(31))
    expect(stages(r)).toEqual([`active>at_risk +${30 * 24}h`])
    r.tell(page(NOON + days(10)), NOON + days(31))
    expect(stages(r.to(NOON + days(60)))).toEqual([])
    expect(stages(r.to(NOON + days(100)))).toEqual([`at_risk>churned +${100 * 24}h`])
  })
})

describe('purchase milestones', () => {
  test('[TRG-1] fire with orders 1, 3, 5 and 10', () => {
    const run = start(only('purchase_milestone'))
    for (let n = 0; n < 12; n++) run.tell(ordered(NOON + hours(n)))
    expect(run.fired()).toEqual(['t +0h', 't +2h', 't +4h', 't +9h'])
  })

  test('[TRG-2] an order told twice under other message ids counts once', () => {
    const run = start(only('purchase_milestone', ', orders: [2]'))
    run.tell(ordered(NOON, 'o1')).tell(ordered(NOON + 1, 'o1'))
    expect(run.fired()).toEqual([])
    expect(run.tell(ordered(NOON + 2, 'o2')).triggers()).toMatchObject([{ cause: 'orders:2' }])
  })
})

describe('merged customers', () => {
  test('[TG3] [ING-7] their orders add up, and a milestone passed by the merge does not fire', () => {
    const h = drive(createTriggers(), { start: NOON - days(1) }).withBroadcast(definitions, {
      record: { set: only('purchase_milestone', ', orders: [3, 4]') },
    })
    for (const [key, order] of [
      ['a:1', 'o1'],
      ['u:1', 'o2'],
      ['u:1', 'o3'],
    ] as const)
      h.record(key, { event: ordered(NOON, order) }, { at: NOON, now: NOON })
    h.mergeInto('u:1', 'a:1', 'link')
    expect(h.state('u:1').orders.count).toBe(3)
    expect(h.take('trigger')).toEqual([])
    h.record('u:1', { event: ordered(NOON + 1, 'o4') }, { at: NOON + 1, now: NOON + 1 })
    expect(h.take('trigger').map((t) => t.cause)).toEqual(['orders:4'])
  })

  test('[TG1] [TG3] what one of them fired is not fired again by the other', () => {
    const h = drive(createTriggers(), { start: NOON - days(1) }).withBroadcast(definitions, {
      record: { set: only('inactivity') },
    })
    for (const key of ['a:1', 'u:1']) h.record(key, { event: page(NOON) }, { at: NOON, now: NOON })
    h.advanceTo(NOON + days(7))
    expect(h.take('trigger')).toHaveLength(2)
    h.mergeInto('u:1', 'a:1', 'link')
    h.advanceTo(NOON + days(30))
    expect(h.take('trigger')).toEqual([])
  })
})

describe('the operator', () => {
  test('[TG4] a definition takes hold at the next record or timer of the customer', () => {
    const run = start(setOf()).tell(added(NOON))
    expect(run.to(NOON + hours(3)).fired()).toEqual([])
    run.h.withBroadcast(definitions, { record: { set: only('abandoned_cart') } })
    run.tell(added(NOON + hours(4), 'rug'))
    run.h.withBroadcast(definitions, { record: { set: only('abandoned_cart', ', idle: 5h') } })
    expect(run.to(NOON + hours(8)).fired()).toEqual([])
    expect(run.to(NOON + hours(9)).fired()).toEqual(['t +9h'])
  })

  test('a busy customer does not move the timer with every event', () => {
    const run = start(only('abandoned_cart'))
    run.tell(added(NOON)).tell(added(NOON + hours(1), 'rug'))
    expect(run.h.timers('c')).toEqual([{ name: 'next', due: NOON + hours(2) }])
    run.to(NOON + hours(2))
    expect(run.h.timers('c')).toEqual([{ name: 'next', due: NOON + hours(3) }])
  })

  test('[TRG-1] a cause that is due before the one waited for comes in time', () => {
    const run = start().tell(page(NOON))
    expect(run.h.timers('c')).toEqual([{ name: 'next', due: NOON + days(7) }])
    run.tell(added(NOON + hours(1)))
    expect(run.to(NOON + hours(3)).fired()).toEqual(['cart +3h'])
    expect(run.h.now).toBe(NOON + hours(3))
  })

  test('[TG2] a clock that runs ahead does not hold back a deadline', () => {
    const run = start(only('inactivity'))
    run.tell(event(NOON + days(900), 'Product Viewed', {}, { receivedAt: NOON }), NOON)
    run.h.take()
    const ahead = { ...page(NOON), at: NOON + days(900), receivedAt: NOON }
    const other = start(only('inactivity')).tell(ahead, NOON)
    expect(other.to(NOON + days(7)).fired()).toEqual(['t +168h'])
  })
})

/** A life of a customer: events in time order, some told late. */
const arbLife = fc.array(
  fc.record({
    gap: fc.integer({ min: 0, max: days(12) }),
    late: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: days(3) })),
    what: fc.constantFrom('add', 'remove', 'view', 'order', 'page'),
    product: fc.constantFrom('lamp', 'rug'),
  }),
  { maxLength: 25 },
)
interface LifeStep {
  readonly gap: Millis
  readonly late: Millis
  readonly what: string
  readonly product: string
}

function told(life: readonly LifeStep[]) {
  let now = NOON
  return life.map((step, i) => {
    now += step.gap
    const at = now - step.late
    const base = { add: added, remove: removed, view: viewed, order: ordered, page }[step.what]
    const made = base?.(
      at,
      step.what === 'order' || step.what === 'page' ? undefined : step.product,
    )
    return { now, event: { ...(made ?? page(at)), messageId: `m${i}`, receivedAt: now } }
  })
}

function live(life: readonly LifeStep[], stops: readonly number[]): Trigger[] {
  const run = start()
  const events = told(life)
  const end = (events.at(-1)?.now ?? NOON) + days(200)
  const marks = stops.map((part) => NOON + Math.floor(part * (end - NOON))).sort((a, b) => a - b)
  for (const { now, event: e } of events) {
    while ((marks[0] ?? end) < now) run.to(marks.shift() as number)
    run.tell(e, now)
  }
  for (const mark of marks) run.to(mark)
  return run.to(end).triggers()
}

describe('properties', () => {
  test('[TRG-2] [TG1] however time is cut into advances, the same triggers fire, each cause once', () => {
    fc.assert(
      fc.property(
        arbLife,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        (life, stops) => {
          const triggers = live(life, stops)
          expect(triggers).toEqual(live(life, []))
          const causes = triggers.map((t) => `${t.definition} ${t.cause}`)
          expect(new Set(causes).size).toBe(causes.length)
        },
      ),
      { numRuns: 120 },
    )
  })

  test('[TRG-2] after an order no cart of before it fires', () => {
    fc.assert(
      fc.property(arbLife, (life) => {
        const run = start(only('abandoned_cart'))
        for (const { now, event: e } of told(life)) run.tell(e, now)
        run.h.take()
        const end = run.h.now
        run.tell(ordered(end, 'the last'), end)
        expect(run.to(end + days(30)).fired()).toEqual([])
      }),
      { numRuns: 80 },
    )
  })
})
