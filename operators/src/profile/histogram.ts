/**
 * A multiset of non-negative numbers in bounded space, as an immutable value: counts per slot, in
 * pages of 64 slots, so that adding one copies a page and not the whole.
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

export function addValue(histogram: Histogram, value: number): Histogram {
  const slot = slotOf(value)
  const page = Math.floor(slot / PAGE)
  const counts = (histogram[page] ?? EMPTY_PAGE).slice()
  counts[slot % PAGE] = (counts[slot % PAGE] as number) + 1
  const next = histogram.slice()
  while (next.length < page) next.push(null)
  next[page] = counts
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
  let below = 0
  for (const [p, page] of histogram.entries())
    for (const [i, count] of (page ?? []).entries()) {
      below += count
      // Ranks are compared as counts: ceil with a guard, since 0.29 * 100 is 28.999999999999996.
      while (found.length < ranks.length && below >= needed(ranks[found.length] as number, total))
        found.push(valueOf(p * PAGE + i))
    }
  return found
}

const needed = (rank: number, total: number): number =>
  Math.max(1, Math.ceil(Number((rank * total).toFixed(6))))
