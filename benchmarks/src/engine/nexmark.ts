/**
 * The Nexmark queries as topologies, written as a user of the engine would write them.
 *
 * Results leave as text lines, one log record each, so that any engine's output can be compared.
 */
import {
  fieldsCodec,
  hopping,
  type InboxSpec,
  jsonProjection,
  operator,
  output,
  type Projected,
  type SourceClock,
  type Stream,
  seconds,
  session,
  stateSpec,
  type Topology,
  textCodec,
  topology,
  tumbling,
  windowOperator,
} from '#engine'
import { PARTITIONS } from '../generator/messages.ts'
import type { Bid, NexmarkMessage } from '../generator/nexmark.ts'

const RESULTS = { topic: 'results', codec: textCodec, partitions: 1 } as const
const CLOCK: SourceClock = { kind: 'event', disorder: seconds(4), idle: 'hold' }

/** What the queries look at: all a query never asks for is not made. */
const WANTED = {
  event_type: true,
  person: { dateTime: true },
  auction: { dateTime: true },
  bid: { auction: true, bidder: true, price: true, dateTime: true },
  dateTime: true,
} as const
type Message = Projected<NexmarkMessage, typeof WANTED>
type WantedBid = Pick<Bid, 'auction' | 'bidder' | 'price' | 'dateTime'>

const timeOf = (message: Message): number => {
  switch (message.event_type) {
    case 0:
      return message.person.dateTime
    case 1:
      return message.auction.dateTime
    case 2:
      return message.bid.dateTime
    case 9:
      return message.dateTime
  }
}

function bids(t: Topology): Stream<WantedBid> {
  return t
    .source('events', {
      topic: 'events',
      partitions: PARTITIONS,
      codec: jsonProjection<NexmarkMessage>()(WANTED),
      clock: CLOCK,
      time: timeOf,
    })
    .flatMap((message) => (message.event_type === 2 ? [message.bid] : []))
}

const results = (stream: Stream<string>): void => stream.sink('results', RESULTS)

export function q0(): Topology {
  const t = topology('q0')
  results(bids(t).map((b) => `${b.auction},${b.bidder},${b.price},${b.dateTime}`))
  return t
}

/** Price in thousandths. */
export function q1(): Topology {
  const t = topology('q1')
  results(bids(t).map((b) => `${b.auction},${b.bidder},${b.price * 908},${b.dateTime}`))
  return t
}

export function q2(): Topology {
  const t = topology('q2')
  results(
    bids(t)
      .filter((b) => b.auction % 123 === 0)
      .map((b) => `${b.auction},${b.price}`),
  )
  return t
}

interface AuctionBid {
  readonly auction: number
}
interface AuctionCount {
  readonly end: number
  readonly auction: string
  readonly count: number
}

/** Keeps the auctions with most bids of one window; the window's results all carry its end as time. */
const mostBids = operator({
  id: 'most-bids',
  state: stateSpec<{ readonly count: number; readonly auctions: readonly string[] }>({
    version: 1,
    initial: { count: 0, auctions: [] },
  }),
  outputs: { line: output<string>() },
  onRecord({ end, auction, count }: AuctionCount, cx) {
    const best = cx.get()
    if (count < best.count) return
    if (count > best.count) cx.set({ count, auctions: [auction] })
    else cx.set({ count, auctions: [...best.auctions, auction] })
    // All upstream tasks are past the window's end once their marks exceed it.
    if (best.count === 0) cx.setTimer('complete', end + 1)
  },
  onTimer(_name, cx) {
    const { count, auctions } = cx.get()
    for (const auction of auctions) cx.emit('line', `${cx.key},${auction},${count}`)
    cx.clear()
  },
})

export function q5(): Topology {
  const t = topology('q5')
  const spec: InboxSpec<AuctionBid> = { codec: fieldsCodec<AuctionBid>({ auction: 'int' }) }
  const counts = bids(t)
    .map((b): AuctionBid => b)
    .keyBy('by-auction', (b) => String(b.auction), spec)
    .process(
      windowOperator('bid-counts', hopping({ size: seconds(10), slide: seconds(2) }), {
        initial: 0,
        add: (n, _bid: AuctionBid) => n + 1,
        combine: (a, b) => a + b,
      }),
    )
  counts.late.ignore()
  counts.meta.ignore()
  results(
    counts.out
      .map(({ key, end, value }): AuctionCount => ({ end, auction: key, count: value }))
      .keyBy('by-window', (c) => String(c.end), {
        codec: fieldsCodec<AuctionCount>({ end: 'int', auction: 'text', count: 'int' }),
      })
      .process(mostBids).line,
  )
  return t
}

type TopBid = WantedBid
const topBidCodec = fieldsCodec<TopBid>({
  auction: 'int',
  bidder: 'int',
  price: 'int',
  dateTime: 'int',
})

interface Highest {
  readonly price: number
  readonly bids: readonly TopBid[]
}

export function q7(): Topology {
  const t = topology('q7')
  const highest = bids(t)
    .map((b): TopBid => b)
    .keyBy('all-bids', () => 'all', { codec: topBidCodec })
    .process(
      windowOperator('highest', tumbling({ size: seconds(10) }), {
        initial: { price: -1, bids: [] } as Highest,
        add: (best, bid: TopBid) => {
          if (bid.price < best.price) return best
          const { auction, bidder, price, dateTime } = bid
          const kept = { auction, bidder, price, dateTime }
          return { price, bids: price === best.price ? [...best.bids, kept] : [kept] }
        },
      }),
    )
  highest.late.ignore()
  highest.meta.ignore()
  results(
    highest.out.flatMap(({ end, value }) =>
      value.bids.map((b) => `${end},${b.auction},${b.bidder},${b.price},${b.dateTime}`),
    ),
  )
  return t
}

interface BidderBid {
  readonly at: number
}
interface Span {
  readonly count: number
  readonly first: number
  readonly last: number
}

export function q11(): Topology {
  const t = topology('q11')
  const sessions = bids(t)
    .map((b) => ({ bidder: b.bidder, at: b.dateTime }))
    .keyBy('by-bidder', (b) => String(b.bidder), {
      codec: fieldsCodec<{ bidder: number; at: number }>({ bidder: 'int', at: 'int' }),
    })
    .process(
      windowOperator('sessions', session({ gap: seconds(10), inclusive: true }), {
        initial: { count: 0, first: Number.MAX_SAFE_INTEGER, last: 0 } as Span,
        add: (s, { at }: BidderBid) => ({
          count: s.count + 1,
          first: Math.min(s.first, at),
          last: Math.max(s.last, at),
        }),
        combine: (a, b) => ({
          count: a.count + b.count,
          first: Math.min(a.first, b.first),
          last: Math.max(a.last, b.last),
        }),
      }),
    )
  sessions.late.ignore()
  sessions.meta.ignore()
  results(
    sessions.out.map(
      ({ key, value }) => `${key},${value.count},${value.first},${value.last + 10_000}`,
    ),
  )
  return t
}

interface Price {
  readonly price: number
}
type Totals = readonly [
  total: number,
  low: number,
  middle: number,
  high: number,
  min: number,
  max: number,
  sum: number,
]
const NO_BIDS: Totals = [0, 0, 0, 0, Number.MAX_SAFE_INTEGER, 0, 0]

const bidTotals = operator({
  id: 'bid-totals',
  state: stateSpec<Totals>({ version: 1, initial: NO_BIDS }),
  outputs: { line: output<string>() },
  onRecord({ price }: Price, cx) {
    const [total, low, middle, high, min, max, sum] = cx.get()
    const next: Totals = [
      total + 1,
      price < 10_000 ? low + 1 : low,
      price >= 10_000 && price < 1_000_000 ? middle + 1 : middle,
      price >= 1_000_000 ? high + 1 : high,
      Math.min(min, price),
      Math.max(max, price),
      sum + price,
    ]
    cx.set(next)
    cx.emit('line', `${cx.key},${next.join(',')}`)
  },
})

export function q17(): Topology {
  const t = topology('q17')
  const priced = bids(t)
    .map((b) => ({ auction: b.auction, price: b.price }))
    .keyBy('by-auction', (b) => String(b.auction), {
      codec: fieldsCodec<{ auction: number; price: number }>({ auction: 'int', price: 'int' }),
    })
  results(priced.process(bidTotals).line)
  return t
}

interface BidAt {
  readonly auction: number
  readonly bidder: number
  readonly dateTime: number
}

/** The last bid of each (auction, bidder). */
const lastBid = operator({
  id: 'last-bid',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs: { line: output<string>() },
  onRecord({ dateTime }: BidAt, cx) {
    if (dateTime < cx.get()) return
    cx.set(dateTime)
    cx.emit('line', `${cx.key},${dateTime}`)
  },
})

export function q18(): Topology {
  const t = topology('q18')
  results(
    bids(t)
      .map((b): BidAt => b)
      .keyBy('by-bidder-auction', (b) => `${b.auction},${b.bidder}`, {
        codec: fieldsCodec<BidAt>({ auction: 'int', bidder: 'int', dateTime: 'int' }),
      })
      .process(lastBid).line,
  )
  return t
}
