import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { messageBlocks, messageText, PARTITIONS, type StreamSpec } from './messages.ts'
import { type NexmarkMessage, nexmarkEvent, nexmarkTime } from './nexmark.ts'
import { rnd } from './random.ts'
import { campaignsByAd, ysbEvent } from './ysb.ts'

const SEED = 42

/** Messages per partition, in order. */
function partitions(spec: StreamSpec, perBlock?: number): string[][] {
  const out: string[][] = Array.from({ length: PARTITIONS }, () => [])
  for (const block of messageBlocks(spec, perBlock)) {
    let from = 0
    for (const end of block.ends) {
      out[block.partition]?.push(block.bytes.toString('utf8', from, end))
      from = end
    }
  }
  return out
}

describe('rnd', () => {
  test('is the stated hash in exact integer arithmetic', () => {
    const mask = 0xffffffffn
    const exact = (seed: number, i: number, f: number): number => {
      let x = (BigInt(seed) + BigInt(i) * 0x9e3779b1n + BigInt(f) * 0x85ebca77n) & mask
      x ^= x >> 16n
      x = (x * 0x21f0aaadn) & mask
      x ^= x >> 15n
      x = (x * 0x735a2d97n) & mask
      x ^= x >> 15n
      return Number(x)
    }
    fc.assert(
      fc.property(fc.nat(), fc.nat(1e9), fc.nat(20), (seed, i, f) => {
        expect(rnd(seed, i, f)).toBe(exact(seed, i, f))
      }),
    )
  })
})

describe('nexmark stream', () => {
  const events = Array.from({ length: 5000 }, (_, i) => nexmarkEvent(SEED, i))

  test('has people, auctions and bids in the ratio 1 : 3 : 46', () => {
    const counts = [0, 0, 0]
    for (const e of events) counts[e.event_type] = (counts[e.event_type] ?? 0) + 1
    expect(counts).toEqual([100, 300, 4600])
  })

  test('numbers people and auctions without gaps', () => {
    expect(events.flatMap((e) => (e.event_type === 0 ? [e.person.id - 1000] : []))).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    )
    expect(events.flatMap((e) => (e.event_type === 1 ? [e.auction.id - 1000] : []))).toEqual(
      Array.from({ length: 300 }, (_, n) => n),
    )
  })

  test('keeps every field in its range', () => {
    for (const e of events)
      if (e.event_type === 1) {
        expect(e.auction.expires).toBeGreaterThan(e.auction.dateTime)
        expect(e.auction.expires - e.auction.dateTime).toBeLessThanOrEqual(334)
        expect(e.auction.reserve).toBeGreaterThan(e.auction.initialBid)
        expect(e.auction.category).toBeGreaterThanOrEqual(10)
        expect(e.auction.category).toBeLessThan(15)
      } else if (e.event_type === 2) {
        expect(e.bid.price).toBeGreaterThanOrEqual(100)
        expect(e.bid.price).toBeLessThan(100_000_000)
      }
  })

  test('writes keys in the stated order', () => {
    const keys = (i: number): string[] =>
      Object.keys(Object.values(nexmarkEvent(SEED, i))[1] as object)
    expect(keys(0).join()).toBe('id,name,city,state,dateTime')
    expect(keys(1).join()).toBe('id,seller,category,initialBid,reserve,dateTime,expires')
    expect(keys(4).join()).toBe('auction,bidder,price,channel,url,dateTime')
  })
})

describe('ysb stream', () => {
  test('has 1,000 ads in 100 campaigns', () => {
    const campaigns = campaignsByAd()
    expect(campaigns.size).toBe(1000)
    expect(new Set(campaigns.values()).size).toBe(100)
  })

  test('has only strings, known ads and an event every 10 ms', () => {
    const campaigns = campaignsByAd()
    for (let i = 0; i < 500; i++) {
      const event = ysbEvent(SEED, i)
      expect(Object.values(event).every((v) => typeof v === 'string')).toBe(true)
      expect(campaigns.has(event.ad_id)).toBe(true)
      expect(Number(event.event_time)).toBe(1_767_225_600_000 + i * 10)
    }
  })

  test('has about 240 bytes a message', () => {
    const blocks = [...messageBlocks({ workload: 'ysb', events: 4000, seed: SEED })]
    const bytes = blocks.reduce((sum, b) => sum + b.bytes.length, 0)
    expect(bytes / 4000).toBeGreaterThan(235)
    expect(bytes / 4000).toBeLessThan(245)
  })
})

describe('message blocks', () => {
  test('put message i on partition i % 4, in order, whatever the block size', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 40 }), (events, perBlock) => {
        const spec: StreamSpec = { workload: 'nexmark', events, seed: 9 }
        const got = partitions(spec, perBlock)
        got.forEach((messages, partition) => {
          const expected: string[] = []
          for (let i = partition; i < events; i += PARTITIONS) expected.push(messageText(spec, i))
          expect(messages.slice(0, -1)).toEqual(expected)
        })
      }),
      { numRuns: 40 },
    )
  })

  test('end with one sentinel a partition, an hour after the last event', () => {
    for (const messages of partitions({ workload: 'nexmark', events: 1000, seed: SEED })) {
      const last = JSON.parse(messages.at(-1) ?? '') as NexmarkMessage
      expect(last).toEqual({ event_type: 9, dateTime: nexmarkTime(999) + 3_600_000 })
    }
    for (const messages of partitions({ workload: 'ysb', events: 1000, seed: SEED }))
      expect(JSON.parse(messages.at(-1) ?? '')).toMatchObject({
        event_type: 'flush',
        event_time: String(1_767_225_600_000 + 9990 + 3_600_000),
      })
  })

  test('stay as they are when later blocks are made', () => {
    const spec: StreamSpec = { workload: 'ysb', events: 100, seed: SEED }
    const blocks = [...messageBlocks(spec, 3)]
    const again = [...messageBlocks(spec, 3)]
    expect(blocks.map((b) => b.bytes.toString())).toEqual(again.map((b) => b.bytes.toString()))
  })
})
