/**
 * The Nexmark subset: people, auctions and bids in the ratio 1 : 3 : 46, ten events a millisecond.
 *
 * Every event is a pure function of (seed, index). The fields, their order and their ranges follow
 * the benchmark definition; deviations from upstream Nexmark are listed in benchmarks/README.md.
 * `url` takes part in no query: it is there for its bytes, as upstream's is.
 */
import { rnd } from './random.ts'

export interface Person {
  readonly id: number
  readonly name: string
  readonly city: string
  readonly state: string
  /** ms since 1970, as every time here. */
  readonly dateTime: number
}

export interface Auction {
  readonly id: number
  readonly seller: number
  readonly category: number
  readonly initialBid: number
  readonly reserve: number
  readonly dateTime: number
  readonly expires: number
}

export interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
}

export type NexmarkEvent =
  | { readonly event_type: 0; readonly person: Person }
  | { readonly event_type: 1; readonly auction: Auction }
  | { readonly event_type: 2; readonly bid: Bid }

/** Moves event time far enough for every window to close; no query may output anything for it. */
export interface NexmarkSentinel {
  readonly event_type: 9
  readonly dateTime: number
}

export type NexmarkMessage = NexmarkEvent | NexmarkSentinel

/** What of a message tells when it happened; codecs and queries may leave out the rest. */
export type Dated =
  | { readonly event_type: 0; readonly person: Pick<Person, 'dateTime'> }
  | { readonly event_type: 1; readonly auction: Pick<Auction, 'dateTime'> }
  | { readonly event_type: 2; readonly bid: Pick<Bid, 'dateTime'> }
  | NexmarkSentinel

/** Event time of a message. */
export function timeOf(message: Dated): number {
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

const BASE_TIME = 1_767_225_600_000
const EVENTS_PER_MS = 10
const FIRST_ID = 1000
/** One person, then three auctions, then 46 bids. */
const EPOCH_LENGTH = 50
const AUCTIONS_PER_EPOCH = 3
const FIRST_CATEGORY = 10
const ACTIVE_PEOPLE = 1000
const IN_FLIGHT_AUCTIONS = 100
/** Auctions last for up to twice the time of this many events. */
const EXPIRY_EVENTS = 1666
const FLUSH_MS = 3_600_000

const FIRST = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',')
const LAST = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',')
const CITIES =
  'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(',')
const STATES = 'AZ,CA,ID,OR,WA,WY'.split(',')
const CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple']

/** Event time of event `index` in ms since 1970. */
export const nexmarkTime = (index: number): number => BASE_TIME + Math.floor(index / EVENTS_PER_MS)

const pick = (list: readonly string[], draw: number): string => list[draw % list.length] as string

function price(seed: number, index: number, field: number): number {
  const p = 10 ** (rnd(seed, index, field) % 6)
  return 100 * p + (rnd(seed, index, field + 1) % (900 * p))
}

/** Any of the last 1,000 people, or one of the next ten, who do not exist yet. */
function anyPerson(seed: number, index: number, field: number): number {
  const people = Math.floor(index / EPOCH_LENGTH) + 1
  const active = Math.min(people, ACTIVE_PEOPLE)
  return people - active + (rnd(seed, index, field) % (active + 10))
}

/** The first person of the current hundred: most activity goes to few people. */
const hotPerson = (index: number): number =>
  Math.floor(Math.floor(index / EPOCH_LENGTH) / 100) * 100

function person(seed: number, index: number): Person {
  return {
    id: FIRST_ID + Math.floor(index / EPOCH_LENGTH),
    name: `${pick(FIRST, rnd(seed, index, 1))} ${pick(LAST, rnd(seed, index, 2))}`,
    city: pick(CITIES, rnd(seed, index, 3)),
    state: pick(STATES, rnd(seed, index, 4)),
    dateTime: nexmarkTime(index),
  }
}

function auction(seed: number, index: number): Auction {
  const dateTime = nexmarkTime(index)
  const longest = Math.max(2 * (nexmarkTime(index + EXPIRY_EVENTS) - dateTime), 1)
  const seller = rnd(seed, index, 1) % 4 > 0 ? hotPerson(index) : anyPerson(seed, index, 2)
  const initialBid = price(seed, index, 4)
  const epoch = Math.floor(index / EPOCH_LENGTH)
  return {
    id: FIRST_ID + epoch * AUCTIONS_PER_EPOCH + (index % EPOCH_LENGTH) - 1,
    seller: FIRST_ID + seller,
    category: FIRST_CATEGORY + (rnd(seed, index, 3) % 5),
    initialBid,
    reserve: initialBid + price(seed, index, 6),
    dateTime,
    expires: dateTime + 1 + (rnd(seed, index, 8) % longest),
  }
}

function bid(seed: number, index: number): Bid {
  const lastAuction = Math.floor(index / EPOCH_LENGTH) * AUCTIONS_PER_EPOCH + 2
  const oldest = Math.max(lastAuction - IN_FLIGHT_AUCTIONS, 0)
  const target =
    rnd(seed, index, 1) % 2 > 0
      ? Math.floor(lastAuction / 100) * 100
      : oldest + (rnd(seed, index, 2) % (lastAuction - oldest + 11))
  const bidder = rnd(seed, index, 3) % 4 > 0 ? hotPerson(index) + 1 : anyPerson(seed, index, 4)
  const channel = rnd(seed, index, 8)
  return {
    auction: FIRST_ID + target,
    bidder: FIRST_ID + bidder,
    price: price(seed, index, 5),
    channel: rnd(seed, index, 7) % 2 > 0 ? pick(CHANNELS, channel) : `channel-${channel % 10_000}`,
    url: `https://www.nexmark.com/${rnd(seed, index, 9)}/item.htm?query=1`,
    dateTime: nexmarkTime(index),
  }
}

/** Event `index` of the stream with this seed. */
export function nexmarkEvent(seed: number, index: number): NexmarkEvent {
  const place = index % EPOCH_LENGTH
  if (place === 0) return { event_type: 0, person: person(seed, index) }
  if (place <= AUCTIONS_PER_EPOCH) return { event_type: 1, auction: auction(seed, index) }
  return { event_type: 2, bid: bid(seed, index) }
}

/** The message that follows the last of `events` events on every partition. */
export const nexmarkSentinel = (events: number): NexmarkSentinel => ({
  event_type: 9,
  dateTime: nexmarkTime(Math.max(events - 1, 0)) + FLUSH_MS,
})
