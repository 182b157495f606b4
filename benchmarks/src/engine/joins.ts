/** The Nexmark queries that join: q3 (two tables), q4 and q8 (two streams). */
import {
  fieldsCodec,
  foreignJoin,
  jsonProjection,
  operator,
  output,
  sameWindow,
  seconds,
  stateSpec,
  streamJoin,
  type Topology,
  textCodec,
  topology,
  within,
} from '#engine'
import { PARTITIONS } from '../generator/messages.ts'
import { type NexmarkMessage, timeOf } from '../generator/nexmark.ts'
import { CLOCK, results } from './nexmark.ts'

const CATEGORY = 10
const STATES: readonly string[] = ['OR', 'ID', 'CA']
const WINDOW = seconds(10)
/** No auction is open for longer: twice the time of 1,666 events. */
const LONGEST_AUCTION = 334

/** What the three queries look at, each a part of it. */
const WANTED = {
  event_type: true,
  person: { id: true, name: true, city: true, state: true, dateTime: true },
  auction: { id: true, seller: true, category: true, dateTime: true },
  bid: { dateTime: true },
  dateTime: true,
} as const

interface Offer {
  readonly id: number
  readonly seller: number
}
interface Seller {
  readonly id: number
  readonly name: string
  readonly city: string
  readonly state: string
}

/** Who sells in category 10 from three states. */
export function q3(): Topology {
  const t = topology('q3')
  const messages = t.source('events', {
    topic: 'events',
    partitions: PARTITIONS,
    codec: jsonProjection<NexmarkMessage>()(WANTED),
    clock: CLOCK,
    time: timeOf,
  })
  const offers = messages.flatMap((m): Offer[] =>
    m.event_type === 1 && m.auction.category === CATEGORY ? [m.auction] : [],
  )
  const sellers = messages.flatMap((m): Seller[] =>
    m.event_type === 0 && STATES.includes(m.person.state) ? [m.person] : [],
  )
  const { out } = offers.join(
    'offers-of-sellers',
    sellers,
    {
      left: {
        key: (offer) => String(offer.seller),
        codec: fieldsCodec<Offer>({ id: 'int', seller: 'int' }),
      },
      right: {
        key: (seller) => String(seller.id),
        codec: fieldsCodec<Seller>({ id: 'int', name: 'text', city: 'text', state: 'text' }),
      },
    },
    foreignJoin({ keep: 'inner', primary: (offer: Offer) => String(offer.id) }),
  )
  results(
    out.flatMap(({ row }) =>
      row === null ? [] : [`${row.right.name},${row.right.city},${row.right.state},${row.left.id}`],
    ),
  )
  return t
}

interface OpenAuction {
  readonly id: number
  readonly category: number
  readonly expires: number
}
interface Offered {
  readonly auction: number
  readonly price: number
  readonly dateTime: number
}
interface Closed {
  readonly category: number
  readonly price: number
}

/** What an auction closed at, told once time has passed its end: then no bid can come any more. */
const closingPrice = operator({
  id: 'closing-price',
  state: stateSpec<Closed>({ version: 1, initial: { category: 0, price: 0 } }),
  outputs: { closed: output<Closed>() },
  onRecord({ left, right }: { readonly left: OpenAuction; readonly right: Offered }, cx) {
    const { price } = cx.get()
    if (right.dateTime > left.expires || right.price <= price) return
    cx.set({ category: left.category, price: right.price })
    if (price === 0) cx.setTimer('over', left.expires + 1)
  },
  onTimer(_name, cx) {
    cx.emit('closed', cx.get())
    cx.clear()
  },
})

/** Over the auctions of a category that had a bid. */
const averagePrice = operator({
  id: 'average-price',
  state: stateSpec<readonly [auctions: number, sum: number]>({ version: 1, initial: [0, 0] }),
  outputs: { line: output<string>() },
  onRecord({ price }: Closed, cx) {
    const [auctions, sum] = cx.get()
    const next = [auctions + 1, sum + price] as const
    cx.set(next)
    cx.emit('line', `${cx.key},${Math.floor(next[1] / next[0])}`)
  },
})

/** Average closing price per category: each line stands until the next of its category. */
export function q4(): Topology {
  const t = topology('q4')
  const messages = t.source('events', {
    topic: 'events',
    partitions: PARTITIONS,
    codec: jsonProjection<NexmarkMessage>()({
      event_type: true,
      person: { dateTime: true },
      auction: { id: true, category: true, dateTime: true, expires: true },
      bid: { auction: true, price: true, dateTime: true },
      dateTime: true,
    }),
    clock: CLOCK,
    time: timeOf,
  })
  const auctions = messages.flatMap((m): OpenAuction[] => (m.event_type === 1 ? [m.auction] : []))
  const bids = messages.flatMap((m): Offered[] => (m.event_type === 2 ? [m.bid] : []))
  const { out, late } = auctions.join(
    'bids-on-auctions',
    bids,
    {
      left: {
        key: (auction) => String(auction.id),
        codec: fieldsCodec<OpenAuction>({ id: 'int', category: 'int', expires: 'int' }),
      },
      right: {
        key: (bid) => String(bid.auction),
        codec: fieldsCodec<Offered>({ auction: 'int', price: 'int', dateTime: 'int' }),
      },
    },
    streamJoin({ reach: within({ after: LONGEST_AUCTION }), keep: 'inner', unique: 'left' }),
  )
  late.ignore()
  results(
    out
      .process(closingPrice)
      .closed.keyBy('by-category', (closed) => String(closed.category), {
        codec: fieldsCodec<Closed>({ category: 'int', price: 'int' }),
      })
      .process(averagePrice).line,
  )
  return t
}

interface Newcomer {
  readonly id: number
  readonly name: string
  readonly dateTime: number
}

/** People who opened an auction in the window in which they joined. */
export function q8(): Topology {
  const t = topology('q8')
  const messages = t.source('events', {
    topic: 'events',
    partitions: PARTITIONS,
    codec: jsonProjection<NexmarkMessage>()({
      event_type: true,
      person: { id: true, name: true, dateTime: true },
      auction: { seller: true, dateTime: true },
      bid: { dateTime: true },
      dateTime: true,
    }),
    clock: CLOCK,
    time: timeOf,
  })
  const newcomers = messages.flatMap((m): Newcomer[] => (m.event_type === 0 ? [m.person] : []))
  const sellers = messages.flatMap((m) => (m.event_type === 1 ? [String(m.auction.seller)] : []))
  const { out, late } = newcomers.join(
    'new-sellers',
    sellers,
    {
      left: {
        key: (person) => String(person.id),
        codec: fieldsCodec<Newcomer>({ id: 'int', name: 'text', dateTime: 'int' }),
      },
      right: { key: (seller) => seller, codec: textCodec },
    },
    streamJoin({ reach: sameWindow({ size: WINDOW }), keep: 'inner', unique: 'both' }),
  )
  late.ignore()
  results(
    out.map(({ left }) => {
      const windowStart = Math.floor(left.dateTime / WINDOW) * WINDOW
      return `${left.id},${left.name},${windowStart}`
    }),
  )
  return t
}
