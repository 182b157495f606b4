/** Plain results of a measurement: a line for each figure, a table for each list of them. */
import { printable, table, value } from '../text.ts'

export function figuresText(result: object): string {
  if (Array.isArray(result)) return listText(result)
  const width = Math.max(0, ...Object.keys(result).map((name) => name.length))
  const lines = Object.entries(result).flatMap(([name, of]) =>
    Array.isArray(of) && of.some(isRecord)
      ? ['', name, listText(of).trimEnd()]
      : [`${printable(name).padEnd(width)}  ${flat(of)}`],
  )
  return `${lines.join('\n')}\n`
}

const isRecord = (of: unknown): of is Readonly<Record<string, unknown>> =>
  typeof of === 'object' && of !== null && !Array.isArray(of)

/** A spread as `median (min to max)`, another small record as `a 1, b 2`, else the value itself. */
const flat = (of: unknown): string =>
  isRecord(of) && 'median' in of
    ? `${value(of['median'])} (${value(of['min'])} to ${value(of['max'])})`
    : isRecord(of)
      ? Object.entries(of)
          .map(([name, inner]) => `${printable(name)} ${value(inner)}`)
          .join(', ')
      : value(of)

function listText(list: readonly unknown[]): string {
  const rows = list.filter(isRecord)
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const numeric = (name: string): boolean => rows.some((row) => typeof row[name] === 'number')
  return table(
    names.map((name) => ({ name, right: numeric(name) })),
    rows.map((row) => names.map((name) => flat(row[name]))),
  )
}
