/**
 * Training files as tables of text cells: CSV, or Arrow as `opportune query --format arrow` and other
 * tools write it (file or stream, not compressed inside). Which it is, its first bytes say.
 *
 * A cell of an Arrow column is spelt as a CSV would: numbers as JavaScript prints them, which is
 * exact, flags as 0 and 1, nothing as an empty cell.
 */
import { gunzipSync } from 'node:zlib'
import { tableFromIPC } from 'apache-arrow'
import { OpportuneError } from '#engine'

export interface Table {
  readonly names: readonly string[]
  /** Rows. */
  readonly count: number
  /** Empty where there is none. */
  cell(row: number, column: number): string
  /** Where a person finds a row: a line of the text, or a row of the table; both count from 1. */
  place(row: number): { readonly unit: 'line' | 'row'; readonly number: number }
}

/** Unpacked, the largest public trial is some MB; the limit keeps a hostile archive from filling memory. */
const LARGEST_UNPACKED = 256 * 1024 * 1024

/** The file without its gzip, where it has one. @throws model_data_unreadable */
export function unpack(file: Uint8Array): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file
  try {
    return gunzipSync(file, { maxOutputLength: LARGEST_UNPACKED })
  } catch (error) {
    throw new OpportuneError('model_data_unreadable', 'The gzip file does not unpack.', {}, error)
  }
}

/** @throws model_data_unreadable */
export const readTable = (bytes: Uint8Array): Table =>
  isArrow(bytes) ? arrowTable(bytes) : csvTable(bytes)

const FILE = Buffer.from('ARROW1')
/** A stream begins with this mark and the length of its schema. */
const STREAM = Buffer.from([0xff, 0xff, 0xff, 0xff])

const isArrow = (bytes: Uint8Array): boolean =>
  FILE.equals(bytes.subarray(0, FILE.length)) || STREAM.equals(bytes.subarray(0, STREAM.length))

function arrowTable(bytes: Uint8Array): Table {
  let read: ReturnType<typeof tableFromIPC>
  try {
    read = tableFromIPC(bytes)
  } catch (error) {
    const what = 'The Arrow file is cut off, or compressed inside: write it without compression.'
    throw new OpportuneError('model_data_unreadable', what, {}, error)
  }
  const columns = read.schema.fields.map((_, index) => read.getChildAt(index))
  return {
    names: read.schema.fields.map(({ name }) => name),
    count: read.numRows,
    cell: (row, column) => spelt(columns[column]?.get(row)),
    place: (row) => ({ unit: 'row', number: row + 1 }),
  }
}

/** Lists, decimals, instants: no column of ours is one, so that its row is refused. */
const NO_CELL = 'not a word or a number'

function spelt(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'boolean') return String(Number(value))
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : NO_CELL
}

function csvTable(bytes: Uint8Array): Table {
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  // Cells are asked for row by row; only the last row is kept apart.
  let at = -1
  let cells: readonly string[] = []
  return {
    names: splitLine(lines[0] ?? ''),
    count: Math.max(0, lines.length - 1),
    cell(row, column) {
      if (row !== at) {
        cells = splitLine(lines[row + 1] ?? '')
        at = row
      }
      return cells[column] ?? ''
    },
    place: (row) => ({ unit: 'line', number: row + 2 }),
  }
}

/** Splits a CSV line; quotes protect commas ("7) $1,000 +") and the file has no quote within quotes. */
function splitLine(line: string): readonly string[] {
  if (!line.includes('"')) return line.split(',')
  const cells: string[] = []
  let quoted = false
  let start = 0
  for (let i = 0; i <= line.length; i++) {
    const c = line[i]
    if (c === '"') quoted = !quoted
    if (i === line.length || (c === ',' && !quoted)) {
      cells.push(line.slice(start, i).replaceAll('"', ''))
      start = i + 1
    }
  }
  return cells
}
