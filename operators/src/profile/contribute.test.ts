import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days, hours, jsonCodec, minutes, topology } from '#engine'
import { TestDriver } from '#engine/testing'
import type { CustomerEvent, InboxRecord } from '../contract.ts'
import { createDedupe } from '../ingest/dedupe.ts'
import { event, T0, track } from '../ingest/events.fixture.ts'
import { identity } from '../ingest/identity.ts'
import { routingKey } from '../ingest/routing.ts'
import { createContribute } from './contribute.ts'
import { type ContributionChange, contributionAt, isKnown } from './contribution.ts'
import { contributionChangeCodec } from './contribution-codec.ts'
import { cutPointsOperator } from './cut-points-operator.ts'
import type { CutPoints } from './cutpoints.ts'
import { profile } from './profile.ts'
import { countIn, cutPointsOf, NO_COUNTS, type ShopCounts } from './shop-counts.ts'
import { NO_PROFILE, type ProfileState } from './state.ts'

const events = jsonCodec<CustomerEvent>()
const sets = jsonCodec<CutPoints>()
const MIDNIGHT = T0 + hours(12)

/** From events to cut points, with everything in between that a customer's state goes through. */
function shop(partitions: number) {
  const t = topology('shop')
  const inbox = t.inbox<InboxRecord>('customers', {
    codec: jsonCodec<InboxRecord>(),
    partitions,
    mergeable: true,
  })
  t.source<CustomerEvent>('events', {
    topic: 'events',
    codec: events,
    clock: { kind: 'append', idle: 'hold' },
  }).into(inbox, routingKey, { wrap: (e): InboxRecord => ({ kind: 'event', event: e }) })
  const deduped = inbox.stream().process(createDedupe())
  deduped.duplicate.ignore()
  deduped.overflow.ignore()
  const identified = deduped.fresh.process(identity)
  identified.forward.into(inbox, (f) => f.to, { wrap: (f) => f.record, loop: true })
  identified.identity.ignore()
  identified.refused.ignore()
  const profiled = identified.event.process(profile)
  profiled.session.ignore()
  profiled.snapshot.ignore()
  profiled.profiled.ignore()
  const cuts = profiled.changed
    .process(createContribute(profile))
    .change.keyBy('shop', () => 'shop', { codec: contributionChangeCodec })
    .process(cutPointsOperator)
  cuts.cutPoints.sink('sets', { topic: 'sets', codec: sets, partitions: 1 })
  cuts.late.ignore()
  return t
}

const IDS = ['u:1', 'u:2', 'u:3', 'a:x', 'a:y', 'a:z']

class Shop {
  readonly driver: TestDriver
  #seen = 0

  constructor(driver: TestDriver) {
    this.driver = driver
  }

  static async open(partitions: number, seed?: number): Promise<Shop> {
    const faults = { 'commit:abortable': 0.02, 'commit:retriable': 0.02 } as const
    return new Shop(
      await TestDriver.start(shop(partitions), {
        startAt: T0,
        ...(seed === undefined ? {} : { log: { faults: { seed, probability: faults } } }),
      }),
    )
  }

  async tell(...told: readonly CustomerEvent[]): Promise<this> {
    await this.driver.pipe('events', told)
    await this.driver.settle()
    return this
  }

  async to(at: number): Promise<this> {
    await this.driver.control('events', { mark: at }, { at })
    await this.driver.advance(at)
    return this
  }

  profile(key: string): ProfileState {
    return this.driver.state('customers', 'profile', key) as ProfileState
  }

  counts(): ShopCounts {
    return (this.driver.state('shop', 'cut-points', 'shop') as { counts: ShopCounts }).counts
  }

  /** Every message to the shop stage. */
  async changes(): Promise<ContributionChange[]> {
    return (await this.driver.inbox('shop')).map((it) => it.value as ContributionChange)
  }

  /** The sets made since it was asked last. */
  async made(): Promise<CutPoints[]> {
    const all = await this.driver.read('sets', sets)
    return all.slice(this.#seen, (this.#seen = all.length))
  }

  /** The definition: every customer counted anew, from the profiles as they are. */
  countedAnew(midnight: number): ShopCounts {
    let counts = NO_COUNTS
    for (const key of IDS) {
      const state = this.profile(key)
      const is = isKnown(key, state) ? contributionAt(state, midnight) : null
      if (is !== null) counts = countIn(counts, is, 1)
    }
    return counts
  }
}

const order = (id: string, at: number, revenue = 20) =>
  track(`m-${id}`, 'Order Completed', at, { order_id: id, revenue })
const viewed = (id: string, at: number) => track(id, 'Product Viewed', at, { product_id: 'mug' })

describe('what customers tell the shop', () => {
  test('[PRO-6] [C5] [C8] of one order: that it came, and each window that it left', async () => {
    const customer = await (await Shop.open(1)).tell(order('a', T0, 20))
    await customer.to(MIDNIGHT + days(7))
    for (let day = 14; day <= 406; day += 7) await customer.to(MIDNIGHT + days(day))
    const today = (MIDNIGHT - days(1)) / days(1)
    const bought = { lastOrder: today, frequency: 1, monetary: 2_000, lastActive: today }
    expect(await customer.changes()).toEqual([
      { midnight: MIDNIGHT, was: [], is: { ...bought, engagement: 1 } },
      {
        midnight: MIDNIGHT + days(30),
        was: [{ ...bought, engagement: 1 }],
        is: { ...bought, engagement: 0 },
      },
      { midnight: MIDNIGHT + days(365), was: [{ ...bought, engagement: 0 }], is: null },
    ])
    expect(customer.counts()).toEqual(NO_COUNTS)
    // A set for every midnight that she counted at, and none after.
    expect(await customer.made()).toHaveLength(365)
    await customer.driver.stop()
  })

  test('[PRO-6] [C4] the state as of midnight, whatever was processed before the timer fired', async () => {
    const early = [order('a', T0 - days(3)), viewed('1', T0)]
    const ahead = [viewed('2', MIDNIGHT), order('b', MIDNIGHT + 1, 99)]
    const told = async (list: readonly CustomerEvent[]) => {
      const customer = await (await Shop.open(1)).tell(...list)
      await customer.to(MIDNIGHT + minutes(30))
      const changes = await customer.changes()
      await customer.to(MIDNIGHT + days(1) + minutes(30))
      const next = (await customer.changes()).slice(changes.length)
      await customer.driver.stop()
      return { changes, next }
    }
    const punctual = await told(early)
    const mixed = await told([...early, ...ahead])
    expect(mixed.changes).toEqual(punctual.changes)
    expect(punctual.changes).toMatchObject([{ is: { frequency: 1, engagement: 2 } }])
    expect(punctual.next).toEqual([])
    expect(mixed.next).toMatchObject([{ is: { frequency: 2, engagement: 4 } }])
  })

  test('[C7] visitors and guests do not count until there is an address, users do at once', async () => {
    const guest = { userId: null, anonymousId: 'x' }
    const shopOf = await Shop.open(1)
    await shopOf.tell({ ...order('g', T0), ...guest })
    await shopOf.to(MIDNIGHT + minutes(30))
    expect(await shopOf.changes()).toEqual([])
    const traits = { email: 'x@example.com' }
    await shopOf.tell(
      event('i', { ...guest, type: 'identify', name: '', at: MIDNIGHT + hours(1), traits }),
      viewed('v', MIDNIGHT + hours(1)),
    )
    await shopOf.to(MIDNIGHT + days(1) + minutes(30))
    expect(shopOf.counts()).toMatchObject({ population: 2, buyers: 1 })
    // Without the address she is nobody again.
    const gone = { email: null }
    const at = MIDNIGHT + days(1) + hours(1)
    await shopOf.tell(event('j', { ...guest, type: 'identify', name: '', at, traits: gone }))
    await shopOf.to(MIDNIGHT + days(2) + minutes(30))
    expect(shopOf.counts()).toMatchObject({ population: 1, buyers: 0 })
    await shopOf.driver.stop()
  })

  test('[ING-7] [C9] ids that become one are counted as one from the next midnight on', async () => {
    const shopOf = await Shop.open(4)
    const address = { type: 'identify' as const, name: '', anonymousId: 'x' }
    await shopOf.tell(
      event('1', { ...address, at: T0, traits: { email: 'x@example.com' } }),
      { ...order('a', T0 + 1), userId: null, anonymousId: 'x' },
      order('b', T0 + 2),
    )
    await shopOf.to(MIDNIGHT + minutes(30))
    expect(shopOf.counts()).toMatchObject({ population: 2, buyers: 2 })
    await shopOf.tell(event('2', { ...address, userId: '1', at: MIDNIGHT + hours(1) }))
    expect(shopOf.profile('a:x')).toEqual(NO_PROFILE)
    await shopOf.to(MIDNIGHT + days(1) + minutes(30))
    expect((await shopOf.changes()).at(-1)).toMatchObject({
      was: [{ frequency: 1 }, { frequency: 1 }],
      is: { frequency: 2, monetary: 4_000 },
    })
    expect(shopOf.counts()).toEqual(shopOf.countedAnew(MIDNIGHT + days(1)))
    await shopOf.driver.stop()
  })
})

/** A step of a trace: what is told at an instant, and how many midnights pass then. */
interface Day {
  readonly told: readonly CustomerEvent[]
  readonly midnights: number
  readonly crash: boolean
}

const NAMES = ['Product Viewed', 'Order Completed', 'Order Refunded', 'Order Cancelled'] as const
const told = fc.record({
  name: fc.constantFrom(...NAMES, 'Order Completed' as const),
  who: fc.constantFrom<[string | null, string | null]>(
    ['1', null],
    ['2', null],
    ['3', null],
    [null, 'x'],
    [null, 'y'],
    [null, 'z'],
  ),
  /** Late by days, or ahead of its time. */
  late: fc.oneof(fc.constant(0), fc.integer({ min: -9, max: 100 })),
  order: fc.constantFrom('1', '2', '3', '4', '5', '6'),
  revenue: fc.nat(400),
  call: fc.oneof(
    { weight: 6, arbitrary: fc.constant('track' as const) },
    { weight: 1, arbitrary: fc.constantFrom('address' as const, 'link' as const) },
  ),
})

const trace = fc.array(
  fc.record({
    told: fc.array(told, { maxLength: 3 }),
    midnights: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 8 })),
    crash: fc.integer({ max: 15, min: 0 }).map((n) => n === 0),
  }),
  { minLength: 12, maxLength: 30 },
)

type Trace = typeof trace extends fc.Arbitrary<infer T> ? T : never

/** Traces as events: each step at noon of the day that the ones before it have led to. */
function daysOf(steps: Trace): readonly Day[] {
  let noon = T0
  return steps.map(({ told: list, midnights, crash }, i) => {
    const at = noon
    noon += days(midnights)
    const events = list.map(({ name, who: [userId, anonymousId], late, call, ...of }, j) => {
      const fields = { at: at - days(late), receivedAt: at, userId, anonymousId }
      const id = `${i}.${j}`
      if (call === 'track')
        return event(id, {
          ...fields,
          name,
          properties: { order_id: of.order, revenue: of.revenue, product_id: 'p' },
        })
      const linked = { userId: '1', anonymousId: anonymousId ?? 'x' }
      return event(id, {
        ...fields,
        ...(call === 'link' ? linked : {}),
        type: 'identify',
        name: '',
        traits: { email: of.revenue % 3 === 0 ? null : 'x@example.com' },
      })
    })
    return { told: events, midnights, crash }
  })
}

async function matchesCountingAnew(steps: Trace, partitions: number, seed: number) {
  const all = await Shop.open(partitions, seed)
  const made: CutPoints[] = []
  let midnight = MIDNIGHT - days(1)
  const pass = async (midnights: number) => {
    const first = midnight + days(1)
    midnight += days(midnights)
    await all.to(midnight + minutes(30))
    const sets = await all.made()
    const anew = Array.from({ length: midnights }, (_, i) => first + days(i))
      .map((at) => cutPointsOf(all.countedAnew(at), at))
      .filter((set) => set.population > 0)
    expect(sets).toEqual(anew)
    made.push(...sets)
  }
  for (const { told: list, midnights, crash } of daysOf(steps)) {
    await all.tell(...list)
    if (crash) await all.driver.crash()
    await pass(midnights)
    if (!crash) await all.to(midnight + hours(12))
  }
  // Everything ages away, to the last count.
  for (let passed = 0; passed < 384; passed += 8) await pass(8)
  expect(all.counts()).toEqual(NO_COUNTS)
  for (const key of IDS) expect(all.driver.state('customers', 'contribute', key)).toEqual([])
  await all.driver.stop()
  return made
}

describe('counting changes', () => {
  test('[PRO-6] [C4] [C9] equals counting every customer anew, at every midnight, on any number of partitions', async () => {
    await fc.assert(
      fc.asyncProperty(trace, fc.nat(1e6), async (steps, seed) => {
        const one = await matchesCountingAnew(steps, 1, seed)
        expect(await matchesCountingAnew(steps, 4, seed + 1)).toEqual(one)
      }),
      { numRuns: 6 },
    )
  }, 60_000)
})
