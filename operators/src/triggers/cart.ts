/**
 * The cart as the triggers watch it: the profile's cart, and when its content last changed.
 *
 * CT1 What lay in it before an order, or before a view of the empty cart, is gone, in whatever
 *     order the events arrive (profile/cart.ts, P9).
 * CT2 `changedAt` is the event time of the latest event that changed the content. A view that shows
 *     the known cart is no change, and a change told late does not move it back.
 * CT3 Merging is commutative and associative.
 */
import type { ByteReader, ByteWriter, Millis } from '#engine'
import {
  type CartContent,
  type CartLine,
  cartContent,
  changeCart,
  EMPTY_CART,
  type Cart as ProfileCart,
  readCart as readTold,
  resetCart,
  uniteCarts,
  writeCart as writeTold,
} from '../profile/cart.ts'
import { NEVER, type Signal } from './signals.ts'

export interface Cart {
  readonly told: ProfileCart
  /** What lies in it by what was told; null where it is empty. Asked for with every record. */
  readonly content: CartContent | null
  readonly changedAt: Millis
}

export const UNTOUCHED_CART: Cart = { told: EMPTY_CART, content: null, changedAt: NEVER }

/** The cart after a signal; the same object where it says nothing of carts. */
export function cartAfter(cart: Cart, signal: Signal): Cart {
  const told = toldAfter(cart.told, signal)
  if (told === cart.told) return cart
  const content = cartContent(told)
  const changed = !sameContent(linesOf(cart.content), linesOf(content))
  return {
    told,
    content,
    changedAt: changed ? Math.max(cart.changedAt, signal.at) : cart.changedAt,
  }
}

function toldAfter(told: ProfileCart, signal: Signal): ProfileCart {
  switch (signal.kind) {
    case 'cart_added':
      return signal.lines.reduce((cart, line) => changeCart(cart, line, signal.at, 1), told)
    case 'cart_removed':
      return signal.lines.reduce((cart, line) => changeCart(cart, line, signal.at, -1), told)
    case 'cart_viewed':
      return resetCart(told, signal.at, signal.lines)
    case 'ordered':
      return resetCart(told, signal.at)
    default:
      return told
  }
}

const linesOf = (content: CartContent | null): readonly CartLine[] => content?.lines ?? []

const sameContent = (a: readonly CartLine[], b: readonly CartLine[]): boolean =>
  a.length === b.length &&
  a.every((line) => b.some((other) => other.id === line.id && other.quantity === line.quantity))

export function mergeCarts(a: Cart, b: Cart): Cart {
  const told = uniteCarts(a.told, b.told)
  return { told, content: cartContent(told), changedAt: Math.max(a.changedAt, b.changedAt) }
}

export function writeCart(cart: Cart, out: ByteWriter): void {
  out.signed(cart.changedAt)
  writeTold(cart.told, out)
}

export function readCart(reader: ByteReader): Cart {
  const changedAt = reader.signed()
  const told = readTold(reader)
  return { told, content: cartContent(told), changedAt }
}

/** What lies in the cart; null where it is empty. */
export const cartNow = (cart: Cart): CartContent | null => cart.content

/** Pieces in the cart. */
export const cartCount = (content: CartContent): number =>
  content.lines.reduce((sum, line) => sum + line.quantity, 0)

/** The line that costs most in all; ties go to the product id. */
export function dearestLine(content: CartContent): CartLine | undefined {
  const cost = (line: CartLine): number => (line.price ?? 0) * line.quantity
  return content.lines.toSorted((a, b) => cost(b) - cost(a) || (a.id < b.id ? -1 : 1))[0]
}
