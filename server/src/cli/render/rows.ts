/** Rows of a query as a table, as CSV (RFC 4180), or as one JSON object a line. */
import type { QueryResult } from '../../http/views.ts'
import { table, value } from '../text.ts'

export const ROW_FORMATS = ['table', 'json', 'csv'] as const
export type RowFormat = (typeof ROW_FORMATS)[number]

export function rowsText(result: QueryResult, format: RowFormat): string {
  switch (format) {
    case 'csv':
      return csv(result)
    case 'json':
      return objects(result)
    case 'table':
      return asTable(result)
  }
}

function asTable({ columns, rows, truncated, elapsed_ms }: QueryResult): string {
  const shown = columns.map(({ name, type }) => ({ name, right: isNumeric(type), most: 60 }))
  const count = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`
  const more = truncated ? ', and there are more (--max-rows)' : ''
  const body =
    columns.length === 0
      ? ''
      : table(
          shown,
          rows.map((row) => row.map(value)),
        )
  return `${body}${count}${more}, ${Math.round(elapsed_ms)} ms\n`
}

const isNumeric = (type: string): boolean => /^(Nullable\()?(U?Int|Float|Decimal)/.test(type)

const csv = ({ columns, rows }: QueryResult): string =>
  [columns.map(({ name }) => name), ...rows]
    .map((row) => `${row.map(csvField).join(',')}\r\n`)
    .join('')

function csvField(of: unknown): string {
  if (of === null || of === undefined) return ''
  const text = typeof of === 'string' ? of : JSON.stringify(of)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const objects = ({ columns, rows }: QueryResult): string =>
  rows
    .map(
      (row) =>
        `${JSON.stringify(Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])))}\n`,
    )
    .join('')
