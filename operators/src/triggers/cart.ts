/**
 * The cart, as far as events tell of it.
 *
 * C1 A line put in at or before the last clearing (an order, or a view of the empty cart) is gone,
 *    whatever order the events arrive in.
 * C2 `changedAt` is the event time of the latest change; a late change does not move it back.
 * C3 Merging two carts is commutative, associative and idempotent: per product the later line stands.
 */
import type { Millis } from '#engine'
import { type Line, NEVER, type Signal } from './signals.ts'

export interface CartLine extends Line {
  /** When the line was last added to. */
  readonly at: Millis
}

export interface Cart {
  readonly lines: readonly CartLine[]
  readonly changedAt: Millis
  readonly clearedAt: Millis
}

export const EMPTY_CART: Cart = { lines: [], changedAt: NEVER, clearedAt: NEVER }

/** Lines kept; the latest ones stay. */
const MAX_LINES = 100

/** The cart after a signal; the same object where nothing changed. */
export function cartAfter(cart: Cart, signal: Signal): Cart {
  switch (signal.kind) {
    case 'cart_added':
      return add(cart, signal.lines, signal.at)
    case 'cart_removed':
      return remove(cart, signal.lines, signal.at)
    case 'cart_viewed':
      return replace(cart, signal.lines, signal.at)
    case 'ordered':
      return clear(cart, signal.at)
    default:
      return cart
  }
}

/** The lines with some more put in at `at`: one line a product, quantities added up. */
function put(into: readonly CartLine[], lines: readonly Line[], at: Millis): readonly CartLine[] {
  let next = into
  for (const line of lines) {
    if (line.quantity === 0) continue
    const known = next.find((l) => l.product === line.product)
    const newest = known === undefined || at >= known.at ? line : known
    const sum: CartLine = {
      ...newest,
      name: newest.name ?? known?.name ?? null,
      quantity: (known?.quantity ?? 0) + line.quantity,
      at: Math.max(at, known?.at ?? NEVER),
    }
    next = [...next.filter((l) => l.product !== line.product), sum]
  }
  return next
}

const add = (cart: Cart, lines: readonly Line[], at: Millis): Cart =>
  at <= cart.clearedAt ? cart : changed(cart, put(cart.lines, lines, at), at)

function remove(cart: Cart, lines: readonly Line[], at: Millis): Cart {
  const out = new Map(lines.map((line) => [line.product, line.quantity]))
  const next = cart.lines.flatMap((line) => {
    const quantity = line.quantity - (out.get(line.product) ?? 0)
    if (quantity <= 0) return []
    return quantity === line.quantity ? [line] : [{ ...line, quantity }]
  })
  const same = next.length === cart.lines.length && next.every((line, i) => line === cart.lines[i])
  return same ? cart : changed(cart, next, at)
}

/** A view of the cart says what is in it; an older view than the last change says nothing new. */
function replace(cart: Cart, lines: readonly Line[], at: Millis): Cart {
  if (at < cart.changedAt || at <= cart.clearedAt) return cart
  const seen = put([], lines, at)
  if (seen.length === 0) return clear(cart, at)
  const same =
    seen.length === cart.lines.length &&
    seen.every((line) =>
      cart.lines.some((l) => l.product === line.product && l.quantity === line.quantity),
    )
  return same ? cart : changed(cart, seen, at)
}

function clear(cart: Cart, at: Millis): Cart {
  if (at <= cart.clearedAt) return cart
  return {
    lines: cart.lines.filter((line) => line.at > at),
    changedAt: Math.max(cart.changedAt, at),
    clearedAt: at,
  }
}

const changed = (cart: Cart, lines: readonly CartLine[], at: Millis): Cart => ({
  ...cart,
  lines: bounded(lines),
  changedAt: Math.max(cart.changedAt, at),
})

/** In the order (time, product), so that equal carts are equal values. */
function bounded(lines: readonly CartLine[]): CartLine[] {
  const sorted = [...lines].sort((a, b) => a.at - b.at || compare(a.product, b.product))
  return sorted.slice(-MAX_LINES)
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Which of two lines of one product stands: the later, then by content, so that order never tells. */
const later = (a: CartLine, b: CartLine): CartLine =>
  (a.at - b.at ||
    a.quantity - b.quantity ||
    a.price - b.price ||
    compare(a.name ?? '', b.name ?? '')) >= 0
    ? a
    : b

export function mergeCarts(a: Cart, b: Cart): Cart {
  const clearedAt = Math.max(a.clearedAt, b.clearedAt)
  const byProduct = new Map<string, CartLine>()
  for (const line of [...a.lines, ...b.lines]) {
    const known = byProduct.get(line.product)
    byProduct.set(line.product, known === undefined ? line : later(known, line))
  }
  return {
    lines: bounded([...byProduct.values()].filter((line) => line.at > clearedAt)),
    changedAt: Math.max(a.changedAt, b.changedAt),
    clearedAt,
  }
}

/** Pieces in the cart. */
export const cartCount = (cart: Cart): number =>
  cart.lines.reduce((sum, line) => sum + line.quantity, 0)

/** Value in the shop's currency; the sum is of whole hundredths, so its order does not matter. */
export const cartValue = (cart: Cart): number =>
  cart.lines.reduce((sum, line) => sum + line.price * line.quantity, 0) / 100

/** The line that costs most in all; ties go to the product id. */
export const dearestLine = (cart: Cart): CartLine | undefined =>
  [...cart.lines].sort(
    (a, b) => b.price * b.quantity - a.price * a.quantity || compare(a.product, b.product),
  )[0]
