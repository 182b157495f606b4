/**
 * The time that a writer gives a record, beside the time that the broker stamps on it.
 *
 * Topics of the log carry the broker's append time: Kafka drops records by their timestamp, and rules
 * of retention count from the append, whatever a record says of its own time (a history of last year
 * would vanish at once, an event dated 2100 never). So a time of the writer's own travels in the first
 * header. Topics of others have no such header, and their timestamps count.
 */
import type { LogBatch } from '../port.ts'

export const TIME_HEADER = 'opportune-time'

type Headers = readonly (readonly [string, Uint8Array])[]

export function encodeTime(ms: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(ms)
  return bytes
}

export function writersTime(batch: LogBatch, index: number): number {
  const first = batch.headers(index)[0]
  if (first?.[0] !== TIME_HEADER || first[1].length !== 8) return batch.timestamp(index)
  return new DataView(first[1].buffer, first[1].byteOffset, 8).getFloat64(0)
}

export function writersHeaders(batch: LogBatch, index: number): Headers {
  const headers = batch.headers(index)
  return headers[0]?.[0] === TIME_HEADER ? headers.slice(1) : headers
}
