/**
 * Queries that join two of the streams: q3 (for ever), q4 (a bid with its open auction) and q8 (in one
 * window of 10 s). Either side may come first: what arrives before its partner waits for it.
 */
import type { Auction, Bid, Person } from '../generator/nexmark.ts'
import type { Emit, NexmarkQuery } from './query.ts'

const CATEGORY = 10
const STATES = new Set(['OR', 'ID', 'CA'])
const WINDOW_MS = 10_000
const LONGEST_AUCTION_MS = 334

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

/** Who sells in category 10 from three states. Both sides are kept: either may still get a partner. */
export function q3(emit: Emit): NexmarkQuery {
  const sellers = new Map<number, Person>()
  const auctions = new Map<number, Auction[]>()
  const row = (person: Person, auction: Auction): void =>
    emit(`${person.name},${person.city},${person.state},${auction.id}`)
  return {
    onMessage(message) {
      if (message.event_type === 0 && STATES.has(message.person.state)) {
        const { person } = message
        sellers.set(person.id, person)
        for (const auction of auctions.get(person.id) ?? []) row(person, auction)
      } else if (message.event_type === 1 && message.auction.category === CATEGORY) {
        const { auction } = message
        append(auctions, auction.seller, auction)
        const seller = sellers.get(auction.seller)
        if (seller !== undefined) row(seller, auction)
      }
    },
    onWatermark() {},
  }
}

interface OpenAuction {
  readonly auction: Auction
  highest: number
}

/**
 * Average closing price per category, put out anew whenever a bid changes it. An auction, and a bid that
 * waits for one, is forgotten when no partner can come any more.
 */
export function q4(emit: Emit): NexmarkQuery {
  const open = new Map<number, OpenAuction>()
  const early = new Map<number, Bid[]>()
  const averages = new Map<number, { auctions: number; sum: number }>()
  let swept = Number.NEGATIVE_INFINITY

  function take({ auction, highest }: OpenAuction, bid: Bid): number {
    const valid = auction.dateTime <= bid.dateTime && bid.dateTime <= auction.expires
    if (!valid || bid.price <= highest) return highest
    let average = averages.get(auction.category)
    if (average === undefined) averages.set(auction.category, (average = { auctions: 0, sum: 0 }))
    if (highest === 0) average.auctions++
    average.sum += bid.price - highest
    emit(`${auction.category},${Math.floor(average.sum / average.auctions)}`)
    return bid.price
  }

  return {
    onMessage(message) {
      if (message.event_type === 1) {
        const { auction } = message
        const opened: OpenAuction = { auction, highest: 0 }
        open.set(auction.id, opened)
        for (const bid of early.get(auction.id) ?? []) opened.highest = take(opened, bid)
        early.delete(auction.id)
      } else if (message.event_type === 2) {
        const { bid } = message
        const opened = open.get(bid.auction)
        if (opened === undefined) append(early, bid.auction, bid)
        else opened.highest = take(opened, bid)
      }
    },
    onWatermark(watermark) {
      if (watermark < swept + LONGEST_AUCTION_MS) return
      swept = watermark
      for (const [id, { auction }] of open) if (auction.expires < watermark) open.delete(id)
      for (const [id, bids] of early) if ((bids.at(-1)?.dateTime ?? 0) < watermark) early.delete(id)
    },
  }
}

interface Newcomers {
  /** Names by id, of those who have not sold yet. */
  readonly waiting: Map<number, string>
  readonly sold: Set<number>
  readonly sellers: Set<number>
}

/** People who opened an auction in the window in which they joined, each once. */
export function q8(emit: Emit): NexmarkQuery {
  const windows = new Map<number, Newcomers>()
  let closed = Number.NEGATIVE_INFINITY

  function windowAt(time: number): { start: number; window: Newcomers } | undefined {
    const start = Math.floor(time / WINDOW_MS) * WINDOW_MS
    if (start + WINDOW_MS <= closed) return undefined
    let window = windows.get(start)
    if (window === undefined) {
      window = { waiting: new Map(), sold: new Set(), sellers: new Set() }
      windows.set(start, window)
    }
    return { start, window }
  }

  return {
    onMessage(message) {
      if (message.event_type === 0) {
        const { id, name, dateTime } = message.person
        const at = windowAt(dateTime)
        if (at === undefined || at.window.sold.has(id)) return
        if (at.window.sellers.has(id)) {
          at.window.sold.add(id)
          emit(`${id},${name},${at.start}`)
        } else at.window.waiting.set(id, name)
      } else if (message.event_type === 1) {
        const { seller, dateTime } = message.auction
        const at = windowAt(dateTime)
        if (at === undefined || at.window.sellers.has(seller)) return
        at.window.sellers.add(seller)
        const name = at.window.waiting.get(seller)
        if (name === undefined) return
        at.window.waiting.delete(seller)
        at.window.sold.add(seller)
        emit(`${seller},${name},${at.start}`)
      }
    },
    onWatermark(watermark) {
      closed = watermark
      for (const start of windows.keys()) if (start + WINDOW_MS <= watermark) windows.delete(start)
    },
  }
}
