/** Records on their way out: copied, checked, in the shape that the client takes. */
import { OpportuneError } from '../../errors.ts'
import type { OutgoingRecord } from '../port.ts'
import { encodeTime, TIME_HEADER } from './record-time.ts'

export interface KafkaRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Readonly<Record<string, Buffer>>[] | undefined
}

/**
 * Copies `records`, all of them or none.
 * @throws log_record_too_large
 */
export function copyRecords(
  to: { readonly topic: string; readonly partition: number },
  records: readonly OutgoingRecord[],
  maxRecordBytes: number,
): KafkaRecord[] {
  let bytes = 0
  for (const record of records) {
    const size = sizeOf(record)
    if (size > maxRecordBytes)
      throw new OpportuneError('log_record_too_large', 'A record is larger than the log takes.', {
        bytes: size,
        limit: maxRecordBytes,
      })
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
  }
  // One allocation for all of them; the client copies again when it takes them over.
  const arena = Buffer.allocUnsafe(bytes)
  let at = 0
  const copy = (from: Uint8Array | null): Buffer | null => {
    if (from === null) return null
    arena.set(from, at)
    at += from.length
    return arena.subarray(at - from.length, at)
  }
  return records.map((record) => ({
    topic: to.topic,
    partition: to.partition,
    key: copy(record.key),
    value: copy(record.value),
    headers: headersOf(record),
  }))
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, content] of headers ?? []) size += name.length * 3 + content.length
  return size
}

function headersOf(record: OutgoingRecord): Readonly<Record<string, Buffer>>[] | undefined {
  if (record.timestamp === undefined && record.headers === undefined) return undefined
  const headers = (record.headers ?? []).map(([name, value]) => ({ [name]: Buffer.from(value) }))
  return record.timestamp === undefined
    ? headers
    : [{ [TIME_HEADER]: encodeTime(record.timestamp) }, ...headers]
}
