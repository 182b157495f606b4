/**
 * Marks across repartitions: whatever the speeds of the upstream tasks, no record that was on time at its
 * source is late behind one repartition, or behind two with a window in between.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { TestDriver } from '../testing/driver.ts'
import type { SourceClock } from '../topology/plan.ts'
import { type Stream, type Topology, topology } from '../topology/topology.ts'
import { tumbling } from '../windows/assigners.ts'
import type { WindowResult } from '../windows/window.ts'
import { windowOperator } from '../windows/window-operator.ts'
import { type Both, type JoinOn, streamJoin, within } from './index.ts'

type Side = 'left' | 'right'
interface Item {
  readonly id: number
  readonly key: string
  readonly at: number
}
type Count = WindowResult<number>

const DISORDER = 4
const REACH = 6
const WINDOW = 10
const SIDES = ['left', 'right'] as const
const SOURCE_PARTITIONS = 2
const PLACES = SIDES.flatMap((side) => [0, 1].map((partition) => ({ side, partition })))
const START = 10_000
/** Behind everything: closes every window. */
const FINISH = START + 100_000

const itemSide = { key: (item: Item) => item.key, codec: jsonCodec<Item>() }
const countSide = { key: (count: Count) => count.key, codec: jsonCodec<Count>() }
const sink = <T>(topic: string) => ({ topic, codec: jsonCodec<T>(), partitions: 1 })

function shop(partitions: number, clock: SourceClock): Topology {
  const t = topology('marks')
  const source = (id: Side): Stream<Item> =>
    t.source<Item>(id, {
      topic: id,
      codec: jsonCodec(),
      partitions: SOURCE_PARTITIONS,
      clock,
      time: (item) => item.at,
    })
  const [left, right] = [source('left'), source('right')]
  const on: JoinOn<Item, Item> = { left: itemSide, right: itemSide, partitions }
  const reach = within({ before: REACH, after: REACH })
  const near = left.join('near', right, on, streamJoin({ reach, keep: 'inner' }))
  near.out.sink('pairs', sink('pairs'))
  near.late.sink('late-at-join', sink('late'))
  const counts = left
    .keyBy('by-key', (item) => item.key, { codec: jsonCodec(), partitions })
    .process(
      windowOperator('counts', tumbling({ size: WINDOW }), {
        initial: 0,
        add: (n: number, _item: Item) => n + 1,
      }),
    )
  counts.meta.ignore()
  counts.late.sink('late-at-window', sink('late'))
  const second = counts.out.join(
    'counted',
    right,
    { left: countSide, right: itemSide, partitions },
    streamJoin({ reach: within({ before: WINDOW }), keep: 'left' }),
  )
  second.out.sink('counted-rows', sink('counted'))
  second.late.sink('late-behind-window', sink('late'))
  return t
}

/** What each source partition holds: times of its own pace and beginning, never further back than allowed. */
const lane = fc
  .record({
    ahead: fc.constantFrom(0, 0, 7, 40, 400),
    steps: fc.array(
      fc.record({
        pass: fc.constantFrom(0, 1, 2, 5, 20),
        back: fc.integer({ min: 0, max: DISORDER }),
        key: fc.constantFrom('a', 'b', 'c', 'd'),
      }),
      { minLength: 3, maxLength: 12 },
    ),
  })
  .map(({ ahead, steps }) => {
    let newest = START + ahead
    return steps.map(({ pass, back, key }) => {
      newest += pass
      return { key, at: newest - back }
    })
  })
const lanes = fc
  .tuple(lane, lane, lane, lane)
  .map((all) => all.map((items, n) => items.map((item, i): Item => ({ ...item, id: n * 100 + i }))))
/** In which order the partitions get their next records, how much work is done between, when it crashes. */
const course = fc.array(
  fc.record({
    place: fc.nat(PLACES.length - 1),
    records: fc.integer({ min: 1, max: 4 }),
    cycles: fc.nat(4),
    crash: fc.constantFrom(false, false, false, false, false, true),
  }),
  { minLength: 5, maxLength: 25 },
)

async function checkWhole(driver: TestDriver, all: readonly (readonly Item[])[]): Promise<void> {
  const [a = [], b = [], c = [], d = []] = all
  const [lefts, rights] = [
    [...a, ...b],
    [...c, ...d],
  ]
  expect(await driver.read('late', jsonCodec())).toEqual([])
  const pairs = await driver.read<Both<Item, Item>>('pairs', jsonCodec())
  const expected = lefts.flatMap((l) =>
    rights.flatMap((r) =>
      l.key === r.key && Math.abs(l.at - r.at) <= REACH ? [`${l.id}+${r.id}`] : [],
    ),
  )
  expect(pairs.map(({ left, right }) => `${left.id}+${right.id}`).sort()).toEqual(expected.sort())
  const rows = await driver.read<{ left: Count; right: Item | null }>('counted', jsonCodec())
  const windows = new Set(lefts.map(({ key, at }) => `${key} ${Math.floor(at / WINDOW)}`))
  const seen = new Map(rows.map(({ left }) => [`${left.key} ${left.start / WINDOW}`, left.value]))
  expect(new Set(seen.keys())).toEqual(windows)
  expect([...seen.values()].reduce((sum, n) => sum + n, 0)).toBe(lefts.length)
  const counted = [...windows].flatMap((name) => {
    const [key, n] = name.split(' ')
    const end = (Number(n) + 1) * WINDOW
    const near = rights.filter((r) => r.key === key && r.at >= end - WINDOW && r.at <= end)
    return near.length === 0 ? [`${name} null`] : near.map((r) => `${name} ${r.id}`)
  })
  expect(
    rows.map(({ left, right }) => `${left.key} ${left.start / WINDOW} ${right?.id ?? null}`).sort(),
  ).toEqual(counted.sort())
}

async function finish(driver: TestDriver): Promise<void> {
  await driver.settle()
  for (const { side, partition } of PLACES)
    await driver.control(side, { mark: FINISH }, { partition })
  await driver.settle()
}

describe('marks across repartitions', () => {
  test.each([1, 3])(
    '[JN13][C1] fast, slow and stalled upstream tasks: what was on time at its source is on time at the join, on %i partitions',
    async (partitions) => {
      const clock: SourceClock = { kind: 'event', disorder: DISORDER, idle: 'hold' }
      await fc.assert(
        fc.asyncProperty(lanes, course, async (all, steps) => {
          // Two records a slice: what is read lags behind what is there, by more on some partitions.
          const options = { startAt: START, slice: { maxRecords: 2, maxBytes: 1 << 20 } }
          const driver = await TestDriver.start(shop(partitions, clock), options)
          const taken = PLACES.map(() => 0)
          const pipe = async (n: number, count: number): Promise<void> => {
            const { side, partition } = PLACES[n] as (typeof PLACES)[number]
            const from = taken[n] as number
            const items = (all[n] as Item[]).slice(from, from + count)
            taken[n] = from + items.length
            if (items.length > 0) await driver.pipe(side, items, { partition })
          }
          for (const { place, records, cycles, crash } of steps) {
            await pipe(place, records)
            driver.now += cycles
            for (let n = 0; n < cycles; n++) await driver.worker.cycle(0)
            if (crash) await driver.crash()
          }
          for (const n of PLACES.keys()) await pipe(n, 100)
          await finish(driver)
          await checkWhole(driver, all)
          await driver.stop()
        }),
        { numRuns: 12 },
      )
    },
    30_000,
  )

  test('[JN13][C2][C5] a partition that cannot be read as fast as others is not idle, however long it takes', async () => {
    const clock: SourceClock = { kind: 'event', disorder: DISORDER, idle: 'leave', idleAfter: 3 }
    await fc.assert(
      fc.asyncProperty(lanes, fc.array(fc.nat(9), { minLength: 1 }), async (all, waits) => {
        const options = { startAt: START, slice: { maxRecords: 1, maxBytes: 1 << 20 } }
        const driver = await TestDriver.start(shop(2, clock), options)
        for (const [n, { side, partition }] of PLACES.entries())
          await driver.pipe(side, all[n] as Item[], { partition })
        // A lot of time passes between any two records; those that end early leave.
        for (let n = 0; n < 40; n++) {
          driver.now += waits[n % waits.length] as number
          await driver.worker.cycle(0)
        }
        await finish(driver)
        await checkWhole(driver, all)
        await driver.stop()
      }),
      { numRuns: 15 },
    )
  }, 30_000)
})
