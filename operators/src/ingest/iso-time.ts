/**
 * ISO 8601 instants, strictly: `Date.parse` takes far more (and reads a time without zone in the
 * machine's own), so the same bytes would mean different instants on different machines.
 *
 * Accepted: YYYY-MM-DD, and with a time THH:MM[:SS[.fraction]] followed by Z, +HH:MM, +HHMM or
 * nothing. Without a zone it is UTC (Segment: all timestamps are). Fractions below a millisecond are
 * cut off. Second 60 is the leap second and means the next minute.
 */
import type { Millis } from '#engine'

const digit = (text: string, at: number): number => {
  const d = text.charCodeAt(at) - 48
  return d >= 0 && d <= 9 ? d : Number.NaN
}
const two = (text: string, at: number): number => digit(text, at) * 10 + digit(text, at + 1)

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const leap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

/** Whether `value` is within the bounds; false for NaN, which stands for a missing digit. */
const within = (value: number, low: number, high: number): boolean => value >= low && value <= high

/** @returns ms since 1970, or NaN where `text` is no ISO 8601 date or date-time. */
export function parseIsoTime(text: string): Millis {
  const year = two(text, 0) * 100 + two(text, 2)
  const month = two(text, 5)
  const day = two(text, 8)
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return Number.NaN
  if (!within(month, 1, 12) || !within(year, 0, 9999)) return Number.NaN
  const last = month === 2 && leap(year) ? 29 : (DAYS[month - 1] ?? 0)
  if (!within(day, 1, last)) return Number.NaN
  // Years 0..99 would be read as 1900..1999; they are refused as too old either way.
  const date = Date.UTC(year, month - 1, day)
  return text.length === 10 ? date : date + timeOfDay(text)
}

/** What follows the date: ms since its midnight in UTC (can be negative), or NaN. */
function timeOfDay(text: string): Millis {
  const separator = text.charCodeAt(10)
  if (separator !== 84 && separator !== 116 && separator !== 32) return Number.NaN
  const hour = two(text, 11)
  const minute = two(text, 14)
  if (text.charCodeAt(13) !== 58 || !within(hour, 0, 23) || !within(minute, 0, 59))
    return Number.NaN
  let ms = (hour * 60 + minute) * 60_000
  let at = 16
  if (text.charCodeAt(at) === 58) {
    const second = two(text, 17)
    if (!within(second, 0, 60)) return Number.NaN
    ms += second * 1_000
    at = 19
    const mark = text.charCodeAt(at)
    if (mark === 46 || mark === 44) {
      const from = at + 1
      let scale = 100
      for (at = from; digit(text, at) >= 0; at++) {
        if (scale >= 1) ms += digit(text, at) * scale
        scale /= 10
      }
      if (at === from) return Number.NaN
    }
  }
  return ms - zoneOffset(text, at)
}

/** The zone that ends the text: how far it is ahead of UTC in ms, or NaN. */
function zoneOffset(text: string, at: number): Millis {
  if (at === text.length) return 0
  const sign = text.charCodeAt(at)
  if ((sign === 90 || sign === 122) && at + 1 === text.length) return 0
  if (sign !== 43 && sign !== 45) return Number.NaN
  const colon = text.charCodeAt(at + 3) === 58 ? 1 : 0
  const hour = two(text, at + 1)
  const minute = two(text, at + 3 + colon)
  if (text.length !== at + 5 + colon || !within(hour, 0, 23) || !within(minute, 0, 59))
    return Number.NaN
  return (sign === 43 ? 1 : -1) * (hour * 60 + minute) * 60_000
}

/** The same rule as a pattern, for schemas: what it lets through is an instant save for bad days. */
export const ISO_TIME_PATTERN =
  '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])([Tt ]([01]\\d|2[0-3]):[0-5]\\d(:([0-5]\\d|60)([.,]\\d+)?)?([Zz]|[+-]([01]\\d|2[0-3]):?[0-5]\\d)?)?$'
