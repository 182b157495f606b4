/**
 * A customer's orders and refunds (PRO-2, ANA-1).
 *
 * P1 One order is credited once: a second Order Completed of the same id changes nothing, the earlier
 *    of the two counts (then the larger).
 * P2 Order and refunds are joined by order id in whichever order they arrive. A refund takes at most
 *    what the order brought in; without an amount it takes all. A refund whose order is not known
 *    counts in full, until its order arrives.
 * P3 A cancelled order is no order: it counts neither as one nor as money.
 * P4 The last 100 orders are kept one by one. Older ones are folded into exact totals and, for the
 *    windows of 12 months, into day buckets; their refunds from then on count as in P2 without order.
 * P5 12 months are the 365 UTC days that end with today. All sums are integers (hundredths), so their
 *    order cannot matter.
 */
import { type ByteReader, type ByteWriter, days, type Millis } from '#engine'
import type { Cents } from '../ingest/fields.ts'
import {
  addRow,
  type Buckets,
  bucketOf,
  dropBefore,
  eachBucket,
  NO_BUCKETS,
  sumOf,
  uniteBuckets,
} from './buckets.ts'
import {
  readBuckets,
  readList,
  readNumber,
  remembering,
  writeBuckets,
  writeList,
  writeNumber,
} from './parts-codec.ts'

export interface Order {
  readonly id: string
  /** When it was completed; 0 while only refunds of it are known. */
  readonly at: Millis
  /** Net of discount, without tax and shipping, before refunds. */
  readonly revenue: Cents
  readonly items: number
  readonly refunded: Cents
  /** When it was refunded last; 0: never. */
  readonly refundedAt: Millis
  readonly whole: boolean
  readonly cancelled: boolean
}

export interface Orders {
  /** By rising time. */
  readonly recent: readonly Order[]
  /** How many orders (P3) there are among `recent`; asked for with every event. */
  readonly recentOrders: number
  /** What the orders folded away amount to. */
  readonly folded: { readonly orders: number; readonly revenue: Cents; readonly net: Cents }
  /** Folded orders of the last 12 months: day, orders, net. */
  readonly days: Buckets
  readonly returned: boolean
  /** The first 50 in code unit order: which ones are kept must not depend on arrival. */
  readonly categories: readonly string[]
}

export const NO_ORDERS: Orders = {
  recent: [],
  recentOrders: 0,
  folded: { orders: 0, revenue: 0, net: 0 },
  days: NO_BUCKETS,
  returned: false,
  categories: [],
}

const MAX_RECENT = 100
const MAX_CATEGORIES = 50
const DAY_ROW = 3
export const YEAR_DAYS = 365

const UNKNOWN: Omit<Order, 'id'> = {
  at: 0,
  revenue: 0,
  items: 0,
  refunded: 0,
  refundedAt: 0,
  whole: false,
  cancelled: false,
}

export interface Placed {
  readonly id: string
  readonly at: Millis
  readonly revenue: Cents
  readonly items: number
  readonly categories: readonly string[]
}

export const placeOrder = (orders: Orders, placed: Placed, now: Millis): Orders => {
  const { categories, ...order } = placed
  const next = join(orders, { ...UNKNOWN, ...order }, now)
  return { ...next, categories: uniteCategories(orders.categories, categories) }
}

/** @param amount null: all of it */
export const refundOrder = (
  orders: Orders,
  refund: { readonly id: string; readonly at: Millis; readonly amount: Cents | null },
  now: Millis,
): Orders => {
  const { id, at, amount } = refund
  const entry = { ...UNKNOWN, id, refunded: amount ?? 0, refundedAt: at, whole: amount === null }
  return { ...join(orders, entry, now), returned: true }
}

export const cancelOrder = (orders: Orders, id: string, now: Millis): Orders =>
  join(orders, { ...UNKNOWN, id, cancelled: true }, now)

/** Adds what is known of one order. */
function join(orders: Orders, entry: Order, now: Millis): Orders {
  const known = orders.recent.find((order) => order.id === entry.id)
  const joined = known === undefined ? entry : joinOrder(known, entry)
  const others = known === undefined ? orders.recent : orders.recent.filter((o) => o !== known)
  const gained = counted(joined) - (known === undefined ? 0 : counted(known))
  const recentOrders = orders.recentOrders + gained
  return fold({ ...orders, recent: insert(others, joined), recentOrders }, now)
}

function joinOrder(a: Order, b: Order): Order {
  const placed = earlier(a, b)
  return {
    ...placed,
    refunded: a.refunded + b.refunded,
    refundedAt: Math.max(a.refundedAt, b.refundedAt),
    whole: a.whole || b.whole,
    cancelled: a.cancelled || b.cancelled,
  }
}

/** P1. */
function earlier(a: Order, b: Order): Order {
  if (a.at === 0 || b.at === 0) return a.at === 0 ? b : a
  if (a.at !== b.at) return a.at < b.at ? a : b
  if (a.revenue !== b.revenue) return a.revenue > b.revenue ? a : b
  return a.items >= b.items ? a : b
}

const timeOf = (order: Order): Millis => order.at || order.refundedAt

const before = (a: Order, b: Order): boolean =>
  timeOf(a) === timeOf(b) ? a.id < b.id : timeOf(a) < timeOf(b)

function insert(list: readonly Order[], order: Order): Order[] {
  let at = list.length
  while (at > 0 && before(order, list[at - 1] as Order)) at--
  return list.toSpliced(at, 0, order)
}

/** P4. */
function fold(orders: Orders, now: Millis): Orders {
  const excess = orders.recent.length - MAX_RECENT
  if (excess <= 0) return orders
  let { folded, recentOrders } = orders
  let buckets = orders.days
  for (const order of orders.recent.slice(0, excess)) {
    const counts = counted(order)
    recentOrders -= counts
    const net = netOf(order)
    folded = {
      orders: folded.orders + counts,
      revenue: folded.revenue + counts * order.revenue,
      net: folded.net + net,
    }
    buckets = addRow(buckets, [bucketOf(timeOf(order), days(1)), counts, net])
  }
  const first = bucketOf(now, days(1)) - YEAR_DAYS - 1
  return {
    ...orders,
    recent: orders.recent.slice(excess),
    recentOrders,
    folded,
    days: dropBefore(buckets, first, DAY_ROW),
  }
}

/** P3. */
const isOrder = (order: Order): boolean => order.at !== 0 && !order.cancelled
const counted = (order: Order): 0 | 1 => (isOrder(order) ? 1 : 0)
const countOf = (recent: readonly Order[]): number =>
  recent.reduce((count, order) => count + counted(order), 0)

/** All orders ever (P3): the `orders` of `orderTotals`, without the sums. */
export const orderCount = (orders: Orders): number => orders.folded.orders + orders.recentOrders

/** What the order brought in after refunds (P2, P3). */
function netOf(order: Order): Cents {
  if (order.cancelled) return 0
  if (order.at === 0) return order.refunded === 0 ? 0 : -order.refunded
  return order.whole ? 0 : order.revenue - Math.min(order.revenue, order.refunded)
}

export interface OrderTotals {
  readonly orders: number
  readonly revenue: Cents
  /** Net of refunds. */
  readonly net: Cents
  readonly firstAt: Millis | null
  readonly lastAt: Millis | null
  /** Over 12 months. */
  readonly yearOrders: number
  readonly yearNet: Cents
}

/** All sums as of `now`; with `until`, as if nothing at or after it had been heard of. */
export function orderTotals(
  orders: Orders,
  now: Millis,
  until: Millis = Number.POSITIVE_INFINITY,
): OrderTotals {
  const from = bucketOf(now, days(1)) - YEAR_DAYS + 1
  const range = { from, until: until / days(1), width: DAY_ROW }
  let { orders: count, revenue, net } = orders.folded
  let yearOrders = sumOf(orders.days, range, 1)
  let yearNet = sumOf(orders.days, range, 2)
  let firstAt: Millis | null = null
  let lastAt: Millis | null = null
  for (const order of orders.recent) {
    const at = timeOf(order)
    if (at >= until) continue
    const gain = netOf(order)
    const counts = isOrder(order)
    net += gain
    const inYear = bucketOf(at, days(1)) >= from
    if (inYear) yearNet += gain
    if (!counts) continue
    count++
    revenue += order.revenue
    if (inYear) yearOrders++
    firstAt ??= at
    lastAt = at
  }
  return { orders: count, revenue, net, firstAt, lastAt, yearOrders, yearNet }
}

/**
 * Of `orderTotals` what a contribution to the cut points needs: from the newest order back, as far as
 * the 12 months go, and without the rest of the sums.
 */
export function yearTotals(
  orders: Orders,
  now: Millis,
  until: Millis,
): Pick<OrderTotals, 'lastAt' | 'yearOrders' | 'yearNet'> {
  const from = bucketOf(now, days(1)) - YEAR_DAYS + 1
  const begin = from * days(1)
  const range = { from, until: until / days(1), width: DAY_ROW }
  const folded = orders.days.length > 0
  let yearOrders = folded ? sumOf(orders.days, range, 1) : 0
  let yearNet = folded ? sumOf(orders.days, range, 2) : 0
  let lastAt: Millis | null = null
  for (let i = orders.recent.length - 1; i >= 0; i--) {
    const order = orders.recent[i] as Order
    const at = timeOf(order)
    if (at >= until) continue
    if (at < begin && lastAt !== null) break
    const counts = isOrder(order)
    if (counts) lastAt ??= at
    if (at < begin) continue
    yearNet += netOf(order)
    if (counts) yearOrders++
  }
  return { lastAt, yearOrders, yearNet }
}

/** Calls `look` with the UTC day of everything that the sums over 12 months may hold. */
export function eachOrderDay(orders: Orders, look: (day: number) => void): void {
  eachBucket(orders.days, DAY_ROW, look)
  for (const order of orders.recent) look(bucketOf(timeOf(order), days(1)))
}

const uniteCategories = (a: readonly string[], b: readonly string[]): readonly string[] =>
  b.every((category) => a.includes(category))
    ? a
    : [...new Set([...a, ...b])].sort().slice(0, MAX_CATEGORIES)

/** Orders unite by id, folded sums add. */
export function uniteOrders(mine: Orders, theirs: Orders, now: Millis): Orders {
  const byId = new Map(mine.recent.map((order) => [order.id, order]))
  for (const order of theirs.recent) {
    const known = byId.get(order.id)
    byId.set(order.id, known === undefined ? order : joinOrder(known, order))
  }
  const recent = [...byId.values()].sort((a, b) => (before(a, b) ? -1 : 1))
  const folded = {
    orders: mine.folded.orders + theirs.folded.orders,
    revenue: mine.folded.revenue + theirs.folded.revenue,
    net: mine.folded.net + theirs.folded.net,
  }
  return fold(
    {
      recent,
      recentOrders: countOf(recent),
      folded,
      days: uniteBuckets(mine.days, theirs.days, DAY_ROW),
      returned: mine.returned || theirs.returned,
      categories: uniteCategories(mine.categories, theirs.categories),
    },
    now,
  )
}

/** An order drops its zeros, and its time is told from the order before it. */
export const writeOrders = remembering((orders: Orders, out: ByteWriter): void => {
  const { folded } = orders
  out.varint(orders.recent.length)
  let since = 0
  for (const order of orders.recent) {
    writeOrder(order, since, out)
    since = order.at
  }
  out.signed(folded.orders)
  out.signed(folded.revenue)
  out.signed(folded.net)
  writeBuckets(orders.days, DAY_ROW, out)
  out.byte(orders.returned ? 1 : 0)
  writeList(orders.categories, out, (category) => out.text(category))
})

const WHOLE = 1
const CANCELLED = 2
const REFUNDED = 4

function writeOrder(order: Order, since: Millis, out: ByteWriter): void {
  const refunded = order.refunded !== 0 || order.refundedAt !== 0
  out.byte(
    (order.whole ? WHOLE : 0) | (order.cancelled ? CANCELLED : 0) | (refunded ? REFUNDED : 0),
  )
  out.text(order.id)
  out.signed(order.at - since)
  out.signed(order.revenue)
  writeNumber(order.items, out)
  if (!refunded) return
  out.signed(order.refunded)
  out.signed(order.refundedAt)
}

export function readOrders(reader: ByteReader): Orders {
  let since = 0
  const recent = readList(reader, () => {
    const order = readOrder(reader, since)
    since = order.at
    return order
  })
  return {
    recent,
    recentOrders: countOf(recent),
    folded: { orders: reader.signed(), revenue: reader.signed(), net: reader.signed() },
    days: readBuckets(reader, DAY_ROW),
    returned: reader.byte() === 1,
    categories: readList(reader, () => reader.text()),
  }
}

function readOrder(reader: ByteReader, since: Millis): Order {
  const flags = reader.byte()
  const refunded = (flags & REFUNDED) !== 0
  return {
    id: reader.text(),
    at: since + reader.signed(),
    revenue: reader.signed(),
    items: readNumber(reader),
    refunded: refunded ? reader.signed() : 0,
    refundedAt: refunded ? reader.signed() : 0,
    whole: (flags & WHOLE) !== 0,
    cancelled: (flags & CANCELLED) !== 0,
  }
}
