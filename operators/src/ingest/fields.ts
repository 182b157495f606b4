/**
 * Reads what e-commerce events say, forgivingly: numbers may come as numeric strings, lists may be
 * missing. What cannot be read is absent, never an error: the event was accepted.
 *
 * Money is in hundredths of the currency unit, as integers: sums of them are exact and do not depend
 * on the order of adding, which a profile built from events in any order needs. One shop has one
 * currency; amounts are taken as they are.
 */
import type { JsonObject } from '../contract.ts'

/** Hundredths of the currency unit. */
export type Cents = number

/** Amounts beyond this are taken for mistakes: a hundred billion units. */
const MAX_CENTS = 1e13

export interface ProductLine {
  readonly id: string
  readonly name: string | null
  readonly category: string | null
  /** Price of one, in hundredths; null where it was not given. */
  readonly price: Cents | null
  readonly quantity: number
}

export function textOf(from: JsonObject, ...keys: string[]): string | null {
  for (const key of keys) {
    const value = from[key]
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'number') return String(value)
  }
  return null
}

const NUMERIC = /^\s*[+-]?\d+(\.\d+)?\s*$/

function numberOf(from: JsonObject, ...keys: string[]): number | null {
  for (const key of keys) {
    const value = from[key]
    if (typeof value === 'number') return value
    if (typeof value === 'string' && NUMERIC.test(value)) return Number(value)
  }
  return null
}

function centsOf(from: JsonObject, ...keys: string[]): Cents | null {
  const amount = numberOf(from, ...keys)
  return amount === null ? null : toCents(amount)
}

/** Rounds half away from zero, so that a refund mirrors its order. */
export function toCents(amount: number): Cents | null {
  const cents = Math.sign(amount) * Math.round(Math.abs(amount) * 100)
  return Math.abs(cents) <= MAX_CENTS ? cents + 0 : null
}

const MAX_LINES = 5_000

/** One product, as product events carry it on the top level; null without an id. */
export function productOf(from: JsonObject): ProductLine | null {
  const id = textOf(from, 'product_id', 'productId', 'sku', 'id')
  if (id === null) return null
  const quantity = numberOf(from, 'quantity') ?? 1
  return {
    id: id.slice(0, 128),
    name: textOf(from, 'name', 'product_name')?.slice(0, 200) ?? null,
    category: textOf(from, 'category')?.slice(0, 100) ?? null,
    price: centsOf(from, 'price'),
    quantity: Math.min(Math.max(quantity, 0), 1_000_000),
  }
}

/** The lines of an order or cart; lines without an id are left out. */
export function productsOf(from: JsonObject): ProductLine[] {
  const list = from['products']
  if (!Array.isArray(list)) return []
  const lines: ProductLine[] = []
  for (const item of list.slice(0, MAX_LINES)) {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) continue
    const line = productOf(item as JsonObject)
    if (line !== null) lines.push(line)
  }
  return lines
}

export const orderIdOf = (from: JsonObject): string | null =>
  textOf(from, 'order_id', 'orderId')?.slice(0, 128) ?? null

/** The sum over lines that carry a price; null where none does. */
function linesTotal(lines: readonly ProductLine[]): Cents | null {
  let sum = 0
  let priced = false
  for (const line of lines) {
    if (line.price === null) continue
    sum += Math.round(line.price * line.quantity)
    priced = true
  }
  return priced ? sum : null
}

/**
 * What an order brings in, net of discount, without tax and shipping (ANA-1). In this order: revenue
 * (which means just that), subtotal (likewise), the lines less the discount, the total less tax and
 * shipping. Never negative; null where nothing was given.
 */
export function orderRevenue(from: JsonObject, lines: readonly ProductLine[]): Cents | null {
  const given = centsOf(from, 'revenue') ?? centsOf(from, 'subtotal')
  if (given !== null) return Math.max(0, given)
  const byLines = linesTotal(lines)
  if (byLines !== null) return Math.max(0, byLines - (centsOf(from, 'discount') ?? 0))
  return lessTaxAndShipping(from)
}

/**
 * What a refund gives back of that: revenue or subtotal, else its lines, else the total less tax and
 * shipping; null means all of the order (Segment asks for the order id alone). Signs are ignored:
 * producers write refunds both ways.
 */
export function refundAmount(from: JsonObject, lines: readonly ProductLine[]): Cents | null {
  const given = centsOf(from, 'revenue') ?? centsOf(from, 'subtotal') ?? linesTotal(lines)
  const amount = given ?? lessTaxAndShipping(from)
  return amount === null ? null : Math.abs(amount)
}

function lessTaxAndShipping(from: JsonObject): Cents | null {
  const total = centsOf(from, 'total', 'value')
  if (total === null) return null
  const rest = Math.abs(total) - (centsOf(from, 'tax') ?? 0) - (centsOf(from, 'shipping') ?? 0)
  return Math.max(0, rest)
}
