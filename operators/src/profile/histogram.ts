/**
 * A multiset of non-negative numbers in bounded space, as an immutable value: counts per slot, in
 * pages of 64 slots, so that adding one copies a page and not the whole. Counts may be negative, in
 * what is to be taken out of another one. Equal multisets are equal values.
 *
 * Numbers below 1,000 have a slot each; above, those with equal first three digits share one
 * (`rounded`). So counts, days and small sums are exact, and money is ranked to three digits: at most
 * some 12,000 slots whatever the shop's size.
 */

/** Pages of counts by page number; absent: all zero. */
export type Histogram = readonly (readonly number[] | null)[]

export const EMPTY_HISTOGRAM: Histogram = []

const EXACT = 1_000
const PER_DECADE = 900
const PAGE = 64
const EMPTY_PAGE: readonly number[] = Array.from({ length: PAGE }, () => 0)
const MAX_VALUE = 1e15

/** Slot of a number; rising with it. */
function slotOf(value: number): number {
  if (!(value > 0)) return 0
  let rest = Math.floor(Math.min(value, MAX_VALUE))
  let decade = 0
  for (; rest >= EXACT; decade++) rest = Math.floor(rest / 10)
  return decade === 0 ? rest : EXACT + (decade - 1) * PER_DECADE + (rest - 100)
}

/** The least number of a slot. */
function valueOf(slot: number): number {
  if (slot < EXACT) return slot
  const decade = Math.floor((slot - EXACT) / PER_DECADE) + 1
  return (((slot - EXACT) % PER_DECADE) + 100) * 10 ** decade
}

/** The number as the histogram knows it: cut to three digits from 1,000 up, negative ones are 0. */
export const rounded = (value: number): number => valueOf(slotOf(value))

/** @param count how many of it; negative: taken out */
export function addValue(histogram: Histogram, value: number, count = 1): Histogram {
  const slot = slotOf(value)
  const page = Math.floor(slot / PAGE)
  const counts = (histogram[page] ?? EMPTY_PAGE).slice()
  counts[slot % PAGE] = (counts[slot % PAGE] as number) + count
  return withPage(histogram, page, counts)
}

export function addHistograms(a: Histogram, b: Histogram): Histogram {
  let sum = a
  for (const [page, counts] of b.entries()) {
    const mine = sum[page] ?? EMPTY_PAGE
    if (counts === null) continue
    sum = withPage(
      sum,
      page,
      counts.map((count, i) => count + (mine[i] as number)),
    )
  }
  return sum
}

/** A page without counts is none, and none follow the last one with some. */
function withPage(histogram: Histogram, page: number, counts: readonly number[]): Histogram {
  const next = histogram.slice()
  while (next.length < page) next.push(null)
  next[page] = counts.every((count) => count === 0) ? null : counts
  while (next.length > 0 && next.at(-1) === null) next.pop()
  return next
}

/**
 * The nearest-rank quantiles at rising `ranks` (0..1): the least value with at least that share of all
 * at or below it. Empty where the histogram is.
 */
export function quantiles(histogram: Histogram, ranks: readonly number[]): number[] {
  let total = 0
  for (const page of histogram) for (const count of page ?? []) total += count
  const found: number[] = []
  if (total === 0) return found
  const needed = ranks.map((rank) => countAt(rank, total))
  let below = 0
  for (const [p, page] of histogram.entries()) {
    if (page === null) continue
    for (let i = 0; i < PAGE; i++) {
      below += page[i] as number
      while (found.length < needed.length && below >= (needed[found.length] as number))
        found.push(valueOf(p * PAGE + i))
    }
  }
  return found
}

/** Ranks are compared as counts: ceil with a guard, since 0.29 * 100 is 28.999999999999996. */
const countAt = (rank: number, total: number): number =>
  Math.max(1, Math.ceil(Number((rank * total).toFixed(6))))
