/**
 * Invoices of Online Retail as orders.
 *
 * An invoice is an Order Completed, or an Order Refunded where its number begins with C (cancelled)
 * or its lines add up to less than nothing, in money or, free of charge, in pieces. A refund counts
 * its pieces and its money as positive. The file does not link a cancellation to what it cancels, so
 * `order_id` is the invoice's own number.
 *
 * Money: `total` is the sum of all lines. `revenue` leaves out what is not income from goods, which
 * is told by the stock code (SERVICES below): postage and carriage, fees, samples and book entries.
 * Discounts and manual corrections are part of revenue; `discount` is what was given away, positive
 * also on the refund by which this shop paid most of it. Service lines are kept, apart from
 * `products`, with their kind, so that no feature takes postage for a product.
 *
 * An invoice without a customer is an order of `invoice-<number>`, an anonymous id of its own (bare
 * numbers could pass for a customer's). Where such an invoice is no sale, `adjustment` says so:
 * `stock` (every line free: goods found, lost or broken) or `debt` (only book entries).
 */
import { isoTime } from './rebase.ts'
import type { TrackCall } from './records.ts'
import type { RetailRow, RetailTable } from './retail-table.ts'

type ServiceKind = 'shipping' | 'discount' | 'manual' | 'fee' | 'sample' | 'book_entry'

/** Stock codes that are not goods. */
const SERVICES: ReadonlyMap<string, ServiceKind> = new Map([
  ['POST', 'shipping'],
  ['DOT', 'shipping'],
  ['C2', 'shipping'],
  ['D', 'discount'],
  ['M', 'manual'],
  ['BANK CHARGES', 'fee'],
  ['AMAZONFEE', 'fee'],
  ['CRUK', 'fee'],
  ['S', 'sample'],
  ['B', 'book_entry'],
])

const IN_REVENUE: ReadonlySet<ServiceKind | undefined> = new Set([undefined, 'discount', 'manual'])

/** undefined for goods. */
const serviceKind = (stock: string): ServiceKind | undefined => SERVICES.get(stock.toUpperCase())

const CANCELLED = 'C'

interface Totals {
  pieces: number
  /** Thousandths of a pound, as all money until it is written. */
  total: number
  revenue: number
  shipping: number
  discount: number
}

function totalsOf(rows: readonly RetailRow[]): Totals {
  const sums: Totals = { pieces: 0, total: 0, revenue: 0, shipping: 0, discount: 0 }
  for (const row of rows) {
    const amount = row.quantity * row.price
    const kind = serviceKind(row.stock)
    sums.pieces += row.quantity
    sums.total += amount
    if (IN_REVENUE.has(kind)) sums.revenue += amount
    if (kind === 'shipping') sums.shipping += amount
    if (kind === 'discount') sums.discount -= amount
  }
  return sums
}

function isRefund(invoice: string, totals: Totals): boolean {
  if (invoice.toUpperCase().startsWith(CANCELLED)) return true
  return totals.total < 0 || (totals.total === 0 && totals.pieces < 0)
}

function adjustmentOf(rows: readonly RetailRow[]): 'stock' | 'debt' | undefined {
  if (rows.some((row) => row.customer !== '')) return undefined
  if (rows.every((row) => row.price === 0)) return 'stock'
  return rows.every((row) => serviceKind(row.stock) === 'book_entry') ? 'debt' : undefined
}

/** Pounds. Adding 0 keeps a negated nothing from being written as -0. */
const pounds = (thousandths: number): number => thousandths / 1000 + 0

function lineOf(row: RetailRow, sign: 1 | -1): Record<string, unknown> {
  return {
    product_id: row.stock,
    ...(row.description === '' ? {} : { name: row.description }),
    price: pounds(row.price),
    quantity: sign * row.quantity,
  }
}

/**
 * One invoice as a call.
 *
 * @param rows its lines, at least one, in file order
 * @param shift ms to add to its time, which is that of its earliest line
 */
export function orderOf(rows: readonly RetailRow[], shift: number): TrackCall {
  const first = rows[0] as RetailRow
  const { invoice } = first
  const totals = totalsOf(rows)
  const refund = isRefund(invoice, totals)
  const sign = refund ? -1 : 1
  const goods = rows.filter((row) => serviceKind(row.stock) === undefined)
  const services = rows.flatMap((row) => {
    const service = serviceKind(row.stock)
    return service === undefined ? [] : [{ ...lineOf(row, sign), service }]
  })
  const adjustment = adjustmentOf(rows)
  const customer = rows.find((row) => row.customer !== '')?.customer
  const time = rows.reduce((earliest, row) => Math.min(earliest, row.time), first.time)
  return {
    type: 'track',
    event: refund ? 'Order Refunded' : 'Order Completed',
    messageId: `retail-${invoice}`,
    ...(customer === undefined ? { anonymousId: `invoice-${invoice}` } : { userId: customer }),
    timestamp: isoTime(time + shift),
    properties: {
      order_id: invoice,
      currency: 'GBP',
      total: pounds(sign * totals.total),
      revenue: pounds(sign * totals.revenue),
      ...(totals.shipping === 0 ? {} : { shipping: pounds(sign * totals.shipping) }),
      ...(totals.discount === 0 ? {} : { discount: pounds(totals.discount) }),
      ...(adjustment === undefined ? {} : { adjustment }),
      products: goods.map((row) => lineOf(row, sign)),
      ...(services.length === 0 ? {} : { services }),
    },
    context: { location: { country: first.country } },
  }
}

/** All lines of one invoice. */
export const linesOf = (table: RetailTable, numbers: Uint32Array): readonly RetailRow[] =>
  Array.from(numbers, (at) => table.row(at))
