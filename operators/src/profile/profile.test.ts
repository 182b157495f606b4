import * as fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { describe, expect, test } from 'vitest'
import { ByteWriter, days, hours, minutes } from '#engine'
import { drive } from '#engine/testing'
import type { CustomerEvent } from '../contract.ts'
import { createDedupe } from '../ingest/dedupe.ts'
import { event, routed, T0, track } from '../ingest/events.fixture.ts'
import { identity } from '../ingest/identity.ts'
import { Stage, staged } from '../ingest/stage.fixture.ts'
import type { CutPoints } from './cutpoints.ts'
import { cutPoints } from './cutpoints.ts'
import { hear } from './hear.ts'
import { LIFECYCLE_DEFAULTS } from './lifecycle.ts'
import { createProfile, profile } from './profile.ts'
import { NO_PROFILE, type ProfileState, profileCodec, uniteProfiles } from './state.ts'
import { profileView } from './view.ts'
import { ProfileViewSchema } from './view-schema.ts'

const order = (id: string, at: number, revenue: number) =>
  track(`m-${id}`, 'Order Completed', at, {
    order_id: id,
    revenue,
    products: [{ product_id: 'mug', category: 'Kitchen', quantity: 2 }],
  })
const viewed = (id: string, at: number) => track(id, 'Product Viewed', at, { product_id: 'mug' })

const fed = (...events: CustomerEvent[]) => {
  const driver = drive(profile)
  for (const e of events) driver.record('u:1', e, { at: e.at })
  return driver
}

describe('operator profile', () => {
  const viewOf = (state: ProfileState, now: number) =>
    profileView(state, now, { customer: 'u:1', cutPoints: null })

  test('[PRO-7] [P17] every event is passed on once its profile is stored', () => {
    const driver = fed(viewed('1', T0))
    expect(driver.take('profiled')).toMatchObject([{ event: { messageId: '1' } }])
    expect(viewOf(driver.state('u:1'), T0)).toMatchObject({ total_orders: 0, product_views: 1 })
    driver.record('u:1', order('a', T0 + 1, 20), { at: T0 + 1 })
    expect(driver.take('profiled')).toMatchObject([{ event: { messageId: 'm-a' } }])
    expect(viewOf(driver.state('u:1'), T0 + 1)).toMatchObject({
      total_orders: 1,
      lifetime_value: 20,
      last_purchase_date: T0 + 1,
    })
  })

  test('[PRO-1] [PRO-2] [PRO-3] [PRO-6] the profile has every declared field with its declared type', () => {
    const schema = Compile(ProfileViewSchema)
    const added = track('2', 'Product Added', T0 + 2, { product_id: 'x', price: 3 })
    const consent = track('3', 'Consent Given', T0 + 3, { channel: 'email' })
    const driver = fed(viewed('1', T0), added, consent, order('a', T0 + 4, 20), {
      ...added,
      messageId: '4',
      at: T0 + 5,
    })
    const views = [viewOf(NO_PROFILE, T0), viewOf(driver.state('u:1'), T0 + 5)]
    for (const view of [...views, ...driver.take('snapshot').map((row) => row.profile)]) {
      expect([...schema.Errors(view)]).toEqual([])
      expect(Object.keys(view).sort()).toEqual(Object.keys(ProfileViewSchema.properties).sort())
    }
    for (const field of Object.values(ProfileViewSchema.properties))
      expect(field).toHaveProperty('description')
  })

  test('[PRO-6] a session is told 30 minutes after its last activity, once, and a reopened gap is another', () => {
    const driver = fed(
      viewed('1', T0),
      viewed('2', T0 + minutes(20)),
      viewed('3', T0 + minutes(50)),
    )
    driver.advanceTo(T0 + minutes(80))
    expect(driver.take('session')).toEqual([])
    driver.advanceTo(T0 + minutes(80) + 1)
    expect(driver.take('session')).toEqual([
      { customer_id: 'u:1', start: T0, end: T0 + minutes(50), duration_s: 3_000, events: 3 },
    ])
    driver.record('u:1', viewed('4', T0 + hours(5)), { at: T0 + hours(5) }).advanceTo(T0 + hours(6))
    expect(driver.take('session')).toMatchObject([{ start: T0 + hours(5), events: 1 }])
  })

  test('[LIF-2] [P19] a stage is crossed at its exact instant without an event, and told once', () => {
    const driver = fed(order('a', T0, 20))
    driver.take()
    driver.advanceTo(T0 + days(30) - 1)
    expect(driver.take('snapshot').filter((s) => s.cause === 'stage')).toEqual([])
    driver.advanceTo(T0 + days(30))
    expect(driver.take('snapshot')).toMatchObject([
      { cause: 'stage', profile: { lifecycle_stage: 'at_risk', as_of: T0 + days(30) } },
    ])
    driver.advanceTo(T0 + days(200))
    expect(driver.take('snapshot')).toMatchObject([
      { cause: 'stage', profile: { lifecycle_stage: 'churned', as_of: T0 + days(90) } },
    ])
    driver.record('u:1', viewed('back', T0 + days(201)), { at: T0 + days(201) })
    expect(driver.take('snapshot')).toMatchObject([
      { cause: 'stage', profile: { lifecycle_stage: 'active' } },
    ])
  })

  test('[LIF-2] an activity moves the crossing; the timer of the old one passes unnoticed', () => {
    const driver = fed(order('a', T0, 20), viewed('b', T0 + days(10)))
    driver.take()
    driver.advanceTo(T0 + days(40) - 1)
    expect(driver.take('snapshot').filter((s) => s.cause === 'stage')).toEqual([])
    driver.advanceTo(T0 + days(40))
    expect(driver.take('snapshot')).toMatchObject([{ profile: { lifecycle_stage: 'at_risk' } }])
  })

  test('[LIF-2] a sign-up known later to be older brings the end of newness forward', () => {
    const driver = fed(viewed('1', T0))
    const traits = { created_at: new Date(T0 - days(25)).toISOString() }
    driver.record('u:1', event('i', { type: 'identify', userId: '1', at: T0 + 1, traits }), {
      at: T0 + 1,
    })
    driver.take()
    driver.advanceTo(T0 + days(5))
    expect(driver.take('snapshot').at(-1)).toMatchObject({
      cause: 'stage',
      profile: { lifecycle_stage: 'active', as_of: T0 + days(5) },
    })
  })

  test('[CFG-1] the lifecycle thresholds in force come from a broadcast', () => {
    const definitions = {
      id: 'definitions',
      initial: { days: 30 } as unknown,
      fold: (_: unknown, r: unknown) => r,
    }
    const custom = createProfile({
      lifecycle: {
        broadcast: definitions,
        read: (value) => ({
          ...LIFECYCLE_DEFAULTS,
          atRiskAfter: days((value as { days: number }).days),
        }),
      },
    })
    const driver = drive(custom).withBroadcast(definitions, { record: { days: 2 } })
    driver.record('u:1', order('a', T0, 20), { at: T0 }).advanceTo(T0 + days(2))
    expect(driver.take('snapshot').at(-1)).toMatchObject({
      profile: { lifecycle_stage: 'at_risk' },
    })
  })

  test('[SNK-1] [P18] page views alone write no snapshot; orders, refunds, consents and traits do', () => {
    const driver = fed(viewed('1', T0))
    driver.take()
    const causes = (e: CustomerEvent) =>
      driver
        .record('u:1', e, { at: e.at })
        .take('snapshot')
        .map((s) => s.cause)
    expect(causes(viewed('2', T0 + 1))).toEqual([])
    expect(causes(order('a', T0 + 2, 20))).toEqual(['order'])
    expect(causes(track('3', 'Order Refunded', T0 + 3, { order_id: 'a' }))).toEqual(['refund'])
    expect(causes(track('4', 'Consent Given', T0 + 4, { channel: 'email' }))).toEqual(['consent'])
    expect(
      causes(event('5', { type: 'identify', userId: '1', at: T0 + 5, traits: { city: 'Bern' } })),
    ).toEqual(['traits'])
  })

  test('[PRO-6] engagement expires by time without an event', () => {
    const state = fed(viewed('1', T0), viewed('2', T0 + minutes(7))).state('u:1')
    const at = (now: number) => profileView(state, now, { customer: 'u:1', cutPoints: null })
    expect(at(T0 + minutes(30))).toMatchObject({ activity_1h: 2, activity_24h: 2, activity_90d: 2 })
    expect(at(T0 + minutes(62))).toMatchObject({ activity_1h: 1, activity_24h: 2 })
    expect(at(T0 + days(2))).toMatchObject({ activity_1h: 0, activity_24h: 0, activity_7d: 2 })
    expect(at(T0 + days(90))).toMatchObject({ activity_90d: 0 })
  })

  test('[PRO-6] RFM comes from the cut points in force and names them', () => {
    const cuts: CutPoints = {
      version: '2026-03-09',
      midnight: T0 - hours(12) - days(1),
      effectiveFrom: T0 - days(1),
      population: 9,
      buyers: 9,
      quintiles: {
        recency: [1, 2, 3, 4],
        frequency: [0, 1, 2, 3],
        monetary: [500, 1_500, 2_500, 3_500],
      },
      percentiles: { inactivity: [], frequency: [], monetary: [], engagement: [] },
    }
    const driver = drive(profile).withBroadcast(cutPoints, { record: cuts })
    driver.record('u:1', order('a', T0, 20), { at: T0 })
    expect(driver.take('snapshot')).toMatchObject([
      {
        profile: {
          rfm_recency: 5,
          rfm_frequency: 2,
          rfm_monetary: 3,
          cut_points: '2026-03-09',
          recency_days: 0,
        },
      },
    ])
  })
})

describe('what a contribution rests on', () => {
  const changes = (...events: CustomerEvent[]) => {
    const driver = drive(profile)
    return events.map((e) => driver.record('a:x', e, { at: e.at }).take('changed').length)
  }
  const silent = (id: string, fields: Partial<CustomerEvent>) =>
    event(id, { userId: '1', context: { active: false }, ...fields })

  test('[C8] orders, activity and becoming known are told, and nothing else', () => {
    const identify = { type: 'identify', name: '' } as const
    expect(
      changes(
        viewed('1', T0),
        silent('2', { ...identify, at: T0 + 1, traits: { first_name: 'Eva' } }),
        silent('3', { ...identify, at: T0 + 2, traits: { email: 'eva@example.com' } }),
        silent('4', { ...identify, at: T0 + 3, traits: { phone: '1' } }),
        silent('5', { name: 'Order Refunded', at: T0 + 4, properties: { order_id: 'a' } }),
      ),
    ).toEqual([1, 0, 1, 0, 1])
  })

  test('[C8] a second activity of a day waits for the midnight that the first one waits for', () => {
    const driver = fed(viewed('1', T0), viewed('2', T0 + hours(1)))
    expect(driver.take('changed')).toHaveLength(1)
    // Told late, of a day whose midnight has passed; told ahead, of a day to come.
    const now = T0 + days(1)
    driver.record('u:1', viewed('3', T0 + hours(2)), { at: T0 + hours(2), now })
    driver.record('u:1', viewed('4', now + days(1)), { at: now + days(1), now })
    expect(driver.take('changed')).toHaveLength(2)
  })

  test('[C8] a merge is told; so is the midnight that an older release armed', () => {
    const driver = fed(viewed('1', T0))
    driver.record('a:x', { ...viewed('v', T0), userId: null }, { at: T0 })
    driver.take()
    driver.mergeInto('u:1', 'a:x', 'link')
    expect(driver.take('changed')).toHaveLength(1)
    const midnight = T0 + hours(12)
    driver.setState('u:1', driver.state('u:1'), [{ name: 'midnight', due: midnight }])
    expect(driver.advanceTo(midnight).take('changed')).toHaveLength(1)
  })
})

/** Everything a customer may do, at instants within a few hours so that nothing closes meanwhile. */
const NAMES = [
  'Product Viewed',
  'Product Added',
  'Product Removed',
  'Cart Viewed',
  'Order Completed',
  'Order Refunded',
  'Product Added to Wishlist',
  'Product Removed from Wishlist',
  'Product Reviewed',
  'Consent Given',
  'Consent Withdrawn',
  'Unsubscribed',
  'Article Viewed',
  'Signed Up',
]
const randomEvent = fc
  .record({
    name: fc.constantFrom(...NAMES),
    minute: fc.nat(240),
    product: fc.constantFrom('p', 'q', 'r'),
    order: fc.constantFrom('1', '2', '3'),
    amount: fc.nat(500),
    type: fc.constantFrom(
      'track' as const,
      'track' as const,
      'track' as const,
      'identify' as const,
    ),
  })
  .map(({ name, minute, product, order: id, amount, type }) =>
    event('', {
      type,
      name: type === 'track' ? name : '',
      at: T0 + minutes(minute),
      properties: {
        product_id: product,
        order_id: id,
        revenue: amount,
        price: amount,
        channel: 'email',
      },
      traits: { first_name: `N${amount}`, consents: { sms: amount % 2 === 0 } },
    }),
  )
const numbered = fc
  .array(randomEvent, { maxLength: 14 })
  .map((events) => events.map((e, i) => ({ ...e, messageId: `m${i}` })))

const NOW = T0 + hours(5)
const hearAll = (events: readonly CustomerEvent[]): ProfileState =>
  events.reduce((state, e) => hear(state, e, NOW), NO_PROFILE)
const seenAs = (state: ProfileState) => profileView(state, NOW, { customer: 'x', cutPoints: null })

describe('order of arrival', () => {
  test('[ING-6] [P16] any order of events gives one profile', () => {
    const shuffled = numbered.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    fc.assert(
      fc.property(shuffled, ([a, b]) => {
        expect(seenAs(hearAll(b))).toEqual(seenAs(hearAll(a)))
      }),
    )
  })

  test('[ING-7] [P16] merging is commutative and associative, and equals having been one id all along', () => {
    fc.assert(
      fc.property(numbered, fc.nat(14), fc.nat(14), (list, i, j) => {
        const [from, to] = [Math.min(i, j), Math.max(i, j)]
        const [a, b, c] = [
          hearAll(list.slice(0, from)),
          hearAll(list.slice(from, to)),
          hearAll(list.slice(to)),
        ]
        const unite = (x: ProfileState, y: ProfileState) => uniteProfiles(x, y, NOW)
        const whole = seenAs(hearAll(list))
        expect(seenAs(unite(unite(a, b), c))).toEqual(whole)
        expect(seenAs(unite(c, unite(b, a)))).toEqual(whole)
      }),
    )
  })

  test('[ING-7] [I8] the whole stage: linked ids, repeats, any arrival and interleaving, one profile', () => {
    const pipeline = [staged(createDedupe()), staged(identity), staged(profile)]
    const wires = { 'dedupe.fresh': 'identity', 'identity.event': 'profile' }
    const ids = fc.constantFrom(
      { userId: null, anonymousId: 'x' },
      { userId: null, anonymousId: 'y' },
      { userId: 'eva', anonymousId: null },
      { userId: 'eva', anonymousId: 'y' },
    )
    const calls = fc.array(fc.tuple(randomEvent, ids), { maxLength: 10 }).map(
      (list) =>
        [
          ...list.map(([e, id], i) => ({ ...e, ...id, messageId: `m${i}` })),
          event('i1', {
            type: 'identify',
            userId: 'eva',
            anonymousId: 'x',
            at: T0,
            context: { active: false },
          }),
          event('i2', {
            type: 'identify',
            userId: 'eva',
            anonymousId: 'y',
            at: T0,
            context: { active: false },
          }),
        ] as CustomerEvent[],
    )
    const arrival = calls.chain((list) => {
      const twice = [...list, ...list]
      return fc.tuple(fc.constant(list), fc.shuffledSubarray(twice, { minLength: twice.length }))
    })
    fc.assert(
      fc.property(
        arrival,
        fc.array(fc.nat(1e6), { minLength: 20, maxLength: 20 }),
        ([list, order], turns) => {
          const stage = new Stage(pipeline, wires)
          stage.now = NOW
          let turn = 0
          const pick = (keys: readonly string[]): string =>
            keys[(turns[turn++ % 20] as number) % keys.length] as string
          for (const e of order) {
            stage.send(...routed(e))
            if ((turns[turn++ % 20] as number) % 2 === 0) stage.step(pick(stage.waiting()))
          }
          stage.settle(pick)
          const { as_of: _, ...found } = seenAs(stage.state(profile, 'u:eva'))
          const { as_of: __, ...whole } = seenAs(hearAll(list))
          expect(found).toEqual(whole)
          expect(stage.state(profile, 'a:x')).toEqual(NO_PROFILE)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('[ING-7] a merged profile is told to the sink', () => {
    const driver = fed(order('a', T0, 20))
    driver.record('a:x', { ...viewed('v', T0), userId: null }, { at: T0 })
    driver.take()
    driver.mergeInto('u:1', 'a:x', 'link')
    expect(driver.take('snapshot')).toMatchObject([
      { cause: 'identity', profile: { customer_id: 'u:1', product_views: 1, total_orders: 1 } },
    ])
    expect(driver.keys()).toEqual(['u:1'])
  })
})

describe('stored form', () => {
  const stored = (state: ProfileState): Buffer => {
    const out = new ByteWriter()
    profileCodec.write(state, out)
    return out.copy()
  }

  test('loses nothing', () => {
    fc.assert(
      fc.property(numbered, (list) => {
        const state = hearAll(list)
        expect(profileCodec.read(stored(state))).toEqual(state)
      }),
    )
    expect(profileCodec.read(stored(NO_PROFILE))).toEqual(NO_PROFILE)
  })

  test('a part that was written before is written the same, and one that changed is not', () => {
    fc.assert(
      fc.property(numbered, (list) => {
        let state = NO_PROFILE
        for (const e of list) {
          state = hear(state, e, NOW)
          expect(stored(state)).toEqual(stored(state))
          expect(profileCodec.read(stored(state))).toEqual(state)
        }
      }),
      { numRuns: 20 },
    )
  })

  test('browsing as an older release wrote it, with every time in full, is read', () => {
    const out = new ByteWriter()
    const BROWSING = 16
    out.byte(BROWSING)
    out.varint(2)
    for (const [id, at] of [
      ['mug', T0],
      ['pot', T0 + 1],
    ] as const) {
      out.text(id)
      out.signed(at)
    }
    out.varint(7)
    out.varint(1)
    out.text('pot')
    out.signed(-T0)
    for (const count of [1, 2]) out.varint(count)
    out.byte(1)
    for (const at of [T0, 0, 0]) out.signed(at)
    out.byte(0)
    expect(profileCodec.read(out.copy())).toEqual({
      ...NO_PROFILE,
      browsing: {
        viewed: [
          ['mug', T0],
          ['pot', T0 + 1],
        ],
        views: 7,
        wishlist: [['pot', -T0]],
        reviews: 1,
        content: 2,
        bestsellers: true,
      },
      firstSeen: T0,
      lastSeen: T0,
    })
  })

  test('a visitor without name who ordered five times takes under 400 bytes', () => {
    const driver = drive(profile)
    for (let i = 0; i < 5; i++) {
      const at = T0 + days(40 * i)
      for (const e of [viewed(`v${i}`, at), order(`53636${i}`, at + minutes(5), 17.85)])
        driver.record('u:1', e, { at: e.at })
    }
    driver.advanceTo(T0 + days(161))
    expect(stored(driver.state('u:1')).length).toBeLessThan(400)
  })
})
