import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { partitionKey, type TopicPartition } from '../port.ts'
import { assign, type Candidate } from './assign.ts'

const TOPICS = ['a', 'b']
const partitionsOf = (counts: readonly number[]): TopicPartition[] =>
  TOPICS.flatMap((topic, t) =>
    Array.from({ length: counts[t] ?? 0 }, (_, partition) => ({ topic, partition })),
  )

const anyCandidates: fc.Arbitrary<Candidate[]> = fc
  .array(fc.subarray(TOPICS, { minLength: 1 }), { maxLength: 5 })
  .map((subscriptions) => subscriptions.map((topics, i) => ({ id: `m${i}`, topics })))

test('[L3] every partition with a subscriber has one owner, evenly, and few of them move', () => {
  fc.assert(
    fc.property(
      fc.tuple(fc.nat(6), fc.nat(6)),
      anyCandidates,
      fc.array(fc.nat(6), { maxLength: 12 }),
      (counts, candidates, owners) => {
        const partitions = partitionsOf(counts)
        const before = new Map(
          partitions.flatMap((p, i) =>
            owners[i] === undefined ? [] : [[partitionKey(p), `m${owners[i]}`] as const],
          ),
        )
        const after = assign(partitions, candidates, before)
        const load = (id: string): number => [...after.values()].filter((o) => o === id).length
        for (const p of partitions) {
          const able = candidates.filter((c) => c.topics.includes(p.topic))
          const owner = after.get(partitionKey(p))
          expect(able.map((c) => c.id).includes(owner ?? '')).toBe(able.length > 0)
          if (owner === undefined) continue
          for (const other of able) expect(load(owner) - load(other.id)).toBeLessThan(2)
        }
        expect(assign(partitions, candidates, after)).toEqual(after)
      },
    ),
    { numRuns: 200 },
  )
})

test('a newcomer takes its share and the others keep theirs', () => {
  const partitions = partitionsOf([8])
  const one = { id: 'one', topics: ['a'] }
  const two = { id: 'two', topics: ['a'] }
  const first = assign(partitions, [one], new Map())
  const second = assign(partitions, [one, two], first)
  expect([...second.values()].filter((id) => id === 'two')).toHaveLength(4)
  const third = assign(partitions, [one, two, { id: 'three', topics: ['a'] }], second)
  const moved = [...third].filter(([key, id]) => second.get(key) !== id)
  expect(moved).toHaveLength(2)
  expect(moved.every(([, id]) => id === 'three')).toBe(true)
})
