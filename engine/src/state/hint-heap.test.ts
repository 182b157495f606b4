import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HintHeap } from './hint-heap.ts'
import { compareDue } from './key-bytes.ts'
import type { DuePosition } from './port.ts'

const hint = fc.record({ due: fc.nat(4), key: fc.string({ unit: 'binary', maxLength: 2 }) })
const step = fc.oneof(
  { weight: 3, arbitrary: hint.map((push) => ({ push })) },
  { weight: 2, arbitrary: fc.constant('pop' as const) },
  { weight: 1, arbitrary: fc.nat(4).map((dropDue) => ({ dropDue })) },
)

describe('hint heap', () => {
  test('[D1] is a sorted list at every moment, whatever is pushed, taken and dropped in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const heap = new HintHeap<{ readonly key: string }>()
        let list: DuePosition[] = []
        for (const each of steps) {
          if (each === 'pop') {
            heap.pop()
            list.shift()
          } else if ('push' in each) {
            heap.push(each.push.due, each.push)
            list = [...list, each.push].sort(compareDue)
          } else {
            heap.retain((due) => due !== each.dropDue)
            list = list.filter(({ due }) => due !== each.dropDue)
          }
          expect(heap.size).toBe(list.length)
          expect(heap.firstDue).toBe(list[0]?.due)
          expect(heap.first?.key).toBe(list[0]?.key)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('keys armed for an instant that is being fired are not sorted into its bucket one by one', () => {
    const heap = new HintHeap<{ readonly key: string }>()
    const count = 30_000
    for (let i = 0; i < count; i++) heap.push(1, { key: `k${i}` })
    const taken: string[] = []
    for (let first = heap.first; first !== undefined; first = heap.first) {
      heap.pop()
      taken.push(first.key)
      if (taken.length <= count) heap.push(1, { key: `late ${first.key}` })
    }
    expect(taken.length).toBe(2 * count)
  })
})
