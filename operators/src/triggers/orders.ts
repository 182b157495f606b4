/** How many orders a customer completed. An order told twice counts once, within the ids remembered. */
import type { ByteReader, ByteWriter, Millis } from '#engine'
import { readList, writeList } from '../profile/parts-codec.ts'
import { NEVER, type Signal } from './signals.ts'

export interface Orders {
  readonly count: number
  readonly lastAt: Millis
  /** The latest order ids, newest last in the order (time, id). */
  readonly recent: readonly (readonly [id: string, at: Millis])[]
}

export const NO_ORDERS: Orders = { count: 0, lastAt: NEVER, recent: [] }

/** Repeats come within days (a retried webhook); a customer with 32 orders in between is a reseller. */
const REMEMBERED = 32

export function ordersAfter(orders: Orders, signal: Signal): Orders {
  if (signal.kind !== 'ordered' || orders.recent.some(([id]) => id === signal.order)) return orders
  return {
    count: orders.count + 1,
    lastAt: Math.max(orders.lastAt, signal.at),
    recent: newest([...orders.recent, [signal.order, signal.at]]),
  }
}

export function mergeOrders(a: Orders, b: Orders): Orders {
  const known = new Map(a.recent)
  let common = 0
  for (const [id, at] of b.recent) {
    const other = known.get(id)
    if (other !== undefined) common++
    known.set(id, other === undefined ? at : Math.min(at, other))
  }
  return {
    count: a.count + b.count - common,
    lastAt: Math.max(a.lastAt, b.lastAt),
    recent: newest([...known]),
  }
}

const newest = (recent: readonly (readonly [string, Millis])[]): (readonly [string, Millis])[] =>
  [...recent].sort(([a, t], [b, u]) => t - u || (a < b ? -1 : a > b ? 1 : 0)).slice(-REMEMBERED)

export function writeOrders(orders: Orders, out: ByteWriter): void {
  out.varint(orders.count)
  out.signed(orders.lastAt)
  writeList(orders.recent, out, ([id, at]) => {
    out.text(id)
    out.signed(orders.lastAt - at)
  })
}

export function readOrders(reader: ByteReader): Orders {
  const count = reader.varint()
  const lastAt = reader.signed()
  const recent = readList(reader, () => [reader.text(), lastAt - reader.signed()] as const)
  return { count, lastAt, recent }
}
