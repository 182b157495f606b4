import { describe, expect, test } from 'vitest'
import {
  type ClickstreamEvent,
  type ClickstreamOptions,
  clickstream,
  introductions,
} from './clickstream.ts'

interface Call {
  readonly type: string
  readonly event?: string
  readonly messageId: string
  readonly userId: string
  readonly timestamp: string
  readonly properties?: {
    readonly total?: number
    readonly products?: { readonly price: number }[]
  }
}

const OPTIONS: ClickstreamOptions = {
  customers: 2_000,
  events: 30_000,
  seed: 7,
  startAt: Date.UTC(2026, 0, 1),
  rate: 100,
}

const parse = (event: ClickstreamEvent): Call => JSON.parse(event.bytes.toString()) as Call

describe('clickstream', () => {
  const events = [...clickstream(OPTIONS)]
  const calls = events.map(parse)

  test('gives the number of events asked for, the same each time', () => {
    expect(events).toHaveLength(OPTIONS.events)
    const again = [...clickstream(OPTIONS)].map((e) => e.bytes.toString())
    expect(again).toEqual(events.map((e) => e.bytes.toString()))
  })

  test('another seed gives another stream', () => {
    const [first] = clickstream({ ...OPTIONS, seed: 8 })
    expect(first?.bytes.toString()).not.toBe(events[0]?.bytes.toString())
  })

  test('keeps the rate, in order of time', () => {
    expect(events.map((e) => e.time)).toEqual(
      events.map((_, i) => OPTIONS.startAt + Math.floor((i * 1000) / OPTIONS.rate)),
    )
    expect(calls[100]?.timestamp).toBe('2026-01-01T00:00:01.000Z')
  })

  test('has calls of every kind, and message ids of their own', () => {
    const kinds = new Set(calls.map((c) => c.event ?? c.type))
    expect([...kinds].sort()).toEqual([
      'Order Completed',
      'Product Added',
      'Product Removed',
      'Product Viewed',
      'identify',
      'page',
    ])
    expect(new Set(calls.map((c) => c.messageId)).size).toBe(calls.length)
    expect(events.every((e, i) => e.userId === calls[i]?.userId)).toBe(true)
  })

  test('has about 300 bytes a call', () => {
    const mean = events.reduce((sum, e) => sum + e.bytes.length, 0) / events.length
    expect(mean).toBeGreaterThan(250)
    expect(mean).toBeLessThan(380)
  })

  test('orders hold what was in the cart and add up', () => {
    const orders = calls.filter((c) => c.event === 'Order Completed')
    expect(orders.length).toBeGreaterThan(100)
    for (const { properties } of orders) {
      const pence = (properties?.products ?? []).reduce((s, p) => s + Math.round(p.price * 100), 0)
      expect(pence).toBeGreaterThan(0)
      expect(Math.round((properties?.total ?? 0) * 100)).toBe(pence)
    }
  })

  test('few customers make much of it, and most are seen', () => {
    const counts = new Map<string, number>()
    for (const e of events) counts.set(e.userId, (counts.get(e.userId) ?? 0) + 1)
    const sorted = [...counts.values()].sort((a, b) => b - a)
    const top = sorted.slice(0, OPTIONS.customers / 100).reduce((a, b) => a + b, 0)
    expect(top / events.length).toBeGreaterThan(0.1)
    expect(counts.size).toBeGreaterThan(OPTIONS.customers / 2)
  })

  test('runs with one customer', () => {
    const ids = new Set(
      [...clickstream({ ...OPTIONS, customers: 1, events: 200 })].map((e) => e.userId),
    )
    expect([...ids]).toEqual(['c0'])
  })
})

describe('introductions', () => {
  test('identify each customer once', () => {
    const calls = [...introductions({ ...OPTIONS, customers: 50 })].map(parse)
    expect(calls.every((c) => c.type === 'identify')).toBe(true)
    expect(new Set(calls.map((c) => c.userId)).size).toBe(50)
  })

  test('share no message id with the stream of the same seed', () => {
    const ids = new Set(
      [...introductions({ ...OPTIONS, customers: 50 })].map((e) => parse(e).messageId),
    )
    for (const e of clickstream({ ...OPTIONS, events: 50 }))
      expect(ids.has(parse(e).messageId)).toBe(false)
  })
})
