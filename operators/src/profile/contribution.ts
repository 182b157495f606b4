/**
 * A customer's part in the day's cut points, as of a UTC midnight.
 *
 * C4 A function of the state and the midnight alone: nothing at or after the midnight counts, whatever
 *    has already been processed, so interleaving and partition count cannot show.
 * C5 Who was active within 90 days or ordered within 12 months contributes. Long gone customers do
 *    not: they would make every boundary mean "came back at all".
 */
import { days, type Millis } from '#engine'
import { lastBucket } from './buckets.ts'
import { activeDaysSum } from './engagement.ts'
import { yearTotals } from './orders.ts'
import { daysBetween } from './rfm.ts'
import type { ProfileState } from './state.ts'

export interface Contribution {
  readonly midnight: Millis
  /** Days from the last purchase to the day that ends here; null: never ordered. */
  readonly recency: number | null
  readonly frequency: number
  readonly monetary: number
  /** Days since the last activity; 90 where it is longer ago than is kept. */
  readonly inactivity: number
  readonly engagement: number
}

export const nextMidnight = (now: Millis): Millis => (Math.floor(now / days(1)) + 1) * days(1)

/** The state's contribution; null where there is none (C5). */
export function contributionAt(state: ProfileState, midnight: Millis): Contribution | null {
  const asOf = midnight - 1
  const totals = yearTotals(state.orders, asOf, midnight)
  const activity = (window: number): number =>
    activeDaysSum(state.engagement, { now: asOf, window, until: midnight })
  if (totals.yearOrders === 0 && activity(90) === 0) return null
  const last = lastBucket(state.engagement.daily, midnight / days(1), 2)
  return {
    midnight,
    recency: totals.lastAt === null ? null : daysBetween(totals.lastAt, asOf),
    frequency: totals.yearOrders,
    monetary: Math.max(0, totals.yearNet),
    inactivity: last === null ? 90 : Math.min(90, daysBetween(last * days(1), asOf)),
    engagement: activity(30),
  }
}
