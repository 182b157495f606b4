import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type MessageBlock, messageBlocks, type WorkloadName } from '../generator/messages.ts'
import type { NexmarkMessage } from '../generator/nexmark.ts'
import { expectedResults } from '../oracles/index.ts'
import { q11 as q11Oracle } from '../oracles/nexmark.ts'
import { workloadOf } from '../verification.ts'
import { BARE_QUERIES, type BareQueryName, runBare } from './index.ts'
import { q11 } from './sessions.ts'
import { PartitionedWatermark } from './watermark.ts'
import { q5, q7 } from './windows.ts'

function expectAgreement(
  stream: { events: number; seed: number },
  queries: readonly BareQueryName[] = BARE_QUERIES,
  perBlock?: number,
): void {
  const expected = expectedResults(queries, stream)
  const blocks = new Map<WorkloadName, MessageBlock[]>()
  for (const query of queries) {
    const workload = workloadOf(query)
    const held = blocks.get(workload) ?? [...messageBlocks({ workload, ...stream }, perBlock)]
    blocks.set(workload, held)
    const { rows, hash } = runBare(query, held)
    expect({ query, rows, hash }).toEqual({ query, ...expected.get(query) })
  }
}

const bidAt = (dateTime: number, bidder = 1, price = 100): NexmarkMessage => ({
  event_type: 2,
  bid: { auction: 1000, bidder, price, channel: '', url: '', dateTime },
})

describe('bare loop', () => {
  test('gives the rows of the oracles at 100,000 events, seed 42', () => {
    expectAgreement({ events: 100_000, seed: 42 })
  })

  test('gives the rows of the oracles where windows and sessions close in flight', () => {
    // Windows of 10 s hold 100,000 events: only a longer stream closes any before its end.
    expectAgreement({ events: 230_000, seed: 7 }, ['q4', 'q5', 'q7', 'q8', 'q11'])
  })

  test.each([0, 1, 3, 51, 4097])('gives the rows of the oracles at %d events', (events) => {
    expectAgreement({ events, seed: 5 })
  })

  test('does not depend on how many messages a poll returns', () => {
    expectAgreement({ events: 9001, seed: 3 }, BARE_QUERIES, 7)
  })

  test('measures the time it took', () => {
    const { seconds, cpuSeconds } = runBare(
      'q0',
      messageBlocks({ workload: 'nexmark', events: 20_000, seed: 1 }),
    )
    expect(seconds).toBeGreaterThan(0)
    expect(cpuSeconds).toBeGreaterThan(0)
  })
})

describe('watermark', () => {
  test('is the minimum over partitions, less the bound', () => {
    const watermark = new PartitionedWatermark(2, 10)
    expect(watermark.observe(0, 100)).toBe(false)
    expect(watermark.current).toBe(Number.NEGATIVE_INFINITY)
    expect(watermark.observe(1, 50)).toBe(true)
    expect(watermark.current).toBe(40)
    expect(watermark.observe(0, 200)).toBe(false)
    expect(watermark.observe(1, 300)).toBe(true)
    expect(watermark.current).toBe(190)
  })

  test('equals the minimum recomputed after each step and never falls', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(1000))), (steps) => {
        const watermark = new PartitionedWatermark(3, 5)
        const highest = [-Infinity, -Infinity, -Infinity]
        for (const [partition, time] of steps) {
          highest[partition] = Math.max(highest[partition] as number, time)
          watermark.observe(partition, time)
          expect(watermark.current).toBe(Math.min(...highest) - 5)
        }
      }),
    )
  })
})

describe('event time in the bare queries', () => {
  test('a bid for a closed window changes nothing', () => {
    for (const create of [q5, q7, q11]) {
      const lines: string[] = []
      const query = create((line) => lines.push(line))
      query.onMessage(bidAt(1_000))
      query.onWatermark(60_000)
      const closed = lines.length
      expect(closed).toBeGreaterThan(0)
      query.onMessage(bidAt(1_500))
      query.onWatermark(120_000)
      expect(lines).toHaveLength(closed)
    }
  })

  test('a late bid still counts in the hopping windows that are open', () => {
    const lines: string[] = []
    const query = q5((line) => lines.push(line))
    query.onWatermark(5_000)
    query.onMessage(bidAt(1_000))
    query.onWatermark(60_000)
    expect(lines).toEqual(['6000,1000,1', '8000,1000,1', '10000,1000,1'])
  })

  test('a window closes at its end, not before', () => {
    const lines: string[] = []
    const query = q7((line) => lines.push(line))
    query.onMessage(bidAt(9_999))
    query.onWatermark(9_999)
    expect(lines).toEqual([])
    query.onWatermark(10_000)
    expect(lines).toEqual(['10000,1000,1,100,9999'])
  })

  test('sessions unite in any order of arrival as they do in time order', () => {
    const times = fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(times, (arrivals) => {
        const lines: string[] = []
        const query = q11((line) => lines.push(line))
        const messages = arrivals.map((time) => bidAt(time))
        for (const message of messages) query.onMessage(message)
        query.onWatermark(1_000_000)
        const bids = messages.flatMap((m) => (m.event_type === 2 ? [m.bid] : []))
        expect(lines).toEqual(q11Oracle({ people: [], auctions: [], bids }))
      }),
    )
  })

  test('a pause of exactly the gap keeps a session, one ms more ends it', () => {
    const lines: string[] = []
    const query = q11((line) => lines.push(line))
    query.onMessage(bidAt(0))
    query.onWatermark(10_000)
    query.onMessage(bidAt(10_000))
    query.onMessage(bidAt(20_001))
    query.onWatermark(1_000_000)
    expect(lines).toEqual(['1,2,0,20000', '1,1,20001,30001'])
  })
})
