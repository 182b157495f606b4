/**
 * What each Nexmark query means, computed over the whole stream at once.
 *
 * Written to be read against the definition, with no thought of speed and no shared code with the
 * incremental versions: a mistake made there must not be able to hide here.
 */
import type { Auction, Bid, NexmarkEvent, Person } from '../generator/nexmark.ts'

export interface NexmarkData {
  readonly people: readonly Person[]
  readonly auctions: readonly Auction[]
  readonly bids: readonly Bid[]
}

const WINDOW_MS = 10_000
const HOP_MS = 2_000
const SESSION_GAP_MS = 10_000

export function collect(events: Iterable<NexmarkEvent>): NexmarkData {
  const people: Person[] = []
  const auctions: Auction[] = []
  const bids: Bid[] = []
  for (const event of events)
    if (event.event_type === 0) people.push(event.person)
    else if (event.event_type === 1) auctions.push(event.auction)
    else bids.push(event.bid)
  return { people, auctions, bids }
}

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const k = key(item)
    const group = groups.get(k)
    if (group === undefined) groups.set(k, [item])
    else group.push(item)
  }
  return groups
}

const windowStart = (time: number): number => Math.floor(time / WINDOW_MS) * WINDOW_MS

/** Pass-through. */
export const q0 = (data: NexmarkData): string[] =>
  data.bids.map((b) => `${b.auction},${b.bidder},${b.price},${b.dateTime}`)

/** Dollars to euros at 0.908, kept in integer thousandths. */
export const q1 = (data: NexmarkData): string[] =>
  data.bids.map((b) => `${b.auction},${b.bidder},${b.price * 908},${b.dateTime}`)

/** Bids on every 123rd auction. */
export const q2 = (data: NexmarkData): string[] =>
  data.bids.filter((b) => b.auction % 123 === 0).map((b) => `${b.auction},${b.price}`)

/** Who sells in category 10 from three states. */
export function q3(data: NexmarkData): string[] {
  const sellers = groupBy(
    data.people.filter((p) => ['OR', 'ID', 'CA'].includes(p.state)),
    (p) => p.id,
  )
  return data.auctions
    .filter((a) => a.category === 10)
    .flatMap((a) =>
      (sellers.get(a.seller) ?? []).map((p) => `${p.name},${p.city},${p.state},${a.id}`),
    )
}

/** Average closing price per category, over auctions with a bid while they were open. */
export function q4(data: NexmarkData): string[] {
  const bids = groupBy(data.bids, (b) => b.auction)
  const closing = data.auctions.flatMap((a) => {
    const valid = (bids.get(a.id) ?? []).filter(
      (b) => a.dateTime <= b.dateTime && b.dateTime <= a.expires,
    )
    return valid.length === 0
      ? []
      : [{ category: a.category, price: Math.max(...valid.map((b) => b.price)) }]
  })
  return [...groupBy(closing, (c) => c.category)].map(([category, prices]) => {
    const sum = prices.reduce((total, c) => total + c.price, 0)
    return `${category},${Math.floor(sum / prices.length)}`
  })
}

/** The auctions with most bids in each window of 10 s, every 2 s. */
export function q5(data: NexmarkData): string[] {
  const placed = data.bids.flatMap((bid) => {
    const last = Math.floor(bid.dateTime / HOP_MS) * HOP_MS
    const starts: number[] = []
    for (let start = last; start > bid.dateTime - WINDOW_MS; start -= HOP_MS) starts.push(start)
    return starts.map((start) => ({ start, bid }))
  })
  return [...groupBy(placed, (p) => p.start)].flatMap(([start, inWindow]) => {
    const byAuction = [...groupBy(inWindow, (p) => p.bid.auction)]
    const most = Math.max(...byAuction.map(([, bids]) => bids.length))
    return byAuction
      .filter(([, bids]) => bids.length === most)
      .map(([auction]) => `${start + WINDOW_MS},${auction},${most}`)
  })
}

/** The highest bids of each window of 10 s. */
export function q7(data: NexmarkData): string[] {
  return [...groupBy(data.bids, (b) => windowStart(b.dateTime))].flatMap(([start, bids]) => {
    const highest = bids.reduce((max, b) => Math.max(max, b.price), 0)
    return bids
      .filter((b) => b.price === highest)
      .map((b) => `${start + WINDOW_MS},${b.auction},${b.bidder},${b.price},${b.dateTime}`)
  })
}

/** People who opened an auction in the window in which they joined. */
export function q8(data: NexmarkData): string[] {
  const selling = new Set(data.auctions.map((a) => `${a.seller}@${windowStart(a.dateTime)}`))
  const rows = data.people
    .filter((p) => selling.has(`${p.id}@${windowStart(p.dateTime)}`))
    .map((p) => `${p.id},${p.name},${windowStart(p.dateTime)}`)
  return [...new Set(rows)]
}

/** Bids per session of a bidder; a pause of exactly the gap does not end a session. */
export function q11(data: NexmarkData): string[] {
  return [...groupBy(data.bids, (b) => b.bidder)].flatMap(([bidder, bids]) => {
    const times = bids.map((b) => b.dateTime).sort((a, b) => a - b)
    const rows: string[] = []
    let from = 0
    times.forEach((time, at) => {
      const next = times[at + 1]
      if (next !== undefined && next - time <= SESSION_GAP_MS) return
      rows.push(`${bidder},${at + 1 - from},${times[from]},${time + SESSION_GAP_MS}`)
      from = at + 1
    })
    return rows
  })
}

/** Statistics of the bids on each auction. */
export function q17(data: NexmarkData): string[] {
  return [...groupBy(data.bids, (b) => b.auction)].map(([auction, bids]) => {
    const prices = bids.map((b) => b.price)
    const low = prices.filter((p) => p < 10_000).length
    const middle = prices.filter((p) => p >= 10_000 && p < 1_000_000).length
    const high = prices.filter((p) => p >= 1_000_000).length
    const min = prices.reduce((a, b) => Math.min(a, b))
    const max = prices.reduce((a, b) => Math.max(a, b))
    const sum = prices.reduce((a, b) => a + b, 0)
    return `${auction},${prices.length},${low},${middle},${high},${min},${max},${sum}`
  })
}

/** The latest bid of each bidder on each auction. */
export function q18(data: NexmarkData): string[] {
  return [...groupBy(data.bids, (b) => `${b.auction},${b.bidder}`)].map(
    ([pair, bids]) => `${pair},${bids.reduce((last, b) => Math.max(last, b.dateTime), 0)}`,
  )
}
