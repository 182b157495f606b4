/**
 * The cart as events tell it. Kept as a base (what it held at an instant: empty after an order, the
 * list of a Cart Viewed) and the changes after it, so that events out of order and two merged carts
 * give what their times say and not what their arrival says.
 *
 * P9 The latest base wins (at one instant the one with fewer lines); changes at or before it are part
 *    of it. At most 40 changes are kept; then the older half is folded into the base.
 */
import type { ByteReader, ByteWriter, Millis } from '#engine'
import type { Cents, ProductLine } from '../ingest/fields.ts'
import { readList, readNumber, remembering, writeList, writeNumber } from './parts-codec.ts'

export interface CartLine {
  readonly id: string
  readonly name: string | null
  /** Of one; null: unknown. */
  readonly price: Cents | null
  readonly quantity: number
}

export interface CartChange extends CartLine {
  readonly at: Millis
  /** Signed: removals are negative. */
  readonly quantity: number
}

export interface Cart {
  readonly base: { readonly at: Millis; readonly lines: readonly CartLine[] }
  readonly changes: readonly CartChange[]
}

export const EMPTY_CART: Cart = { base: { at: 0, lines: [] }, changes: [] }

const MAX_CHANGES = 40
const MAX_LINES = 50

const lineOf = (line: ProductLine): CartLine => ({
  id: line.id,
  name: line.name === null ? null : line.name.slice(0, 80),
  price: line.price,
  quantity: line.quantity,
})

/** @param sign 1 adds the line, -1 takes it out */
export function changeCart(cart: Cart, line: ProductLine, at: Millis, sign: 1 | -1): Cart {
  const change = { ...lineOf(line), quantity: sign * line.quantity, at }
  const newest = cart.changes.at(-1)?.at ?? cart.base.at
  const next = { ...cart, changes: [...cart.changes, change] }
  // Nearly every change is the newest one and needs no sorting in.
  return at > newest && next.changes.length <= MAX_CHANGES ? next : settle(next)
}

/** What the cart held at an instant; no lines: it was emptied, or became an order. */
export const resetCart = (cart: Cart, at: Millis, lines: readonly ProductLine[] = []): Cart =>
  settle({ ...cart, base: later(cart.base, { at, lines: lines.slice(0, MAX_LINES).map(lineOf) }) })

function later(a: Cart['base'], b: Cart['base']): Cart['base'] {
  if (a.at !== b.at) return a.at > b.at ? a : b
  if (a.lines.length !== b.lines.length) return a.lines.length < b.lines.length ? a : b
  return JSON.stringify(a.lines) <= JSON.stringify(b.lines) ? a : b
}

const byTime = (a: CartChange, b: CartChange): number =>
  a.at - b.at || compare(a.id, b.id) || a.quantity - b.quantity || (a.price ?? -1) - (b.price ?? -1)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function settle(cart: Cart): Cart {
  const changes = cart.changes.filter((change) => change.at > cart.base.at).sort(byTime)
  if (changes.length <= MAX_CHANGES) return { ...cart, changes }
  const half = changes.slice(0, MAX_CHANGES / 2)
  const base = { at: (half.at(-1) as CartChange).at, lines: foldLines(cart.base.lines, half) }
  return { base, changes: changes.filter((change) => change.at > base.at) }
}

/** Lines after changes in order: quantities add and never fall below 0, the last price stands. */
function foldLines(lines: readonly CartLine[], changes: readonly CartChange[]): CartLine[] {
  const byId = new Map(lines.map((line) => [line.id, line]))
  for (const change of changes) {
    const line = byId.get(change.id)
    byId.set(change.id, {
      id: change.id,
      name: change.name ?? line?.name ?? null,
      price: change.price ?? line?.price ?? null,
      quantity: Math.max(0, (line?.quantity ?? 0) + change.quantity),
    })
  }
  return [...byId.values()].filter((line) => line.quantity > 0).slice(0, MAX_LINES)
}

export interface CartContent {
  readonly lines: readonly CartLine[]
  /** Over the lines whose price is known. */
  readonly value: Cents
  /** Of the last change to it. */
  readonly changedAt: Millis
}

/** What lies in the cart; null where it is empty. */
export function cartContent(cart: Cart): CartContent | null {
  if (cart.changes.length === 0 && cart.base.lines.length === 0) return null
  const lines = foldLines(cart.base.lines, cart.changes)
  if (lines.length === 0) return null
  const value = lines.reduce((sum, line) => sum + Math.round((line.price ?? 0) * line.quantity), 0)
  return { lines, value, changedAt: cart.changes.at(-1)?.at ?? cart.base.at }
}

export const uniteCarts = (mine: Cart, theirs: Cart): Cart =>
  settle({
    base: later(mine.base, theirs.base),
    changes: [...mine.changes, ...theirs.changes],
  })

const PRICED = 1
const NAMED = 2

function writeLine(line: CartLine, out: ByteWriter): void {
  out.byte((line.price === null ? 0 : PRICED) | (line.name === null ? 0 : NAMED))
  out.text(line.id)
  writeNumber(line.quantity, out)
  if (line.price !== null) out.signed(line.price)
  if (line.name !== null) out.text(line.name)
}

function readLine(reader: ByteReader): CartLine {
  const flags = reader.byte()
  const id = reader.text()
  const quantity = readNumber(reader)
  const price = (flags & PRICED) === 0 ? null : reader.signed()
  const name = (flags & NAMED) === 0 ? null : reader.text()
  return { id, name, price, quantity }
}

export const writeCart = remembering((cart: Cart, out: ByteWriter): void => {
  out.signed(cart.base.at)
  writeList(cart.base.lines, out, writeLine)
  writeList(cart.changes, out, (change) => {
    writeLine(change, out)
    out.signed(change.at - cart.base.at)
  })
})

export function readCart(reader: ByteReader): Cart {
  const at = reader.signed()
  const lines = readList(reader, readLine)
  const changes = readList(reader, () => {
    const { id, name, price, quantity } = readLine(reader)
    return { id, name, price, quantity, at: at + reader.signed() }
  })
  return { base: { at, lines }, changes }
}
