/** Words, numbers and tables on a terminal. The same on every machine: UTC, no locale. */

/**
 * Text from the data, made safe to print: control characters could move the cursor, hide what was
 * said or set the terminal's title.
 */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, '\ufffd')

/** `2026-11-20 09:00 UTC`. */
export function time(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime())
    ? String(ms)
    : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** A value of unknown shape on one line. */
export function value(of: unknown): string {
  if (of === null || of === undefined) return '-'
  if (typeof of === 'string') return printable(of)
  if (typeof of === 'number') return number(of)
  if (typeof of === 'boolean') return of ? 'yes' : 'no'
  return printable(JSON.stringify(of))
}

/** At most 4 decimals; thousands are not grouped, so that a number can be copied. */
export const number = (n: number): string =>
  Number.isInteger(n) ? String(n) : String(Number(n.toFixed(4)))

export interface Column {
  readonly name: string
  readonly right?: boolean
  /** Longer values end in `~`. */
  readonly most?: number
}

/** Columns with two spaces between, names above; no trailing spaces. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) =>
    columns.map(({ most }, i) => shortened(printable(row[i] ?? ''), most)),
  )
  const widths = columns.map(({ name }, i) =>
    Math.max(lengthOf(name), ...cells.map((row) => lengthOf(row[i] ?? ''))),
  )
  const line = (row: readonly string[]): string =>
    columns
      .map(({ right }, i) => padded(row[i] ?? '', widths[i] ?? 0, right === true))
      .join('  ')
      .trimEnd()
  return `${[columns.map(({ name }) => name), ...cells].map(line).join('\n')}\n`
}

/** Code points: near enough to columns for ids, names and codes. */
const characters = (text: string): readonly string[] => Array.from(text)
const lengthOf = (text: string): number => characters(text).length

function padded(text: string, width: number, right: boolean): string {
  const spaces = ' '.repeat(Math.max(0, width - lengthOf(text)))
  return right ? spaces + text : text + spaces
}

function shortened(text: string, most = Number.POSITIVE_INFINITY): string {
  const all = characters(text)
  return all.length <= most ? text : `${all.slice(0, most - 1).join('')}~`
}
