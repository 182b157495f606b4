/**
 * How many customers there are at each value that cut points are made of: a sum over contributions,
 * and itself a value that can be added to another. Counts may be negative: what is to be taken out of
 * a sum that this one is added to. Its size depends on how far values spread and on how many days
 * there are, not on the number of customers.
 *
 * Days are counted as days and become ages when a set is cut: then, and without a word from anybody,
 * all are a day older.
 */
import { days, type Millis } from '#engine'
import { addRow, type Buckets, NO_BUCKETS, sumOf } from './buckets.ts'
import type { Contribution } from './contribution.ts'
import { type CutPoints, EFFECTIVE_AFTER } from './cutpoints.ts'
import { addHistograms, addValue, EMPTY_HISTOGRAM, type Histogram, quantiles } from './histogram.ts'

export interface ShopCounts {
  readonly population: number
  readonly buyers: number
  /** Customers by the UTC day of their last purchase. */
  readonly lastOrder: Buckets
  /** Of buyers. */
  readonly frequency: Histogram
  readonly monetary: Histogram
  /** Customers by the UTC day of their last activity. */
  readonly lastActive: Buckets
  /** Of all. */
  readonly allFrequency: Histogram
  readonly allMonetary: Histogram
  readonly engagement: Histogram
}

export const NO_COUNTS: ShopCounts = {
  population: 0,
  buyers: 0,
  lastOrder: NO_BUCKETS,
  frequency: EMPTY_HISTOGRAM,
  monetary: EMPTY_HISTOGRAM,
  lastActive: NO_BUCKETS,
  allFrequency: EMPTY_HISTOGRAM,
  allMonetary: EMPTY_HISTOGRAM,
  engagement: EMPTY_HISTOGRAM,
}

/** @param count 1 puts a customer in, -1 takes one out */
export function countIn(to: ShopCounts, of: Contribution, count: 1 | -1): ShopCounts {
  const { lastOrder } = of
  const buys = lastOrder !== null
  // Every field by name: spreading an object of nine fields costs more than the counting.
  return {
    population: to.population + count,
    buyers: buys ? to.buyers + count : to.buyers,
    lastOrder: buys ? addDay(to.lastOrder, lastOrder, count) : to.lastOrder,
    frequency: buys ? addValue(to.frequency, of.frequency, count) : to.frequency,
    monetary: buys ? addValue(to.monetary, of.monetary, count) : to.monetary,
    lastActive: addDay(to.lastActive, of.lastActive, count),
    allFrequency: addValue(to.allFrequency, of.frequency, count),
    allMonetary: addValue(to.allMonetary, of.monetary, count),
    engagement: addValue(to.engagement, of.engagement, count),
  }
}

export const addCounts = (a: ShopCounts, b: ShopCounts): ShopCounts => ({
  population: a.population + b.population,
  buyers: a.buyers + b.buyers,
  lastOrder: addDays(a.lastOrder, b.lastOrder),
  frequency: addHistograms(a.frequency, b.frequency),
  monetary: addHistograms(a.monetary, b.monetary),
  lastActive: addDays(a.lastActive, b.lastActive),
  allFrequency: addHistograms(a.allFrequency, b.allFrequency),
  allMonetary: addHistograms(a.allMonetary, b.allMonetary),
  engagement: addHistograms(a.engagement, b.engagement),
})

/** A day that nobody is left at goes: nearly every day comes to that. */
function addDay(counts: Buckets, day: number, count: number): Buckets {
  const next = addRow(counts, [day, count])
  const left = sumOf(next, { from: day, until: day + 1, width: 2 })
  return left === 0 ? next.filter((_, i) => next[i & ~1] !== day) : next
}

function addDays(a: Buckets, b: Buckets): Buckets {
  let sum = a
  for (let i = 0; i < b.length; i += 2) sum = addDay(sum, b[i] as number, b[i + 1] as number)
  return sum
}

const FIFTHS = [0.2, 0.4, 0.6, 0.8]
const PERCENTS = Array.from({ length: 99 }, (_, i) => (i + 1) / 100)
/** No activity is kept for longer. */
const LONGEST_INACTIVITY = 90

/** The set of a midnight that these counts hold at. */
export function cutPointsOf(counts: ShopCounts, midnight: Millis): CutPoints {
  return {
    version: new Date(midnight).toISOString().slice(0, 10),
    midnight,
    effectiveFrom: midnight + EFFECTIVE_AFTER,
    population: counts.population,
    buyers: counts.buyers,
    quintiles: {
      recency: quantiles(ages(counts.lastOrder, midnight), FIFTHS),
      frequency: quantiles(counts.frequency, FIFTHS),
      monetary: quantiles(counts.monetary, FIFTHS),
    },
    percentiles: {
      inactivity: quantiles(ages(counts.lastActive, midnight, LONGEST_INACTIVITY), PERCENTS),
      frequency: quantiles(counts.allFrequency, PERCENTS),
      monetary: quantiles(counts.allMonetary, PERCENTS),
      engagement: quantiles(counts.engagement, PERCENTS),
    },
  }
}

/** Days from each to the day that ends at the midnight. */
function ages(counts: Buckets, midnight: Millis, longest = Number.POSITIVE_INFINITY): Histogram {
  const today = midnight / days(1) - 1
  let histogram = EMPTY_HISTOGRAM
  for (let i = 0; i < counts.length; i += 2)
    histogram = addValue(
      histogram,
      Math.min(longest, today - (counts[i] as number)),
      counts[i + 1] as number,
    )
  return histogram
}
