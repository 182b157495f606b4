/**
 * How much a customer does, over sliding windows (PRO-6): counts of activities over the last hour,
 * 24 hours, 7, 30 and 90 days.
 *
 * P8 Counts are read from buckets at the time of reading, so they expire by time without an event. The
 *    short windows slide in steps of 5 minutes, the long ones of UTC days: a window of n steps is the
 *    current step and the n - 1 before it. What is ahead of `now` (task time lags behind the newest
 *    record) counts as now.
 */
import { type ByteReader, type ByteWriter, days, hours, type Millis, minutes } from '#engine'
import {
  addRow,
  type Buckets,
  bucketOf,
  dropBefore,
  NO_BUCKETS,
  sumOf,
  uniteBuckets,
} from './buckets.ts'
import { readBuckets, writeBuckets } from './parts-codec.ts'

export interface Engagement {
  /** Steps of 5 minutes, for 24 hours. */
  readonly fine: Buckets
  /** Days, for 90 days. */
  readonly daily: Buckets
}

export const NO_ENGAGEMENT: Engagement = { fine: NO_BUCKETS, daily: NO_BUCKETS }

const ROW = 2
const STEP = minutes(5)
const DAILY_WINDOW = 90

const fineFrom = (now: Millis, window: Millis): number => bucketOf(now, STEP) - window / STEP + 1
const dailyFrom = (now: Millis, window: number): number => bucketOf(now, days(1)) - window + 1

export function addActivity(engagement: Engagement, at: Millis, now: Millis): Engagement {
  const fine = dropBefore(engagement.fine, fineFrom(now, hours(24)), ROW)
  const daily = dropBefore(engagement.daily, dailyFrom(now, DAILY_WINDOW), ROW)
  return {
    fine: at < now - hours(25) ? fine : addRow(fine, [bucketOf(at, STEP), 1]),
    daily: at < now - days(91) ? daily : addRow(daily, [bucketOf(at, days(1)), 1]),
  }
}

/** Whether an activity of that UTC day is known. */
export const wasActiveOn = (engagement: Engagement, day: number): boolean =>
  sumOf(engagement.daily, { from: day, until: day + 1, width: ROW }) > 0

export interface EngagementFigures {
  readonly hour: number
  readonly day: number
  readonly days7: number
  readonly days30: number
  readonly days90: number
}

export function engagementFigures(engagement: Engagement, now: Millis): EngagementFigures {
  return {
    hour: sumOf(engagement.fine, { from: fineFrom(now, hours(1)), width: ROW }),
    day: sumOf(engagement.fine, { from: fineFrom(now, hours(24)), width: ROW }),
    days7: activeDaysSum(engagement, { now, window: 7 }),
    days30: activeDaysSum(engagement, { now, window: 30 }),
    days90: activeDaysSum(engagement, { now, window: DAILY_WINDOW }),
  }
}

/** Activities of the `window` days that end with `now`'s, before `until` (a midnight). */
export const activeDaysSum = (
  engagement: Engagement,
  over: { readonly now: Millis; readonly window: number; readonly until?: Millis },
): number => {
  const until = (over.until ?? Number.POSITIVE_INFINITY) / days(1)
  return sumOf(engagement.daily, { from: dailyFrom(over.now, over.window), until, width: ROW })
}

export const uniteEngagement = (mine: Engagement, theirs: Engagement): Engagement => ({
  fine: uniteBuckets(mine.fine, theirs.fine, ROW),
  daily: uniteBuckets(mine.daily, theirs.daily, ROW),
})

export function writeEngagement(engagement: Engagement, out: ByteWriter): void {
  writeBuckets(engagement.fine, ROW, out)
  writeBuckets(engagement.daily, ROW, out)
}

export const readEngagement = (reader: ByteReader): Engagement => ({
  fine: readBuckets(reader, ROW),
  daily: readBuckets(reader, ROW),
})
