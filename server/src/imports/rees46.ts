/**
 * REES46 e-commerce behaviour data: one row an event, comma-separated.
 *
 * view -> Product Viewed, cart -> Product Added, remove_from_cart -> Product Removed, purchase ->
 * Order Completed. A purchase row holds one product, so it becomes an order of that product alone
 * (the file does not say which purchase rows were one basket). The file names no currency, so neither
 * do the events. Message ids are made of the second and the line: unique within a file, and the same
 * each time that file is read.
 */

import { present, type ReadRow, readClickstream } from './clickstream.ts'
import type { CsvFormat } from './csv.ts'
import type { ImportInput } from './input.ts'
import { parseDateTime, parseDecimal } from './parse.ts'
import type { RecordBatches } from './records.ts'

const FORMAT: CsvFormat = {
  delimiter: ',',
  columns: [
    ['event_time'],
    ['event_type'],
    ['product_id'],
    ['category_id'],
    ['category_code'],
    ['brand'],
    ['price'],
    ['user_id'],
    ['user_session'],
  ],
}

const EVENTS: ReadonlyMap<string, string> = new Map([
  ['view', 'Product Viewed'],
  ['cart', 'Product Added'],
  ['remove_from_cart', 'Product Removed'],
  ['purchase', 'Order Completed'],
])

const readRow: ReadRow = (row) => {
  const [at, type, productId, categoryId, category, brand, amount, userId, session] =
    row.fields as readonly [string, string, string, string, string, string, string, string, string]
  const event = EVENTS.get(type)
  if (event === undefined) return 'unknown_event'
  if (productId === '' || userId === '') return 'missing_id'
  const time = parseDateTime(at)
  if (time === undefined) return 'bad_time'
  const price = parseDecimal(amount)
  if (price === undefined) return 'bad_number'
  const messageId = `rees46-${time / 1000}-${row.line}`
  const quantity = type === 'view' ? undefined : 1
  const product = present({
    product_id: productId,
    category,
    category_id: categoryId,
    brand,
    price,
    quantity,
  })
  const properties =
    type === 'purchase'
      ? { order_id: messageId, total: price, revenue: price, products: [product] }
      : product
  return {
    time,
    call: {
      type: 'track',
      event,
      messageId,
      userId,
      properties: { ...properties, ...present({ session_id: session }) },
    },
  }
}

export const readRees46 = (input: ImportInput): RecordBatches =>
  readClickstream(input, FORMAT, readRow)
