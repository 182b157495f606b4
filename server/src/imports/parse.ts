/** Fields of tabular files as values; undefined means that the text is not one. Times are UTC. */

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2}))?)?(?: ?UTC|Z)?$/
const US_DATE_TIME = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d{2})$/
const DECIMAL = /^-?\d{1,12}(?:\.\d{1,9})?$/
const INTEGER = /^-?\d{1,9}(?:\.0+)?$/

/** Years that a shop's history can be from; what lies outside is a slip, not a date. */
const FIRST_YEAR = 1970
const LAST_YEAR = 2100

function utc(
  year: number,
  month: number,
  day: number,
  time: readonly number[],
): number | undefined {
  const [hour = 0, minute = 0, second = 0] = time
  if (year < FIRST_YEAR || year > LAST_YEAR || hour > 23 || minute > 59 || second > 59)
    return undefined
  const ms = Date.UTC(year, month - 1, day, hour, minute, second)
  // Date.UTC turns 31 February into 3 March.
  const date = new Date(ms)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? ms : undefined
}

/** `2010-12-01 08:26:00`, with T, without seconds or time, with UTC or Z. @returns ms since 1970 */
export function parseDateTime(text: string): number | undefined {
  const m = DATE_TIME.exec(text)
  if (m === null) return undefined
  const [year, month, day, ...time] = m.slice(1).map((part) => Number(part ?? 0))
  return utc(year as number, month as number, day as number, time)
}

/** `12/1/2010 8:26`, month first, as the spreadsheet edition of Online Retail has it. */
export function parseUsDateTime(text: string): number | undefined {
  const m = US_DATE_TIME.exec(text)
  if (m === null) return undefined
  const [month, day, year, ...time] = m.slice(1).map(Number)
  return utc(year as number, month as number, day as number, time)
}

export const parseDecimal = (text: string): number | undefined =>
  DECIMAL.test(text) ? Number(text) : undefined

/** Integers, also as `6.0`. */
export const parseInteger = (text: string): number | undefined =>
  INTEGER.test(text) ? Number(text) : undefined
