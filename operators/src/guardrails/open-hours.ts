/**
 * When sending is allowed, as one window for each local weekday, and the search for the next such
 * instant. Pure; exact over changes of the clocks.
 *
 * A window is [from, to) in local minutes as clocks show them. In the night clocks go back, a local
 * time that comes twice is inside or outside both times; in the night they go forward, a window whose
 * start does not exist opens with the change.
 */
import { days, type Millis, minutes } from '#engine'
import { minuteOfDay, WEEKDAYS } from '../definitions/parts.ts'
import type { HourRule } from './legal-hours.ts'
import type { ZoneClock } from './zone-clock.ts'

/** Local minutes; closed all day where `from` is not before `to`. */
export interface DayWindow {
  readonly from: number
  readonly to: number
}

/** Sunday first. */
export type Week = readonly DayWindow[]

type Window = Pick<HourRule, 'from' | 'to'>

/** The intersection of the shop's hours with every rule that applies. */
export function weekOf(allowed: Window, rules: readonly HourRule[]): Week {
  return WEEKDAYS.map((day) => {
    const windows = [allowed, ...rules.filter((rule) => rule.days.includes(day))]
    return {
      from: Math.max(...windows.map((window) => minuteOfDay(window.from))),
      to: Math.min(...windows.map((window) => minuteOfDay(window.to))),
    }
  })
}

/** Whole days since 1970 of a local time; day 0 was a Thursday. */
const dayOf = (local: Millis): number => Math.floor(local / days(1))
const windowOf = (week: Week, day: number): DayWindow =>
  week[(((day + 4) % 7) + 7) % 7] ?? { from: 0, to: 0 }

function isOpen(clock: ZoneClock, zone: string, week: Week, at: Millis): boolean {
  const local = at + clock.offsetAt(zone, at)
  const day = dayOf(local)
  const minute = Math.floor((local - day * days(1)) / minutes(1))
  const window = windowOf(week, day)
  return window.from <= minute && minute < window.to
}

export const isOpenInAll = (
  clock: ZoneClock,
  zones: readonly string[],
  week: Week,
  at: Millis,
): boolean => zones.every((zone) => isOpen(clock, zone, week, at))

/**
 * Asked at an instant that is not open: the first after `from`, and not after `from + horizon`, that is
 * open in every zone; null where there is none. Whether an instant is open can begin only with a window or a change of the clocks of
 * some zone, so only those instants are looked at.
 */
export function nextOpen(
  clock: ZoneClock,
  where: { readonly zones: readonly string[]; readonly week: Week },
  from: Millis,
  horizon: Millis,
): Millis | null {
  const until = from + horizon
  const candidates = new Set<Millis>()
  for (const zone of where.zones)
    for (const at of beginnings(clock, zone, where.week, { from, until })) candidates.add(at)
  for (const at of [...candidates].sort((a, b) => a - b))
    if (isOpenInAll(clock, where.zones, where.week, at)) return at
  return null
}

/** Instants in (from, until] at which a window or another offset begins in the zone. */
function beginnings(
  clock: ZoneClock,
  zone: string,
  week: Week,
  span: { readonly from: Millis; readonly until: Millis },
): Millis[] {
  const { from, until } = span
  const changes = clock.changes(zone, from - days(2), until + days(2))
  // Every offset in force around the span: the start of a window is tried with each of them.
  const offsets = new Set([from, ...changes].map((at) => clock.offsetAt(zone, at)))
  offsets.add(clock.offsetAt(zone, from - days(2)))
  const found = [...changes]
  for (let day = dayOf(from) - 1; day <= dayOf(until) + 1; day++) {
    const start = day * days(1) + minutes(windowOf(week, day).from)
    for (const offset of offsets) found.push(start - offset)
  }
  return found.filter((at) => at > from && at <= until)
}
