import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Fingerprint, SeenDay } from './seen-day.ts'

/** Few low words, so that ids meet in the index. */
const id = fc.tuple(fc.nat(12), fc.nat(9))

describe('seen day', () => {
  test('[ING-5] a value knows its own ids and none of those that others added to the same run', () => {
    const step = fc.record({ from: fc.nat(1_000), id, drop: fc.nat(40) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 150 }), (steps) => {
        const known: { value: SeenDay; ids: Fingerprint[] }[] = [
          { value: SeenDay.empty(7), ids: [] },
        ]
        for (const [i, { from, id: added, drop }] of steps.entries()) {
          // Mostly the newest goes on; now and then an older one, as after a dropped record.
          const at = from % 4 === 0 ? from % known.length : known.length - 1
          const { value, ids } = known[at] as (typeof known)[number]
          const cut = i % 50 === 49 ? Math.min(drop, ids.length) : 0
          const base = cut === 0 ? value : value.without(cut)
          known.push({ value: base.with(added), ids: [...ids.slice(cut), added] })
        }
        for (const { value, ids } of known) {
          expect([...value.ids()]).toEqual(ids)
          const names = new Set(ids.map((one) => one.join(' ')))
          for (let low = 0; low <= 12; low++)
            for (let high = 0; high <= 9; high++)
              expect(value.has([low, high])).toBe(names.has(`${low} ${high}`))
        }
      }),
      { numRuns: 30 },
    )
  })
})
