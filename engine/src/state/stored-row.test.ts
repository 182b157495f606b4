import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RowWriter, slotIn, slotsOf } from './stored-row.ts'

const slot = fc.constantFrom('a', 'b', 'ab', 'profile', '~timers', 'é', 'aé', '\u{1f600}')
const value = fc.option(fc.uint8Array({ maxLength: 300 }))
const change = fc.record({ slot, group: fc.constant(1), key: fc.constant('k'), value })

describe('stored row', () => {
  test('[B3] holds the last value of each slot, in the order of the ids, after any changes', () => {
    const writer = new RowWriter()
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(change, { minLength: 1, maxLength: 6, selector: (c) => c.slot })),
        (steps) => {
          let row: Uint8Array | undefined
          const expected = new Map<string, Uint8Array>()
          for (const changes of steps) {
            row = writer.changed(row, changes)
            for (const made of changes)
              if (made.value === null) expected.delete(made.slot)
              else expected.set(made.slot, made.value)
          }
          expect(row === undefined).toBe(expected.size === 0)
          for (const id of ['a', 'b', 'ab', 'profile', '~timers', 'é', 'aé', '\u{1f600}']) {
            const there = row === undefined ? undefined : slotIn(row, id)
            expect(there && [...there]).toEqual(
              expected.has(id) ? [...(expected.get(id) ?? [])] : undefined,
            )
          }
          const found = slotsOf(row ?? new Uint8Array()).map(([id, bytes]) => [id, [...bytes]])
          const sorted = [...expected].sort(([a], [b]) => (a < b ? -1 : 1))
          expect(found).toEqual(sorted.map(([id, bytes]) => [id, [...bytes]]))
        },
      ),
    )
  })
})
