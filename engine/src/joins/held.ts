/**
 * Records that a join holds: short arrays in the order of event time, of equal times in the order of
 * arrival. Pure: what changes is a new array (O3).
 */
import type { Millis } from '../time.ts'

/** `waiting`: has met nobody. `matched`: has. `told`: its result without a partner was emitted. */
export const WAITING = 0
export const MATCHED = 1
export const TOLD = 2
export type Status = typeof WAITING | typeof MATCHED | typeof TOLD

export interface Held<T> {
  readonly at: Millis
  readonly value: T
  readonly status: Status
}

export const NOTHING_HELD: readonly never[] = []

/** Where the first record of time `at` or later stands; the length where there is none. */
export function firstFrom(held: readonly { readonly at: Millis }[], at: Millis): number {
  // From the newest: that is where records arrive.
  let low = 0
  let high = held.length
  if (high > 0 && (held[high - 1] as { at: Millis }).at < at) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((held[middle] as { at: Millis }).at < at) low = middle + 1
    else high = middle
  }
  return low
}

/** With one more, behind those of the same time. */
export function withRecord<T extends { readonly at: Millis }>(
  held: readonly T[],
  record: T,
): readonly T[] {
  const index = firstFrom(held, record.at + 1)
  return index === held.length ? [...held, record] : held.toSpliced(index, 0, record)
}
