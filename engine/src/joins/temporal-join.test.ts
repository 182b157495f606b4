/** Differential: after every step what stands equals what a recompute over all arrivals gives. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import type { Operator } from '../operator.ts'
import { drive, type Harness } from '../testing/harness.ts'
import type { LateSide, StreamJoinOutputs, Tagged } from './join.ts'
import { type TemporalJoinOptions, type TemporalJoinState, temporalJoin } from './temporal-join.ts'

/** Rows below 0 are deletions. */
type Options = TemporalJoinOptions<'inner' | 'left', boolean, number>
type Outputs = StreamJoinOutputs<number, number, 'left', true>
type State = TemporalJoinState<number, number>
const codecs = { left: jsonCodec<number>(), right: jsonCodec<number>() }
const removes = (row: number): boolean => row < 0

const build = (options: Options): Harness<Tagged<number, number>, State, Outputs> =>
  drive(
    temporalJoin(options)('j', codecs).operator as unknown as Operator<
      Tagged<number, number>,
      State,
      Outputs
    >,
  )

interface Version {
  readonly at: number
  readonly row: number
}
interface Left {
  readonly id: number
  readonly at: number
  joined: number | null | undefined
}

/** Keeps every version and every left record, and looks all of them up anew at each step. */
class Oracle {
  readonly late: (readonly [string, number])[] = []
  readonly #options: Options
  #versions: Version[] = []
  readonly #lefts: Left[] = []

  constructor(options: Options) {
    this.#options = options
  }

  tick(now: number): void {
    for (const left of this.#lefts) {
      if (left.at >= now) continue
      if (left.joined === undefined) left.joined = this.#rowAt(left.at)
      else if (this.#options.retract === true && left.at >= now - this.#options.keepFor)
        left.joined = this.#rowAt(left.at)
    }
    // A deletion is remembered for as long as a version is: then the row counts as unknown.
    const horizon = now - this.#options.keepFor
    if (this.#rowAt(horizon) === null)
      this.#versions = this.#versions.filter(({ at }) => at > horizon)
  }

  left(id: number, at: number, now: number): void {
    if (at < now - this.#options.keepFor) this.late.push([`left ${id}`, now - at])
    else this.#lefts.push({ id, at, joined: undefined })
    this.tick(now)
  }

  right(row: number, at: number, now: number): void {
    const horizon = now - this.#options.keepFor
    if (this.#versions.some((v) => at < v.at && v.at <= horizon))
      this.late.push([`right ${row}`, now - at])
    else this.#versions = [...this.#versions.filter((v) => v.at !== at), { at, row }]
    this.tick(now)
  }

  rows(): string[] {
    return this.#lefts
      .filter(
        ({ joined }) => joined !== undefined && (joined !== null || this.#options.keep === 'left'),
      )
      .map(({ id, joined }) => `${id}+${joined}`)
      .sort()
  }

  #rowAt(at: number): number | null {
    const holding = this.#versions.filter((v) => v.at <= at).sort((a, b) => a.at - b.at)
    const row = holding.at(-1)?.row ?? -1
    return row < 0 ? null : row
  }
}

const traces = fc.array(
  fc.record({
    pass: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 40 })),
    back: fc.oneof(fc.integer({ min: -2, max: 5 }), fc.integer({ min: -12, max: 40 })),
    what: fc.constantFrom('left', 'right', 'remove', 'wait'),
  }),
  { maxLength: 40 },
)
const options = fc.record({
  keep: fc.constantFrom('inner' as const, 'left' as const),
  keepFor: fc.constantFrom(0, 1, 10, 30),
  retract: fc.boolean(),
  removes: fc.constant(removes),
})

describe('temporal joins', () => {
  test('[JN9][JN10] each record meets the version of its own time, whatever order they come in', () => {
    fc.assert(
      fc.property(options, traces, (option, steps) => {
        const driven = build(option)
        const oracle = new Oracle(option)
        const rows = new Set<string>()
        const late: (readonly [string, number])[] = []
        let now = 1_000
        for (const [n, { pass, back, what }] of steps.entries()) {
          now += pass
          const when = { at: now - back, now }
          oracle.tick(now)
          if (what === 'wait') driven.advanceTo(now)
          else if (what === 'left') {
            driven.record('k', { side: 'left', value: n }, when)
            oracle.left(n, when.at, now)
          } else {
            const row = what === 'remove' ? -1 - n : n
            driven.record('k', { side: 'right', value: row }, when)
            oracle.right(row, when.at, now)
          }
          for (const { name, value } of driven.take()) {
            if (name === 'late') {
              const it = value as LateSide<number, number>
              late.push([`${it.side} ${it.value}`, it.lateness])
              continue
            }
            const { left, right } = value as { left: number; right: number | null }
            const row = `${left}+${right}`
            expect(rows.has(row), `${name} ${row}`).toBe(name === 'retract')
            if (name === 'retract') rows.delete(row)
            else rows.add(row)
          }
          expect({ rows: [...rows].sort(), late }).toEqual({
            rows: oracle.rows(),
            late: oracle.late,
          })
        }
        driven.advanceTo(now + 1_000)
        const held = driven.keys().map((key) => driven.state(key))
        for (const { versions, left } of held) {
          expect(left).toEqual([])
          expect(versions).toHaveLength(1)
          expect(versions[0]?.row).not.toBeNull()
        }
        expect(driven.timers('k')).toEqual([])
      }),
      { numRuns: 600 },
    )
  })

  test('[JN9] a record waits for its own instant to pass, and no longer', () => {
    const driven = build({ keep: 'left', keepFor: 5 })
    driven.record('k', { side: 'left', value: 1 }, { at: 100, now: 90 })
    driven.record('k', { side: 'right', value: 7 }, { at: 100, now: 95 })
    driven.record('k', { side: 'right', value: 8 }, { at: 101, now: 95 })
    driven.advanceTo(100)
    expect(driven.take()).toEqual([])
    driven.advanceTo(101)
    expect(driven.take('out')).toEqual([{ left: 1, right: 7 }])
  })

  test('[JN10] a late version takes back what it held for, up to the next version and no further', () => {
    const driven = build({ keep: 'left', keepFor: 30, retract: true })
    driven.record('k', { side: 'right', value: 7 }, { at: 100, now: 90 })
    for (const at of [94, 95, 99, 100])
      driven.record('k', { side: 'left', value: at }, { at, now: 90 })
    driven.advanceTo(101)
    driven.take()
    driven.record('k', { side: 'right', value: 6 }, { at: 95, now: 102 })
    expect(driven.take().map(({ name, value }) => [name, value])).toEqual([
      ['retract', { left: 95, right: null }],
      ['out', { left: 95, right: 6 }],
      ['retract', { left: 99, right: null }],
      ['out', { left: 99, right: 6 }],
    ])
  })

  test('[JN7] a key that holds as much as it may refuses more', () => {
    const op = temporalJoin({ keep: 'inner', keepFor: 5, maxPerKey: 1 })('j', codecs).operator
    const driven = drive(op, { onError: 'record' })
    driven.record('k', { side: 'left', value: 1 }, { at: 100, now: 90 })
    driven.record('k', { side: 'left', value: 2 }, { at: 100, now: 90 })
    driven.record('k', { side: 'right', value: 3 }, { at: 100, now: 90 })
    driven.record('k', { side: 'right', value: 4 }, { at: 101, now: 90 })
    expect(driven.failures).toHaveLength(2)
    driven.advanceTo(200)
    expect(driven.take('out')).toEqual([{ left: 1, right: 3 }])
  })
})
