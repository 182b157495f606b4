/**
 * Differential tests: after every step of a random trace, the rows that stand equal what an oracle
 * computes from scratch, from the list of all arrivals and nothing else.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import type { Operator } from '../operator.ts'
import { drive, type Harness } from '../testing/harness.ts'
import type { Keep, LateSide, StreamJoinOutputs, Tagged } from './join.ts'
import { sameWindow, within } from './reach.ts'
import { type StreamJoinOptions, type StreamJoinState, streamJoin } from './stream-join.ts'

type Side = 'left' | 'right'
type State = StreamJoinState<number, number>
type Outputs = StreamJoinOutputs<number, number, 'outer', true>
type Driven = Harness<Tagged<number, number>, State, Outputs>
type Options = StreamJoinOptions<Keep, boolean>

const codecs = { left: jsonCodec<number>(), right: jsonCodec<number>() }
const build = (options: Options): Driven =>
  drive(
    streamJoin(options)('j', codecs).operator as unknown as Operator<
      Tagged<number, number>,
      State,
      Outputs
    >,
  )

/** The reach again, by its definition: no arithmetic shared with the operator. */
type Rule =
  | { readonly kind: 'interval'; readonly before: number; readonly after: number }
  | { readonly kind: 'tumbling'; readonly size: number; readonly offset: number }

const reachOf = (rule: Rule) => (rule.kind === 'interval' ? within(rule) : sameWindow(rule))

interface Arrival {
  readonly id: number
  readonly side: Side
  readonly at: number
  readonly now: number
}

function windowOf(rule: Rule & { kind: 'tumbling' }, at: number): readonly [number, number] {
  for (let start = at - rule.size + 1; ; start++)
    if ((start - rule.offset) % rule.size === 0) return [start, start + rule.size]
}

function meets(rule: Rule, left: Arrival, right: Arrival): boolean {
  if (rule.kind === 'tumbling') return windowOf(rule, left.at)[0] === windowOf(rule, right.at)[0]
  const distance = right.at - left.at
  return -rule.before <= distance && distance <= rule.after
}

/** The last instant at which a record of this time is on time; a partner's last possible time. */
const closes = (rule: Rule, at: number): number =>
  rule.kind === 'interval' ? at : windowOf(rule, at)[1] - 1
function lastPartner(rule: Rule, { side, at }: Arrival): number {
  if (rule.kind === 'tumbling') return windowOf(rule, at)[1] - 1
  return at + (side === 'left' ? rule.after : rule.before)
}

interface Expected {
  readonly rows: string[]
  readonly late: (readonly [id: number, lateness: number])[]
}

function recompute(
  rule: Rule,
  options: Omit<Options, 'reach'>,
  arrivals: readonly Arrival[],
  now: number,
): Expected {
  const { keep, lateness = 0, retract = false } = options
  const isLate = (r: Arrival): boolean => r.now - closes(rule, r.at) > lateness
  const taken = arrivals.filter((r) => !isLate(r))
  const lefts = taken.filter((r) => r.side === 'left')
  const rights = taken.filter((r) => r.side === 'right')
  const rows = lefts.flatMap((l) =>
    rights.flatMap((r) => (meets(rule, l, r) ? [`${l.id}+${r.id}`] : [])),
  )
  const over = (r: Arrival): boolean => lastPartner(rule, r) + (retract ? 0 : lateness) < now
  if (keep !== 'inner')
    for (const l of lefts)
      if (over(l) && !rights.some((r) => meets(rule, l, r))) rows.push(`${l.id}+null`)
  if (keep === 'outer')
    for (const r of rights)
      if (over(r) && !lefts.some((l) => meets(rule, l, r))) rows.push(`null+${r.id}`)
  const late = arrivals.filter(isLate).map((r) => [r.id, r.now - closes(rule, r.at)] as const)
  return { rows: rows.sort(), late }
}

/** What stands after all that was emitted: a row is never put out twice, nor taken back unless it stands. */
class Table {
  readonly rows = new Set<string>()
  readonly late: (readonly [number, number])[] = []

  take(driven: Driven): void {
    for (const { name, value } of driven.take()) {
      if (name === 'late') {
        const late = value as LateSide<number, number>
        this.late.push([late.value, late.lateness])
        continue
      }
      const { left, right } = value as { left: number | null; right: number | null }
      const row = `${left}+${right}`
      expect(this.rows.has(row), `${name} ${row}`).toBe(name === 'retract')
      if (name === 'retract') this.rows.delete(row)
      else this.rows.add(row)
    }
  }
}

interface Step {
  readonly pass: number
  readonly back: number | null
  readonly side: Side
}
const traces = fc.array(
  fc.record({
    pass: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 40 })),
    back: fc.option(fc.integer({ min: -12, max: 25 }), { freq: 7 }),
    side: fc.constantFrom<Side>('left', 'right'),
  }),
  { maxLength: 40 },
)
const rules: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({
    kind: fc.constant('interval' as const),
    before: fc.integer({ min: 0, max: 15 }),
    after: fc.integer({ min: 0, max: 15 }),
  }),
  fc.record({
    kind: fc.constant('tumbling' as const),
    size: fc.integer({ min: 1, max: 20 }),
    offset: fc.integer({ min: -9, max: 9 }),
  }),
)
const choices = fc.record({
  keep: fc.constantFrom<Keep>('inner', 'left', 'outer'),
  lateness: fc.constantFrom(0, 0, 4, 20),
  retract: fc.boolean(),
})

/** Runs a trace on one key and calls `check` after every step. */
function run(
  driven: Driven,
  steps: readonly Step[],
  check: (arrivals: readonly Arrival[], now: number) => void,
): number {
  const arrivals: Arrival[] = []
  let now = 1_000
  for (const { pass, back, side } of steps) {
    now += pass
    if (back === null) driven.advanceTo(now)
    else {
      const arrival = { id: arrivals.length, side, at: now - back, now }
      arrivals.push(arrival)
      driven.record('k', { side, value: arrival.id }, arrival)
    }
    check(arrivals, now)
  }
  return now
}

describe('stream joins', () => {
  test('[JN2][JN3][JN4][JN5] what stands after each step is what a recompute from scratch gives', () => {
    fc.assert(
      fc.property(rules, choices, traces, (rule, choice, steps) => {
        const driven = build({ reach: reachOf(rule), ...choice })
        const table = new Table()
        const end = run(driven, steps, (arrivals, now) => {
          table.take(driven)
          const expected = recompute(rule, choice, arrivals, now)
          expect({ rows: [...table.rows].sort(), late: table.late }).toEqual(expected)
        })
        driven.advanceTo(end + 1_000)
        expect(driven.keys(), 'nothing is held for ever').toEqual([])
      }),
      { numRuns: 600 },
    )
  })

  test('[JN6] uniqueness that is true changes nothing but what is held', () => {
    fc.assert(
      fc.property(
        rules,
        choices,
        traces,
        fc.constantFrom('left', 'right', 'both'),
        (rule, choice, steps, unique) => {
          const sides = unique === 'both' ? (['left', 'right'] as const) : [unique as Side]
          const options = { reach: reachOf(rule), ...choice }
          const [plain, saving] = [build(options), build({ ...options, unique })]
          const seen: Arrival[] = []
          let now = 1_000
          for (const { pass, back, side } of steps) {
            now += pass
            const arrival = { id: seen.length, side, at: now - (back ?? 0), now }
            // One of a unique side each: those of any time that could share a partner are left out.
            const doubled = seen.some((r) => r.side === side && Math.abs(r.at - arrival.at) < 200)
            if (back === null || (sides.includes(side) && doubled)) {
              for (const driven of [plain, saving]) driven.advanceTo(now)
              continue
            }
            seen.push(arrival)
            for (const driven of [plain, saving])
              driven.record('k', { side, value: arrival.id }, arrival)
          }
          for (const driven of [plain, saving]) driven.advanceTo(now + 1_000)
          expect(saving.take()).toEqual(plain.take())
          expect(saving.keys()).toEqual([])
        },
      ),
      { numRuns: 200 },
    )
  })

  test('[JN6] of a unique side the first record of a window counts, and what met it is not held', () => {
    const driven = build({ reach: sameWindow({ size: 10 }), keep: 'inner', unique: 'both' })
    const at = (side: Side, value: number, time: number) =>
      driven.record('k', { side, value }, { at: time, now: 1_000 })
    at('left', 1, 1_001)
    at('left', 2, 1_002)
    at('right', 3, 1_003)
    at('right', 4, 1_004)
    at('right', 5, 1_011)
    expect(driven.take('out')).toEqual([{ left: 1, right: 3 }])
    const bids = build({ reach: within({ after: 10 }), keep: 'inner', unique: 'left' })
    bids.record('k', { side: 'right', value: 1 }, { at: 1_001, now: 1_000 })
    bids.record('k', { side: 'left', value: 2 }, { at: 1_000 })
    bids.record('k', { side: 'right', value: 3 }, { at: 1_002, now: 1_000 })
    expect(bids.take('out')).toEqual([
      { left: 2, right: 1 },
      { left: 2, right: 3 },
    ])
    expect(bids.state('k').right).toEqual([])
  })

  test('[JN4] a late partner takes back what was said without it, in front of the pair', () => {
    const driven = build({
      reach: within({ after: 5 }),
      keep: 'left',
      lateness: 20,
      retract: true,
    })
    driven.record('k', { side: 'left', value: 1 }, { at: 100 })
    driven.advanceTo(105)
    expect(driven.take()).toEqual([])
    driven.advanceTo(106)
    expect(driven.take().map((e) => [e.name, e.value])).toEqual([['out', { left: 1, right: null }]])
    driven.record('k', { side: 'right', value: 2 }, { at: 103, now: 110 })
    driven.record('k', { side: 'right', value: 3 }, { at: 104, now: 110 })
    expect(driven.take().map((e) => [e.name, e.value])).toEqual([
      ['retract', { left: 1, right: null }],
      ['out', { left: 1, right: 2 }],
      ['out', { left: 1, right: 3 }],
    ])
  })

  test('[JN7] a key that holds as much as it may refuses more, and says so', () => {
    const options = { reach: within({ after: 5 }), keep: 'inner', maxPerKey: 2 } as const
    const driven = drive(streamJoin(options)('j', codecs).operator, { onError: 'record' })
    for (let n = 0; n < 4; n++) driven.record('k', { side: 'left', value: n }, { at: 100 })
    driven.record('k', { side: 'right', value: 9 }, { at: 100 })
    expect(driven.take('out').map((pair) => pair.left)).toEqual([0, 1])
    expect(driven.failures.map(({ error }) => String(error))).toEqual([
      expect.stringContaining('join_overflow'),
      expect.stringContaining('join_overflow'),
    ])
  })

  test('one timer a key, and few of them for many records', () => {
    const driven = build({ reach: within({ before: 50, after: 50 }), keep: 'inner' })
    for (let n = 0; n < 1_000; n++) driven.record('k', { side: 'left', value: n }, { at: n })
    expect(driven.timers('k')).toHaveLength(1)
    expect(driven.state('k').left.length).toBeLessThan(200)
  })
})
