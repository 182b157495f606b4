/**
 * Delimited text with a header row (RFC 4180: quoted fields may hold delimiters, doubled quotes and
 * line breaks), read in constant memory.
 *
 * A row that cannot be read is a rejection, and reading goes on with the next line. A quoted field
 * that is never closed would swallow the file: after the line limit the row is given up, and reading
 * resumes on the line after the one where it began.
 */
import { isUtf8 } from 'node:buffer'
import { OpportuneError } from '#engine'
import { isTooLong, type Line, MAX_LINE_BYTES } from './lines.ts'
import { type RejectedRecord, rejection } from './records.ts'

/** A row may span this many lines, through line breaks in quoted fields. */
const MAX_ROW_LINES = 100

const QUOTE = 34
const LINE_END = Buffer.from('\n')

export interface CsvRow {
  readonly kind: 'row'
  readonly line: number
  readonly bytes: Buffer
  /** In the order of the columns asked for. */
  readonly fields: readonly string[]
}

export type CsvRecord = CsvRow | RejectedRecord

export interface CsvFormat {
  readonly delimiter: ',' | ';'
  /** Columns to take, each with the names it may have in the header, compared without case. */
  readonly columns: readonly (readonly string[])[]
}

/** Splits one row; undefined when a quote is open at its end. */
export function splitRow(text: string, delimiter: string): string[] | undefined {
  if (!text.includes('"')) return text.split(delimiter)
  const fields: string[] = []
  let at = 0
  for (;;) {
    let field = ''
    if (text[at] === '"') {
      for (;;) {
        const close = text.indexOf('"', at + 1)
        if (close === -1) return undefined
        field += text.slice(at + 1, close)
        at = close + 1
        if (text[at] !== '"') break
        field += '"'
      }
    }
    // What follows a closing quote before the delimiter is kept as it stands, as spreadsheets do.
    const next = text.indexOf(delimiter, at)
    fields.push(field + text.slice(at, next === -1 ? undefined : next))
    if (next === -1) return fields
    at = next + delimiter.length
  }
}

/** Whether a row goes on in the next line. Delimiters and quotes are ASCII, so Latin-1 will do. */
const endsInQuotes = (bytes: Buffer, delimiter: string): boolean =>
  bytes.includes(QUOTE) && splitRow(bytes.toString('latin1'), delimiter) === undefined

/** Positions of the wanted columns in the header. @throws import_wrong_header */
function locate(header: readonly string[], format: CsvFormat): number[] {
  const names = header.map((name) => name.trim().toLowerCase())
  return format.columns.map((aliases) => {
    const at = names.findIndex((name) => aliases.some((alias) => alias.toLowerCase() === name))
    if (at !== -1) return at
    const column = aliases[0] as string
    throw new OpportuneError('import_wrong_header', `Column ${column} is missing.`, { column })
  })
}

/** Assembles rows from lines. Feed every line, then `finish`. */
class CsvReader {
  readonly #format: CsvFormat
  /** Lines of a row whose quoted field is still open, with their size. */
  #open: Line[] = []
  #openBytes = 0
  #columns: number[] | undefined
  #width = 0

  constructor(format: CsvFormat) {
    this.#format = format
  }

  /** @throws import_wrong_header on the first row */
  push(line: Line): readonly CsvRecord[] {
    if (this.#open.length === 0 && line.size === 0) return []
    if (isTooLong(line))
      return [...this.#giveUpAll(), rejection(line.number, 'too_large', line.bytes, line.size)]
    this.#open.push(line)
    this.#openBytes += line.size + 1
    const bytes =
      this.#open.length === 1
        ? line.bytes
        : Buffer.concat(this.#open.flatMap((l) => [l.bytes, LINE_END])).subarray(0, -1)
    if (!endsInQuotes(bytes, this.#format.delimiter)) {
      const record = this.#row((this.#take()[0] as Line).number, bytes)
      return record === undefined ? [] : [record]
    }
    const full = this.#open.length >= MAX_ROW_LINES || this.#openBytes > MAX_LINE_BYTES
    return full ? this.#giveUp() : []
  }

  /** @throws import_wrong_header where the file has no header at all */
  finish(): readonly CsvRecord[] {
    const rest = this.#giveUpAll()
    if (this.#columns === undefined) locate([], this.#format)
    return rest
  }

  /** Rejects the line that opened the quote and reads the lines after it afresh. */
  #giveUp(): readonly CsvRecord[] {
    const [first, ...rest] = this.#take()
    if (first === undefined) return []
    const records: CsvRecord[] = [rejection(first.number, 'unclosed_quote', first.bytes)]
    for (const line of rest) records.push(...this.push(line))
    return records
  }

  /** Leaves no row open. Ends because each round rejects at least one line. */
  #giveUpAll(): readonly CsvRecord[] {
    const records: CsvRecord[] = []
    while (this.#open.length > 0) records.push(...this.#giveUp())
    return records
  }

  #take(): readonly Line[] {
    const lines = this.#open
    this.#open = []
    this.#openBytes = 0
    return lines
  }

  /** undefined for the header. */
  #row(line: number, bytes: Buffer): CsvRecord | undefined {
    if (!isUtf8(bytes)) return rejection(line, 'not_utf8', bytes)
    const fields = splitRow(bytes.toString(), this.#format.delimiter)
    if (fields === undefined) return rejection(line, 'unclosed_quote', bytes)
    if (this.#columns === undefined) {
      const first = fields[0]?.replace(/^\uFEFF/, '')
      this.#columns = locate(first === undefined ? [] : [first, ...fields.slice(1)], this.#format)
      this.#width = fields.length
      return undefined
    }
    if (fields.length !== this.#width) return rejection(line, 'wrong_columns', bytes)
    return { kind: 'row', line, bytes, fields: this.#columns.map((at) => fields[at] as string) }
  }
}

/** Rows of a file in groups. @throws import_wrong_header */
export async function* csvRows(
  lines: AsyncIterable<readonly Line[]>,
  format: CsvFormat,
): AsyncGenerator<readonly CsvRecord[]> {
  const reader = new CsvReader(format)
  for await (const group of lines) {
    const records: CsvRecord[] = []
    for (const line of group) for (const record of reader.push(line)) records.push(record)
    yield records
  }
  yield reader.finish()
}
