/**
 * Counters in numbered buckets of time: an immutable sorted list of rows, flat in one array because a
 * profile holds many and they are stored as JSON. A row is a bucket's number and one or more sums.
 * Adding is commutative, so late events and merges give the same buckets as punctual ones.
 */
import type { Millis } from '#engine'

/** `[number, sum, ..., number, sum, ...]`, by rising number; the row's width is the caller's. */
export type Buckets = readonly number[]

export const NO_BUCKETS: Buckets = []

export const bucketOf = (at: Millis, width: Millis): number => Math.floor(at / width)

/** Adds `row` = [bucket, sum, ...] to its bucket. Its length is the width of all rows. */
export function addRow(buckets: Buckets, row: readonly number[]): Buckets {
  const width = row.length
  const bucket = row[0] as number
  let at = buckets.length
  while (at > 0 && (buckets[at - width] as number) > bucket) at -= width
  const next = buckets.slice()
  if (at > 0 && buckets[at - width] === bucket) {
    for (let i = 1; i < width; i++)
      next[at - width + i] = (buckets[at - width + i] as number) + (row[i] as number)
  } else if (at === buckets.length) next.push(...row)
  else next.splice(at, 0, ...row)
  return next
}

/** Without the buckets below `first`. The same array where nothing goes. */
export function dropBefore(buckets: Buckets, first: number, width: number): Buckets {
  let from = 0
  while (from < buckets.length && (buckets[from] as number) < first) from += width
  return from === 0 ? buckets : buckets.slice(from)
}

/** Sum of column `column` (1 is the first sum) over the buckets in [from, until). */
export function sumOf(
  buckets: Buckets,
  range: { readonly from: number; readonly until?: number; readonly width: number },
  column = 1,
): number {
  const until = range.until ?? Number.POSITIVE_INFINITY
  let sum = 0
  for (let i = buckets.length - range.width; i >= 0; i -= range.width) {
    const bucket = buckets[i] as number
    if (bucket < range.from) break
    if (bucket < until) sum += buckets[i + column] as number
  }
  return sum
}

/** Calls `look` with the number of every bucket, by rising number. */
export function eachBucket(buckets: Buckets, width: number, look: (bucket: number) => void): void {
  for (let i = 0; i < buckets.length; i += width) look(buckets[i] as number)
}

/** The highest bucket below `until`; null where there is none. */
export function lastBucket(buckets: Buckets, until: number, width: number): number | null {
  for (let i = buckets.length - width; i >= 0; i -= width)
    if ((buckets[i] as number) < until) return buckets[i] as number
  return null
}

export function uniteBuckets(a: Buckets, b: Buckets, width: number): Buckets {
  if (a.length === 0) return b
  let united = a
  for (let i = 0; i < b.length; i += width) united = addRow(united, b.slice(i, i + width))
  return united
}
