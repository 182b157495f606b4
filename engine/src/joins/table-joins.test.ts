/** Joins whose order is the inbox's: after every step what stands equals a join of the tables as they are. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { drive } from '../testing/harness.ts'
import { changeJoin } from './change-join.ts'
import { foreignJoin } from './foreign-join.ts'
import type { Keep } from './join.ts'
import { tableJoin } from './table-join.ts'

interface Row {
  readonly id: number
  readonly value: number
}
const codecs = { left: jsonCodec<Row>(), right: jsonCodec<Row>() }
/** Values below 0 delete. */
const gone = (row: Row): boolean => row.value < 0

const steps = fc.array(
  fc.record({
    side: fc.constantFrom('left' as const, 'right' as const),
    id: fc.integer({ min: 0, max: 3 }),
    key: fc.constantFrom('a', 'b'),
    value: fc.integer({ min: -2, max: 9 }),
  }),
  { maxLength: 30 },
)

describe('joins with tables', () => {
  test('[JN8] a record meets the row as it stands in the inbox order', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom('inner' as const, 'left' as const), (trace, keep) => {
        const driven = drive(tableJoin({ keep, removes: gone })('j', codecs).operator)
        const rows = new Map<string, Row>()
        const expected: unknown[] = []
        for (const { side, id, key, value } of trace) {
          const row = { id, value }
          driven.record(key, { side, value: row }, { at: 1_000 - id, now: 1_000 })
          if (side === 'left') {
            const right = rows.get(key) ?? null
            if (right !== null || keep === 'left') expected.push({ left: row, right })
          } else if (gone(row)) rows.delete(key)
          else rows.set(key, row)
        }
        expect(driven.take('out')).toEqual(expected)
        expect(driven.keys()).toEqual([...rows.keys()].sort())
      }),
      { numRuns: 200 },
    )
  })

  test('[JN8] a row is forgotten when its time to live is over, told by the time of its last change', () => {
    const driven = drive(tableJoin({ keep: 'left', ttl: 10 })('j', codecs).operator)
    const row = { id: 1, value: 1 }
    driven.record('a', { side: 'right', value: row }, { at: 100 })
    driven.record('a', { side: 'left', value: row }, { at: 109 })
    driven.record('a', { side: 'left', value: row }, { at: 110 })
    expect(driven.take('out').map(({ right }) => right)).toEqual([row, null])
    expect(driven.keys()).toEqual([])
  })

  test('[JN11] of two tables comes a table: its changes add up to the join of both', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom<Keep>('inner', 'left', 'outer'), (trace, keep) => {
        const removes = { left: gone, right: gone }
        const driven = drive(changeJoin({ keep, removes })('j', codecs).operator)
        const tables = { left: new Map<string, Row>(), right: new Map<string, Row>() }
        const standing = new Map<string, unknown>()
        for (const { side, id, key, value } of trace) {
          const row = { id, value }
          driven.record(key, { side, value: row }, { at: 1_000 })
          if (gone(row)) tables[side].delete(key)
          else tables[side].set(key, row)
          for (const change of driven.take('out')) {
            if (change.row !== null) standing.set(change.key, change.row)
            else expect(standing.delete(change.key), 'what is deleted was there').toBe(true)
          }
          const expected = new Map<string, unknown>()
          for (const k of ['a', 'b']) {
            const joined = { left: tables.left.get(k) ?? null, right: tables.right.get(k) ?? null }
            const wanted =
              (joined.left !== null && (joined.right !== null || keep !== 'inner')) ||
              (joined.right !== null && keep === 'outer')
            if (wanted) expected.set(k, joined)
          }
          expect(standing).toEqual(expected)
        }
        expect(driven.keys()).toEqual(
          ['a', 'b'].filter((k) => tables.left.has(k) || tables.right.has(k)),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('[JN12] by foreign key: each left row with the row it names, whichever of them changes', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom('inner' as const, 'left' as const), (trace, keep) => {
        const primary = (row: Row): string => `row ${row.id}`
        const removes = { left: gone, right: gone }
        const driven = drive(foreignJoin({ keep, primary, removes })('j', codecs).operator)
        const lefts = new Map<string, { row: Row; names: string }>()
        const rights = new Map<string, Row>()
        const standing = new Map<string, unknown>()
        for (const step of trace) {
          const { side, id, value } = step
          // A left row always names the same right row.
          const key = side === 'left' ? (id % 2 === 0 ? 'a' : 'b') : step.key
          const row = { id, value }
          driven.record(key, { side, value: row }, { at: 1_000 })
          if (side === 'left' && gone(row)) lefts.delete(primary(row))
          else if (side === 'left') lefts.set(primary(row), { row, names: key })
          else if (gone(row)) rights.delete(key)
          else rights.set(key, row)
          for (const change of driven.take('out')) {
            if (change.row !== null) standing.set(change.key, change.row)
            else expect(standing.delete(change.key), 'what is deleted was there').toBe(true)
          }
          const expected = new Map<string, unknown>()
          for (const [name, left] of lefts) {
            const right = rights.get(left.names) ?? null
            if (right !== null || keep === 'left') expected.set(name, { left: left.row, right })
          }
          expect(standing).toEqual(expected)
        }
        const named = new Set([...[...lefts.values()].map((l) => l.names), ...rights.keys()])
        expect(driven.keys()).toEqual([...named].sort())
      }),
      { numRuns: 300 },
    )
  })

  test('[JN7] a key with as many left rows as it may have refuses more, but takes changes of those', () => {
    const options = { keep: 'left', primary: (row: Row) => String(row.id), maxPerKey: 1 } as const
    const driven = drive(foreignJoin(options)('j', codecs).operator, { onError: 'record' })
    for (const [id, value] of [
      [1, 1],
      [2, 1],
      [1, 2],
    ] as const)
      driven.record('a', { side: 'left', value: { id, value } }, { at: 1_000 })
    expect(driven.failures.map(({ error }) => String(error))).toEqual([
      expect.stringContaining('join_overflow'),
    ])
    expect(driven.take('out').map(({ key, row }) => [key, row?.left.value])).toEqual([
      ['1', 1],
      ['1', 2],
    ])
  })
})
