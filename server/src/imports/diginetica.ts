/**
 * Diginetica item views: one row a view, separated by semicolons.
 *
 * Each is a Product Viewed at midnight UTC of `eventdate` plus `timeframe` ms. `NA` as user means a
 * visitor known by session only: the anonymous id is then `session-<id>` (sessions and users are
 * numbered alike, and a session must not pass for the customer with its number).
 */
import { type ReadRow, readClickstream } from './clickstream.ts'
import type { CsvFormat } from './csv.ts'
import type { ImportInput } from './input.ts'
import { parseDateTime, parseInteger } from './parse.ts'
import type { RecordBatches } from './records.ts'

const FORMAT: CsvFormat = {
  delimiter: ';',
  columns: [
    ['session_id', 'sessionId'],
    ['user_id', 'userId'],
    ['item_id', 'itemId'],
    ['timeframe'],
    ['eventdate'],
  ],
}

const UNKNOWN_USER = 'NA'

const readRow: ReadRow = (row) => {
  const [session, user, item, timeframe, date] = row.fields as readonly [
    string,
    string,
    string,
    string,
    string,
  ]
  if (session === '' || item === '') return 'missing_id'
  const day = parseDateTime(date)
  if (day === undefined) return 'bad_time'
  const offset = parseInteger(timeframe)
  if (offset === undefined || offset < 0) return 'bad_number'
  const known = user !== '' && user !== UNKNOWN_USER
  return {
    time: day + offset,
    call: {
      type: 'track',
      event: 'Product Viewed',
      messageId: `diginetica-${session}-${row.line}`,
      ...(known ? { userId: user } : { anonymousId: `session-${session}` }),
      properties: { product_id: item, session_id: session },
    },
  }
}

export const readDiginetica = (input: ImportInput): RecordBatches =>
  readClickstream(input, FORMAT, readRow)
