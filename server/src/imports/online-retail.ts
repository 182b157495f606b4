/**
 * UCI Online Retail: rows of invoices, as the published table (comma-separated) or packed.
 *
 * The whole table is held as columns (retail-table.ts), since an invoice's rows may lie apart. Both
 * editions are taken: the columns of the first, and those of Online Retail II under other names.
 * A row of an invoice that cannot be read is rejected by itself; the invoice goes on without it.
 */
import { type CsvFormat, type CsvRow, csvRows } from './csv.ts'
import type { ImportInput } from './input.ts'
import { firstBytes, toLines } from './lines.ts'
import { parseDateTime, parseDecimal, parseInteger, parseUsDateTime } from './parse.ts'
import { shiftFor } from './rebase.ts'
import {
  type AcceptedRecord,
  BATCH_RECORDS,
  type RecordBatches,
  type RejectionCode,
  rejection,
} from './records.ts'
import { linesOf, orderOf } from './retail-orders.ts'
import { isPacked, PACK_MAGIC_BYTES, unpackRetail } from './retail-pack.ts'
import { invoicesInOrder, type RetailRow, RetailTable } from './retail-table.ts'

export const RETAIL_FORMAT: CsvFormat = {
  delimiter: ',',
  columns: [
    ['InvoiceNo', 'Invoice'],
    ['StockCode'],
    ['Description'],
    ['Quantity'],
    ['InvoiceDate'],
    ['UnitPrice', 'Price'],
    ['CustomerID', 'Customer ID'],
    ['Country'],
  ],
}

/** A row of the table, or why it is none. */
export function readRetailRow(row: CsvRow): RetailRow | RejectionCode {
  const [invoice, stock, description, pieces, date, amount, customerId, country] =
    row.fields as readonly [string, string, string, string, string, string, string, string]
  if (invoice === '' || stock === '') return 'missing_id'
  const time = parseDateTime(date) ?? parseUsDateTime(date)
  if (time === undefined) return 'bad_time'
  const quantity = parseInteger(pieces)
  const price = parseDecimal(amount)
  if (quantity === undefined || price === undefined) return 'bad_number'
  const thousandths = Math.round(price * 1000)
  // The table was once saved with customer numbers as decimals: 17850.0.
  const customer = customerId.replace(/\.0$/, '')
  return { invoice, stock, description, quantity, time, price: thousandths, customer, country }
}

/** Reads all rows into the table, handing out the rejections and noting each invoice's first line. */
async function* readTable(
  input: ImportInput,
  table: RetailTable,
  firstLines: number[],
): RecordBatches {
  for await (const rows of csvRows(toLines(input.chunks()), RETAIL_FORMAT)) {
    const rejected = []
    for (const row of rows) {
      const read = row.kind === 'rejected' ? row : readRetailRow(row)
      if (typeof read === 'string') rejected.push(rejection(row.line, read, row.bytes))
      else if ('kind' in read) rejected.push(read)
      else {
        table.add(read)
        if (table.dictionaries.invoice.texts.length > firstLines.length) firstLines.push(row.line)
      }
    }
    if (rejected.length > 0) yield rejected
  }
}

function lastTime(table: RetailTable): number {
  let last = Number.NEGATIVE_INFINITY
  for (let at = 0; at < table.length; at++) last = Math.max(last, table.number('time', at))
  return last
}

async function readAll(input: ImportInput): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of input.chunks()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Orders of the file in order of time. @throws import_wrong_header, import_corrupt, import_too_large */
export async function* readOnlineRetail(input: ImportInput): RecordBatches {
  let table = new RetailTable()
  const firstLines: number[] = []
  if (isPacked(await firstBytes(input.path, PACK_MAGIC_BYTES)))
    table = unpackRetail(await readAll(input))
  else yield* readTable(input, table, firstLines)
  input.progress.expected = table.dictionaries.invoice.texts.length
  const shift = shiftFor(lastTime(table), input.rebase)
  let batch: AcceptedRecord[] = []
  for (const numbers of invoicesInOrder(table)) {
    const first = numbers[0] as number
    // A packed file holds the rows of the table it was made from, whose header was line 1.
    const line = firstLines[table.textNumber('invoice', first)] ?? first + 2
    batch.push({ kind: 'call', line, call: orderOf(linesOf(table, numbers), shift) })
    if (batch.length < BATCH_RECORDS) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
