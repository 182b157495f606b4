/**
 * Joins through everything that can happen to processes and logs: what comes out of joins by event time is
 * a function of the two streams, not of how their records interleaved or what died in between.
 */
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import type { Prng } from '../log/simulated/prng.ts'
import { CONTROL_KEY } from '../runtime/source-time.ts'
import { isSound, simulate } from '../testing/simulation.ts'
import { type Scenario, type SimulationStep, START } from '../testing/simulation-shop.ts'
import type { SourceClock } from '../topology/plan.ts'
import { type Topology, topology } from '../topology/topology.ts'
import { type JoinOn, streamJoin, temporalJoin, within } from './index.ts'

interface Item {
  readonly id: number
  readonly key: string
  readonly at: number
}
const DISORDER = 700
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']

function joins(partitions: number): Topology {
  const t = topology('joins')
  const clock: SourceClock = { kind: 'event', disorder: DISORDER, idle: 'hold' }
  const source = (id: string) =>
    t.source<Item>(id, { topic: id, codec: jsonCodec(), clock, time: (item) => item.at })
  const [left, right] = [source('left'), source('right')]
  const side = { key: (item: Item) => item.key, codec: jsonCodec<Item>() }
  const on: JoinOn<Item, Item> = { left: side, right: side, partitions }
  const reach = within({ before: 800, after: 2_000 })
  const near = left.join('near', right, on, streamJoin({ reach, keep: 'outer', lateness: 300 }))
  near.out.sink('near-rows', { topic: 'near-rows', codec: jsonCodec() })
  near.late.sink('near-late', { topic: 'near-late', codec: jsonCodec() })
  const asOf = left.join('as-of', right, on, temporalJoin({ keep: 'left', keepFor: 1_500 }))
  asOf.out.sink('as-of-rows', { topic: 'as-of-rows', codec: jsonCodec() })
  asOf.late.sink('as-of-late', { topic: 'as-of-late', codec: jsonCodec() })
  return t
}

function steps(prng: Prng): readonly SimulationStep[] {
  const all: SimulationStep[] = []
  const newest = { left: START, right: START }
  let id = 0
  for (let batches = 4 + prng.below(5); batches > 0; batches--) {
    const topic = prng.below(2) === 0 ? 'left' : 'right'
    const records = Array.from({ length: 1 + prng.below(12) }, () => {
      newest[topic] += prng.below(7) * 100
      // No two at one instant: which of two versions came first would be up to chance.
      const at = newest[topic] - prng.below(DISORDER)
      const item = { id: id++, key: KEYS[prng.below(KEYS.length)] as string, at }
      return { key: null, value: Buffer.from(JSON.stringify(item)), timestamp: START }
    })
    all.push({ topic, records })
    if (prng.below(4) === 0) all.push('barrier')
  }
  for (const topic of ['left', 'right'])
    all.push({
      topic,
      records: [
        {
          key: Buffer.from(CONTROL_KEY),
          value: Buffer.from(JSON.stringify({ mark: START + 1_000_000 })),
          timestamp: START,
        },
      ],
    })
  return [...all, 'barrier']
}

const scenario: Scenario = {
  topology: joins,
  steps,
  // Where rows of several keys meet their order is up to chance: each is a place of its own.
  tell: (topic, records) =>
    records.map(({ value }) => ({ place: `${topic} ${value}`, text: value })),
}

describe('joins in simulation', () => {
  test('[JN13][E4][R1] no fault, kill, stale owner or compaction changes a row or the state', async () => {
    let faults = 0
    for (let seed = 1; seed <= 5; seed++) {
      const report = await simulate(seed, { scenario })
      expect(isSound(report), `${JSON.stringify(report)}`).toBe(true)
      expect(report.outputs).toBeGreaterThan(0)
      faults += Object.values(report.happened).reduce((sum, n) => sum + n, 0)
    }
    expect(faults).toBeGreaterThan(5)
  }, 30_000)
})
