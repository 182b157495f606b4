/** JSON values as ClickHouse columns want them. What does not fit becomes null or empty, never an error. */

/** DateTime64 reaches from 1900 to the end of 2299. */
const EARLIEST = Date.UTC(1900, 0, 1)
const LATEST = Date.UTC(2300, 0, 1) - 1

/**
 * An instant (ms since 1970) as DateTime64(3, 'UTC') text; instants outside its range are moved to its
 * ends. Text, because a bare number of few digits would be read as seconds.
 */
export function instant(ms: unknown): string {
  const at = typeof ms === 'number' && Number.isFinite(ms) ? ms : 0
  return new Date(Math.min(LATEST, Math.max(EARLIEST, Math.trunc(at))))
    .toISOString()
    .replace('T', ' ')
    .slice(0, 23)
}

export const instantOrNull = (ms: unknown): string | null =>
  typeof ms === 'number' && Number.isFinite(ms) ? instant(ms) : null

export const text = (value: unknown): string => (typeof value === 'string' ? value : '')

export const textOrNull = (value: unknown): string | null =>
  typeof value === 'string' ? value : null

export const real = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null

/** A count: a whole number of at least 0 and at most what a double holds exactly. */
export const count = (value: unknown): number =>
  typeof value === 'number' && value > 0 ? Math.min(Math.trunc(value), Number.MAX_SAFE_INTEGER) : 0

const DECIMAL_LIMIT = 1e13

/** Decimal(18, 4); null where it does not fit. */
export function money(value: unknown): string | null {
  const number = real(value)
  return number === null || Math.abs(number) >= DECIMAL_LIMIT ? null : number.toFixed(4)
}

export const json = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value))

export type Fields = Readonly<Record<string, unknown>>

const NOTHING: Fields = {}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const fields = (value: unknown): Fields => (isFields(value) ? value : NOTHING)

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
