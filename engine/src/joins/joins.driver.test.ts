/**
 * Joins as topologies on a log: several source partitions at speeds of their own, 1 to 8 partitions of the
 * join, crashes in between. What is committed is compared with a recompute from scratch.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { TestDriver } from '../testing/driver.ts'
import type { SourceClock } from '../topology/plan.ts'
import { type Stream, type Topology, topology } from '../topology/topology.ts'
import { type Joined, type JoinOn, type LateSide, streamJoin, within } from './index.ts'

type Side = 'left' | 'right'
interface Item {
  readonly id: number
  readonly key: string
  readonly at: number
}
const DISORDER = 5
const BEFORE = 4
const AFTER = 9
const LATENESS = 6
const SOURCE_PARTITIONS = 2
const reach = within({ before: BEFORE, after: AFTER })
const side = { key: (item: Item) => item.key, codec: jsonCodec<Item>() }
const over = (partitions: number): JoinOn<Item, Item> => ({ left: side, right: side, partitions })
const sink = <T>(topic: string) => ({ topic, codec: jsonCodec<T>(), partitions: 1 })

const source = (t: Topology, id: Side, clock: SourceClock): Stream<Item> =>
  t.source<Item>(id, {
    topic: id,
    codec: jsonCodec(),
    partitions: SOURCE_PARTITIONS,
    clock,
    time: (item) => item.at,
  })

function outerJoin(partitions: number): Topology {
  const t = topology('outer')
  const clock: SourceClock = { kind: 'event', disorder: DISORDER, idle: 'hold' }
  const how = streamJoin({ reach, keep: 'outer', lateness: LATENESS, retract: true })
  const joined = source(t, 'left', clock).join(
    'j',
    source(t, 'right', clock),
    over(partitions),
    how,
  )
  const out = joined.out.map((row): Told => ({ name: 'out', row }))
  const taken = joined.retract.map((row): Told => ({ name: 'retract', row }))
  // One sink: what is taken back must stand in front of what replaces it.
  out.merge(taken).sink('rows', sink('rows'))
  joined.late.sink('late', sink('late'))
  return t
}

interface Told {
  readonly name: 'out' | 'retract'
  readonly row: Joined<Item, Item>
}
const spell = ({ left, right }: Joined<Item, Item>): string =>
  `${left?.id ?? null}+${right?.id ?? null}`

/** The rows that stand after all that was committed. */
function standing(told: readonly Told[]): string[] {
  const rows = new Set<string>()
  for (const { name, row } of told) {
    expect(rows.has(spell(row)), `${name} ${spell(row)}`).toBe(name === 'retract')
    if (name === 'retract') rows.delete(spell(row))
    else rows.add(spell(row))
  }
  return [...rows].sort()
}

interface Arrival extends Item {
  readonly side: Side
  readonly now: number
}

/** Marks of all source partitions; task time is their minimum. */
class Marks {
  readonly #marks = new Map<string, number>()
  constructor() {
    for (const s of ['left', 'right'])
      for (let p = 0; p < SOURCE_PARTITIONS; p++)
        this.#marks.set(`${s}/${p}`, Number.NEGATIVE_INFINITY)
  }
  see(place: string, at: number): void {
    this.#marks.set(place, Math.max(this.#marks.get(place) ?? 0, at - DISORDER))
  }
  get now(): number {
    return Math.min(...this.#marks.values())
  }
}

function recompute(arrivals: readonly Arrival[], now: number) {
  const taken = arrivals.filter((r) => r.now - r.at <= LATENESS)
  const of = (s: Side) => taken.filter((r) => r.side === s)
  const meet = (l: Arrival, r: Arrival) =>
    l.key === r.key && r.at - l.at >= -BEFORE && r.at - l.at <= AFTER
  const rows = of('left').flatMap((l) =>
    of('right').flatMap((r) => (meet(l, r) ? [`${l.id}+${r.id}`] : [])),
  )
  for (const l of of('left'))
    if (l.at + AFTER < now && !of('right').some((r) => meet(l, r))) rows.push(`${l.id}+null`)
  for (const r of of('right'))
    if (r.at + BEFORE < now && !of('left').some((l) => meet(l, r))) rows.push(`null+${r.id}`)
  const late = arrivals.filter((r) => r.now - r.at > LATENESS).map((r) => r.id)
  return { rows: rows.sort(), late }
}

const steps = fc.array(
  fc.record({
    side: fc.constantFrom<Side>('left', 'right'),
    partition: fc.nat(SOURCE_PARTITIONS - 1),
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    pass: fc.constantFrom(0, 1, 3, 3, 8),
    back: fc.integer({ min: 0, max: 20 }),
    crash: fc.constantFrom(false, false, false, false, true),
  }),
  { minLength: 20, maxLength: 30 },
)

describe('joins on a log', () => {
  test.each([1, 4, 8])(
    '[JN2][JN4][JN13] after each step, crashes included, the committed rows are those of a recompute, on %i partitions',
    async (partitions) => {
      await fc.assert(
        fc.asyncProperty(steps, async (trace) => {
          const driver = await TestDriver.start(outerJoin(partitions), { startAt: 1_000 })
          const marks = new Marks()
          const arrivals: Arrival[] = []
          let clock = 1_000
          // Until every partition has spoken there is no time.
          for (const s of ['left', 'right'] as const)
            for (let p = 0; p < SOURCE_PARTITIONS; p++) {
              await driver.control(s, { mark: clock - DISORDER }, { partition: p })
              marks.see(`${s}/${p}`, clock)
            }
          for (const { side: s, partition, key, pass, back, crash } of trace) {
            clock += pass
            const item = { id: arrivals.length, key, at: clock - back }
            marks.see(`${s}/${partition}`, item.at)
            await driver.settle()
            await driver.pipe(s, [item], { partition })
            if (crash) await driver.crash()
            await driver.settle()
            arrivals.push({ ...item, side: s, now: marks.now })
            const late = await driver.read<LateSide<Item, Item>>('late', jsonCodec())
            expect({
              rows: standing(await driver.read<Told>('rows', jsonCodec())),
              late: late.map(({ value }) => value.id),
            }).toEqual(recompute(arrivals, marks.now))
          }
          await driver.stop()
        }),
        { numRuns: 5 },
      )
    },
    30_000,
  )
})
