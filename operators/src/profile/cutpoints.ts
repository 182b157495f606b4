/**
 * Where the shop's own distribution is cut (PRO-6): quintiles of recency, frequency and monetary value,
 * and percentiles for churn risk. Made once a day by the `cut-points` operator, known to every
 * customer task as a broadcast, named by version in whatever was computed with them.
 *
 * C1 A set is of one UTC midnight, and holds from an hour after it, everywhere at the same task time:
 *    so no result depends on when its record happened to reach a task.
 * C2 A set at or before the newest one known is ignored (replay, redelivery).
 * C3 Without a set there are no scores: null, never a guess.
 *
 * Midnights are UTC. A shop's own time zone would shift them for all alike.
 */
import { broadcast, hours, type Millis } from '#engine'

/** Rising boundaries: a value is in the class of how many of them lie below it. */
export type Boundaries = readonly number[]

export interface CutPoints {
  /** The midnight's date, YYYY-MM-DD. */
  readonly version: string
  readonly midnight: Millis
  readonly effectiveFrom: Millis
  /** Customers they were computed from: all, and those with an order. */
  readonly population: number
  readonly buyers: number
  /** 4 boundaries each: 20, 40, 60, 80 %. */
  readonly quintiles: {
    /** Days since the last purchase. */
    readonly recency: Boundaries
    /** Orders in 12 months. */
    readonly frequency: Boundaries
    /** Net spend in 12 months, hundredths. */
    readonly monetary: Boundaries
  }
  /** 99 boundaries each: 1..99 %. */
  readonly percentiles: {
    /** Days since the last activity. */
    readonly inactivity: Boundaries
    readonly frequency: Boundaries
    readonly monetary: Boundaries
    /** Activities in 30 days. */
    readonly engagement: Boundaries
  }
}

export interface CutPointsInForce {
  readonly current: CutPoints | null
  readonly next: CutPoints | null
}

export const EFFECTIVE_AFTER = hours(1)

export const cutPoints = broadcast<CutPointsInForce, CutPoints>({
  id: 'cut-points',
  initial: { current: null, next: null },
  fold(known, made) {
    const newest = known.next ?? known.current
    if (newest !== null && made.midnight <= newest.midnight) return known
    return { current: newest, next: made }
  },
})

/** The set that holds at `now` (C1); null before the first. */
export function cutPointsAt(known: CutPointsInForce, now: Millis): CutPoints | null {
  if (known.next !== null && now >= known.next.effectiveFrom) return known.next
  const { current } = known
  return current !== null && now >= current.effectiveFrom ? current : null
}
