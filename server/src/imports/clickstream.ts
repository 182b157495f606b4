/**
 * The frame of the readers that make one call of each row: read rows, turn each into a call or a
 * rejection, sort by time, shift, hand out.
 */
import { type CsvFormat, type CsvRow, csvRows } from './csv.ts'
import type { ImportInput } from './input.ts'
import { toLines } from './lines.ts'
import { isoTime, shiftFor } from './rebase.ts'
import {
  type AcceptedRecord,
  BATCH_RECORDS,
  type RecordBatches,
  type RejectionCode,
  rejection,
  type UntimedCall,
} from './records.ts'
import { TimeSorter } from './sort.ts'

export type ReadRow = (
  row: CsvRow,
) => { readonly time: number; readonly call: UntimedCall } | RejectionCode

/** Present fields only: an absent property is not an empty one. */
export const present = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined && v !== ''))

/** Records of a table with one event a row. @throws import_wrong_header, import_unreadable */
export async function* readClickstream(
  input: ImportInput,
  format: CsvFormat,
  readRow: ReadRow,
): RecordBatches {
  const sorter = new TimeSorter()
  try {
    for await (const rows of csvRows(toLines(input.chunks()), format)) {
      const rejected = []
      for (const row of rows) {
        const read = row.kind === 'rejected' ? row : readRow(row)
        if (typeof read === 'string') rejected.push(rejection(row.line, read, row.bytes))
        else if ('code' in read) rejected.push(read)
        else await sorter.add({ ...read, line: row.line })
      }
      if (rejected.length > 0) yield rejected
    }
    input.progress.expected = sorter.count
    const shift = shiftFor(sorter.latest, input.rebase)
    let batch: AcceptedRecord[] = []
    for await (const { time, line, call } of sorter.sorted()) {
      batch.push({ kind: 'call', line, call: { ...call, timestamp: isoTime(time + shift) } })
      if (batch.length < BATCH_RECORDS) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
  } finally {
    await sorter.dispose()
  }
}
