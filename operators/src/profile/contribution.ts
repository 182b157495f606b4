/**
 * What a customer adds to the cut points, as of a UTC midnight: what it is, and when time alone
 * changes it.
 *
 * C4 A function of the state and the midnight alone: no order and no activity at or after the midnight
 *    counts, whatever has already been processed, so interleaving and partition count cannot show. Of
 *    refunds and addresses a profile keeps the last word alone, which counts as heard.
 * C5 Who was active within 90 days or ordered within 12 months contributes. Long gone customers do
 *    not: they would make every boundary mean "came back at all".
 * C7 Known customers count: those with a user id, or with an address to write to (email, phone, push
 *    token). The id of a guest's order or of a browser is no customer: one person has many of them,
 *    nobody can be written to at any of them, and they would move every boundary for those who can.
 */
import { days, type Millis } from '#engine'
import { isUserKey } from '../ingest/routing.ts'
import { eachBucket, lastBucket } from './buckets.ts'
import { activeDaysSum } from './engagement.ts'
import { eachOrderDay, YEAR_DAYS, yearTotals } from './orders.ts'
import type { ProfileState } from './state.ts'
import { traitOf } from './traits.ts'

/** Days are UTC days since 1970, and not ages: growing older changes nothing here. */
export interface Contribution {
  /** Of the last purchase; null: never ordered. */
  readonly lastOrder: number | null
  readonly frequency: number
  readonly monetary: number
  /** Of the last activity; 0 where it is longer ago than is kept. */
  readonly lastActive: number
  readonly engagement: number
}

/** What the shop is to count of a customer from a midnight on, and what it counted before. */
export interface ContributionChange {
  readonly midnight: Millis
  /** Several where ids were merged. */
  readonly was: readonly Contribution[]
  readonly is: Contribution | null
}

const DAY = days(1)
const ENGAGEMENT_DAYS = 30
const ACTIVE_DAYS = 90

export const nextMidnight = (now: Millis): Millis => (Math.floor(now / DAY) + 1) * DAY

/** C7. */
export const isKnown = (key: string, { traits }: ProfileState): boolean =>
  isUserKey(key) ||
  traitOf(traits, 'email') !== null ||
  traitOf(traits, 'phone') !== null ||
  traitOf(traits, 'push_token') !== null

/** The state's contribution; null where there is none (C5). */
export function contributionAt(state: ProfileState, midnight: Millis): Contribution | null {
  const asOf = midnight - 1
  const { engagement, orders } = state
  const totals = yearTotals(orders, asOf, midnight)
  const activity = (window: number): number =>
    activeDaysSum(engagement, { now: asOf, window, until: midnight })
  if (totals.yearOrders === 0 && activity(ACTIVE_DAYS) === 0) return null
  return {
    lastOrder: totals.lastAt === null ? null : Math.floor(totals.lastAt / DAY),
    frequency: totals.yearOrders,
    monetary: Math.max(0, totals.yearNet),
    lastActive: lastBucket(engagement.daily, midnight / DAY, 2) ?? 0,
    engagement: activity(ENGAGEMENT_DAYS),
  }
}

/**
 * The first midnight after `midnight` at which the contribution may be another though nothing more is
 * heard: a day leaves a window, or one that was heard of ahead of task time is over. Null: never.
 */
export function nextChange(state: ProfileState, midnight: Millis): Millis | null {
  const today = midnight / DAY
  let next = Number.POSITIVE_INFINITY
  const look = (day: number, window: number): void => {
    const changes = day >= today ? day + 1 : day + 1 + window
    if (changes > today && changes < next) next = changes
  }
  eachOrderDay(state.orders, (day) => look(day, YEAR_DAYS))
  eachBucket(state.engagement.daily, 2, (day) => look(day, ENGAGEMENT_DAYS))
  const last = lastBucket(state.engagement.daily, today, 2)
  if (last !== null) look(last, ACTIVE_DAYS)
  return next === Number.POSITIVE_INFINITY ? null : next * DAY
}

export const sameContribution = (a: Contribution, b: Contribution): boolean =>
  a.lastOrder === b.lastOrder &&
  a.frequency === b.frequency &&
  a.monetary === b.monetary &&
  a.lastActive === b.lastActive &&
  a.engagement === b.engagement
