/**
 * Moving a data set in time: by whole days, so that the time of day (which send-time models learn
 * from) stays and the last event falls on a chosen date. The day of the week moves unless the shift
 * happens to be a multiple of seven.
 */

const DAY_MS = 86_400_000

export interface Rebase {
  /** ms since 1970; the last event will fall on the UTC date of this moment. */
  readonly endAt: number
}

/** @returns whole days, in ms, to add to every time; 0 without a rebase or without any event */
export function shiftFor(lastEventMs: number, rebase: Rebase | undefined): number {
  if (rebase === undefined || !Number.isFinite(lastEventMs)) return 0
  return (Math.floor(rebase.endAt / DAY_MS) - Math.floor(lastEventMs / DAY_MS)) * DAY_MS
}

/** ISO 8601 in UTC. */
export const isoTime = (ms: number): string => new Date(ms).toISOString()
