/**
 * The Nexmark queries as topologies, written as a user of the engine would write them.
 *
 * Results leave as text lines, one log record each, so that any engine's output can be compared.
 */
import {
  fieldsCodec,
  hopping,
  jsonProjection,
  operator,
  output,
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
import { type Bid, type NexmarkMessage, timeOf } from '../generator/nexmark.ts'
import { nothing, wholeNumber } from './codecs.ts'

const RESULTS = { topic: 'results', codec: textCodec, partitions: 1 } as const
export const CLOCK: SourceClock = { kind: 'event', disorder: seconds(4), idle: 'hold' }

/** What the queries look at: all a query never asks for is not made. */
const WANTED = {
  event_type: true,
  person: { dateTime: true },
  auction: { dateTime: true },
  bid: { auction: true, bidder: true, price: true, dateTime: true },
  dateTime: true,
} as const
type WantedBid = Pick<Bid, 'auction' | 'bidder' | 'price' | 'dateTime'>

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

export const results = (stream: Stream<string>): void => stream.sink('results', RESULTS)

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

interface AuctionCount {
  readonly auction: string
  readonly count: number
}

/** Keeps the auctions with most bids of one window; the key is its end. */
const mostBids = operator({
  id: 'most-bids',
  state: stateSpec<{ readonly count: number; readonly auctions: readonly string[] }>({
    version: 1,
    initial: { count: 0, auctions: [] },
  }),
  outputs: { line: output<string>() },
  onRecord({ auction, count }: AuctionCount, cx) {
    const best = cx.get()
    if (count < best.count) return
    if (count > best.count) cx.set({ count, auctions: [auction] })
    else cx.set({ count, auctions: [...best.auctions, auction] })
    // All upstream tasks are past the window's end once their marks exceed it.
    if (best.count === 0) cx.setTimer('complete', Number(cx.key) + 1)
  },
  onTimer(_name, cx) {
    const { count, auctions } = cx.get()
    for (const auction of auctions) cx.emit('line', `${cx.key},${auction},${count}`)
    cx.clear()
  },
})

export function q5(): Topology {
  const t = topology('q5')
  const size = seconds(10)
  const slide = seconds(2)
  const count = { initial: 0, add: (n: number) => n + 1, combine: (a: number, b: number) => a + b }
  // Auctions never turn out to be one: what has fired need not be kept for a hand-over.
  const options = { merge: 'cancel', codec: wholeNumber } as const
  const counts = bids(t)
    .map((b) => String(b.auction))
    .keyBy('by-auction', (auction) => auction, { codec: nothing })
    .process(windowOperator('bid-counts', hopping({ size, slide }), count, options))
  counts.late.ignore()
  counts.meta.ignore()
  const byWindow = t.inbox<AuctionCount>('by-window', {
    codec: fieldsCodec<AuctionCount>({ auction: 'text', count: 'int' }),
  })
  counts.out.into(byWindow, ({ end }) => String(end), {
    wrap: ({ key, value }) => ({ auction: key, count: value }),
  })
  results(byWindow.stream().process(mostBids).line)
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

interface Span {
  readonly count: number
  readonly first: number
  readonly last: number
}
const spanCodec = fieldsCodec<Span>({ count: 'int', first: 'int', last: 'int' })
const span = {
  initial: { count: 0, first: Number.MAX_SAFE_INTEGER, last: 0 },
  add: (s: Span, _bidder: string, at: number): Span => ({
    count: s.count + 1,
    first: Math.min(s.first, at),
    last: Math.max(s.last, at),
  }),
  combine: (a: Span, b: Span): Span => ({
    count: a.count + b.count,
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
  }),
}

export function q11(): Topology {
  const t = topology('q11')
  const sessions = bids(t)
    .map((b) => String(b.bidder))
    .keyBy('by-bidder', (bidder) => bidder, { codec: nothing })
    .process(
      windowOperator('sessions', session({ gap: seconds(10), inclusive: true }), span, {
        codec: spanCodec,
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
interface Totals {
  readonly total: number
  readonly low: number
  readonly middle: number
  readonly high: number
  readonly min: number
  readonly max: number
  readonly sum: number
}
const NO_BIDS: Totals = {
  total: 0,
  low: 0,
  middle: 0,
  high: 0,
  min: Number.MAX_SAFE_INTEGER,
  max: 0,
  sum: 0,
}
const totalsCodec = fieldsCodec<Totals>({
  total: 'int',
  low: 'int',
  middle: 'int',
  high: 'int',
  min: 'int',
  max: 'int',
  sum: 'int',
})

const bidTotals = operator({
  id: 'bid-totals',
  state: stateSpec<Totals>({ version: 1, initial: NO_BIDS, codec: totalsCodec }),
  outputs: { line: output<string>() },
  onRecord({ price }: Price, cx) {
    const was = cx.get()
    const next: Totals = {
      total: was.total + 1,
      low: price < 10_000 ? was.low + 1 : was.low,
      middle: price >= 10_000 && price < 1_000_000 ? was.middle + 1 : was.middle,
      high: price >= 1_000_000 ? was.high + 1 : was.high,
      min: Math.min(was.min, price),
      max: Math.max(was.max, price),
      sum: was.sum + price,
    }
    cx.set(next)
    const { total, low, middle, high, min, max, sum } = next
    cx.emit('line', `${cx.key},${total},${low},${middle},${high},${min},${max},${sum}`)
  },
})

export function q17(): Topology {
  const t = topology('q17')
  const byAuction = t.inbox<Price>('by-auction', { codec: fieldsCodec<Price>({ price: 'int' }) })
  bids(t).into(byAuction, (b) => String(b.auction), { wrap: (b) => b })
  results(byAuction.stream().process(bidTotals).line)
  return t
}

/** The last bid of each (auction, bidder). */
const lastBid = operator({
  id: 'last-bid',
  state: stateSpec<number>({ version: 1, initial: 0, codec: wholeNumber }),
  outputs: { line: output<string>() },
  onRecord(_pair: string, cx) {
    if (cx.time < cx.get()) return
    cx.set(cx.time)
    cx.emit('line', `${cx.key},${cx.time}`)
  },
})

export function q18(): Topology {
  const t = topology('q18')
  results(
    bids(t)
      .map((b) => `${b.auction},${b.bidder}`)
      .keyBy('by-bidder-auction', (pair) => pair, { codec: nothing })
      .process(lastBid).line,
  )
  return t
}
