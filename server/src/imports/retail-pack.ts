/**
 * Online Retail in a compact file: every row and every field of the table, by column.
 *
 * Layout: the magic, the SHA-256 of the body, then the body in Brotli. The body is a sequence of
 * variable-length integers (7 bits a byte, low bits first; signed ones zigzag) and texts (length,
 * UTF-8). Columns stand one after another, because like beside like compresses best:
 *
 *   texts         stock codes, customers, countries, invoices: each in order of first appearance
 *   invoices      runs of rows of one invoice: (rows, step from the previous run's invoice number),
 *                 with the customer and country of the run
 *   time          seconds since the previous row
 *   stock         number of the code, high and low part apart
 *   description,  number among those that the row's stock code has had so far; a new one is the
 *   price         next number and is followed, in a section of its own, by its value
 *   quantity      as it is
 *
 * Reading is bounded by the body's length; anything that does not add up is `import_corrupt`.
 */
import { createHash } from 'node:crypto'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { OpportuneError } from '#engine'
import { PackReader, PackWriter } from './pack-bytes.ts'
import { RetailTable } from './retail-table.ts'

const MAGIC = Buffer.from('OPRETAIL1\n')
const DIGEST_BYTES = 32
export const PACK_MAGIC_BYTES = MAGIC.length

/** Four times the data set's body: what a torn or hostile file may make us hold. */
const MAX_BODY_BYTES = 1 << 26

export const isPacked = (start: Buffer): boolean => start.subarray(0, MAGIC.length).equals(MAGIC)

const digest = (body: Buffer): Buffer => createHash('sha256').update(body).digest()

const corrupt = (what: string, cause?: unknown): OpportuneError =>
  new OpportuneError('import_corrupt', what, {}, cause)

/** Values numbered per group in order of first appearance, on either side of the file. */
class GroupedNumbers<V> {
  readonly #numbers = new Map<number, Map<V, number>>()
  readonly #values = new Map<number, V[]>()

  /** The number of `value` in `group`, and whether it is new there. */
  number(group: number, value: V): { readonly number: number; readonly isNew: boolean } {
    let known = this.#numbers.get(group)
    if (known === undefined) this.#numbers.set(group, (known = new Map()))
    const number = known.get(value)
    if (number !== undefined) return { number, isNew: false }
    known.set(value, known.size)
    return { number: known.size - 1, isNew: true }
  }

  /** The value with a number that was written; `read` supplies it where it is new. */
  value(group: number, number: number, read: () => V): V {
    let known = this.#values.get(group)
    if (known === undefined) this.#values.set(group, (known = []))
    if (number > known.length) throw corrupt('A number has no value.')
    if (number === known.length) known.push(read())
    return known[number] as V
  }
}

interface Run {
  readonly from: number
  readonly rows: number
}

/** Consecutive rows of one invoice, customer and country. */
function runsOf(table: RetailTable): Run[] {
  const same = (a: number, b: number): boolean =>
    (['invoice', 'customer', 'country'] as const).every(
      (column) => table.textNumber(column, a) === table.textNumber(column, b),
    )
  const runs: Run[] = []
  let from = 0
  for (let at = 1; at <= table.length; at++)
    if (at === table.length || !same(at, from)) {
      runs.push({ from, rows: at - from })
      from = at
    }
  return runs
}

function writeTexts(out: PackWriter, texts: readonly string[]): void {
  out.unsigned(texts.length)
  for (const text of texts) out.text(text)
}

function readTexts(from: PackReader): string[] {
  return Array.from({ length: from.count() }, () => from.text())
}

function writeRuns(out: PackWriter, table: RetailTable): void {
  const runs = runsOf(table)
  out.unsigned(runs.length)
  for (const run of runs) out.unsigned(run.rows)
  for (const column of ['invoice', 'customer', 'country'] as const) {
    let previous = 0
    for (const run of runs) {
      const number = table.textNumber(column, run.from)
      out.signed(number - previous)
      previous = number
    }
  }
}

/** Numbers per stock code, then the values in the order in which they first appear. */
function writeGrouped<V>(
  out: PackWriter,
  table: RetailTable,
  valueAt: (at: number) => V,
  write: (out: PackWriter, value: V) => void,
): void {
  const grouped = new GroupedNumbers<V>()
  const values: V[] = []
  for (let at = 0; at < table.length; at++) {
    const value = valueAt(at)
    const { number, isNew } = grouped.number(table.textNumber('stock', at), value)
    out.unsigned(number)
    if (isNew) values.push(value)
  }
  for (const value of values) write(out, value)
}

/** The file for a table. */
export function packRetail(table: RetailTable): Buffer {
  const out = new PackWriter()
  out.unsigned(table.length)
  for (const column of ['stock', 'customer', 'country', 'invoice'] as const)
    writeTexts(out, table.dictionaries[column].texts)
  writeRuns(out, table)
  let previous = 0
  for (let at = 0; at < table.length; at++) {
    const seconds = table.number('time', at) / 1000
    out.signed(seconds - previous)
    previous = seconds
  }
  for (let at = 0; at < table.length; at++) out.byte(table.textNumber('stock', at) >> 8)
  for (let at = 0; at < table.length; at++) out.byte(table.textNumber('stock', at) & 255)
  writeGrouped(
    out,
    table,
    (at) => table.dictionaries.description.text(table.textNumber('description', at)),
    (o, text) => o.text(text),
  )
  writeGrouped(
    out,
    table,
    (at) => table.number('price', at),
    (o, price) => o.signed(price),
  )
  for (let at = 0; at < table.length; at++) out.signed(table.number('quantity', at))
  const body = out.bytes()
  const compressed = brotliCompressSync(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
    },
  })
  return Buffer.concat([MAGIC, digest(body), compressed])
}

/** Per row the run it belongs to. */
function readRuns(from: PackReader, rows: number): (at: number) => number[] {
  const lengths = Array.from({ length: from.count() }, () => from.unsigned())
  const columns = [0, 1, 2].map(() => {
    let number = 0
    return lengths.map(() => (number += from.signed()))
  })
  const runOfRow = new Uint32Array(rows)
  let at = 0
  lengths.forEach((length, run) => {
    runOfRow.fill(run, at, at + length)
    at += length
  })
  if (at !== rows) throw corrupt('Runs do not cover the rows.')
  return (row) => columns.map((column) => column[runOfRow[row] as number] as number)
}

function readGrouped<V>(from: PackReader, stock: Uint32Array, read: () => V): V[] {
  const numbers = Uint32Array.from(stock, () => from.unsigned())
  const grouped = new GroupedNumbers<V>()
  return Array.from(numbers, (number, at) => grouped.value(stock[at] as number, number, read))
}

function textAt(texts: readonly string[], number: number | undefined): string {
  const text = number === undefined ? undefined : texts[number]
  if (text === undefined) throw corrupt('A text is missing.')
  return text
}

function readTable(from: PackReader): RetailTable {
  const rows = from.count()
  const [stocks, customers, countries, invoices] = [0, 1, 2, 3].map(() => readTexts(from)) as [
    string[],
    string[],
    string[],
    string[],
  ]
  const runNumbers = readRuns(from, rows)
  let seconds = 0
  const times = Float64Array.from({ length: rows }, () => (seconds += from.signed()) * 1000)
  const stock = Uint32Array.from({ length: rows }, () => from.byte() << 8)
  for (let at = 0; at < rows; at++) stock[at] = (stock[at] as number) | from.byte()
  const descriptions = readGrouped(from, stock, () => from.text())
  const prices = readGrouped(from, stock, () => from.signed())
  const table = new RetailTable(Math.max(rows, 1))
  for (let at = 0; at < rows; at++) {
    const [invoice, customer, country] = runNumbers(at)
    table.add({
      invoice: textAt(invoices, invoice),
      stock: textAt(stocks, stock[at]),
      description: descriptions[at] as string,
      quantity: from.signed(),
      time: times[at] as number,
      price: prices[at] as number,
      customer: textAt(customers, customer),
      country: textAt(countries, country),
    })
  }
  from.end()
  return table
}

/** The table in a packed file. @throws import_corrupt */
export function unpackRetail(file: Buffer): RetailTable {
  if (!isPacked(file)) throw corrupt('The file does not begin as a packed one.')
  const stored = file.subarray(MAGIC.length, MAGIC.length + DIGEST_BYTES)
  let body: Buffer
  try {
    body = brotliDecompressSync(file.subarray(MAGIC.length + DIGEST_BYTES), {
      maxOutputLength: MAX_BODY_BYTES,
    })
  } catch (error) {
    throw corrupt('The content does not decompress.', error)
  }
  if (!digest(body).equals(stored)) throw corrupt('The checksum does not match.')
  return readTable(new PackReader(body, corrupt))
}
