/**
 * Recency, frequency, monetary value in quintiles of the shop (PRO-6).
 *
 * P13 R from days since the last purchase, F from orders and M from net spend in 12 months. Each 1 to
 *     5, 5 the best fifth. Equal values get equal scores: a value is in the class of the boundaries
 *     strictly below it, so a class can be larger than a fifth where many are equal.
 * P14 Values are ranked as the histogram knows them (three digits), on both sides.
 * P15 Who never ordered has no RFM. Nobody has before the first cut points (C3).
 */
import { days, type Millis } from '#engine'
import type { Boundaries, CutPoints } from './cutpoints.ts'
import { rounded } from './histogram.ts'
import type { OrderTotals } from './orders.ts'

export interface Rfm {
  readonly recencyDays: number
  readonly r: number
  readonly f: number
  readonly m: number
}

/** Whole UTC days from one instant to another, never negative. */
export const daysBetween = (from: Millis, to: Millis): number =>
  Math.max(0, Math.floor(to / days(1)) - Math.floor(from / days(1)))

/** How many boundaries lie strictly below the value. */
export function classOf(value: number, boundaries: Boundaries): number {
  const known = rounded(value)
  let below = 0
  while (below < boundaries.length && (boundaries[below] as number) < known) below++
  return below
}

export function rfmOf(totals: OrderTotals, cuts: CutPoints | null, now: Millis): Rfm | null {
  if (totals.lastAt === null || cuts === null || cuts.buyers === 0) return null
  const recencyDays = daysBetween(totals.lastAt, now)
  return {
    recencyDays,
    r: 5 - classOf(recencyDays, cuts.quintiles.recency),
    f: 1 + classOf(totals.yearOrders, cuts.quintiles.frequency),
    m: 1 + classOf(totals.yearNet, cuts.quintiles.monetary),
  }
}
