/** Changelog records and dead letters as they stand in their topics. */
import { ByteReader, ByteWriter } from '../codec/bytes.ts'
import { findError } from '../errors.ts'
import type { OutgoingRecord } from '../log/port.ts'
import type { Change } from '../state/port.ts'
import type { RecordInfo } from '../topology/plan.ts'

export type { Change } from '../state/port.ts'

/** The record that ends an epoch's changes. */
export const TASK_SLOT = '~task'
const BROADCAST = '~broadcast:'
export const broadcastSlot = (id: string): string => `${BROADCAST}${id}`
/** The broadcast whose value a change holds; undefined for any other change. */
export const broadcastOf = (slot: string): string | undefined =>
  slot.startsWith(BROADCAST) ? slot.slice(BROADCAST.length) : undefined

/**
 * Key: slot, group, key; so that compaction keeps the last value of each. All keys share the scratch
 * writer's memory: the records are valid until it is written to again.
 */
export function changesToRecords(
  changes: readonly Change[],
  scratch: ByteWriter,
): OutgoingRecord[] {
  scratch.reset()
  const ends = new Uint32Array(changes.length)
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i] as Change
    scratch.text(change.slot)
    scratch.byte(change.group)
    scratch.text(change.key)
    ends[i] = scratch.position
  }
  const { buffer } = scratch
  const records: OutgoingRecord[] = []
  let start = 0
  for (let i = 0; i < changes.length; i++) {
    const end = ends[i] as number
    // A plain view: the Buffer of `subarray` costs twice as much, and nobody here needs one.
    const key = new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start)
    records.push({ key, value: (changes[i] as Change).value })
    start = end
  }
  return records
}

export function changeFromRecord(key: Uint8Array, value: Uint8Array | null): Change {
  const reader = new ByteReader(key)
  return { slot: reader.text(), group: reader.byte(), key: reader.text(), value }
}

/**
 * Something that could not be processed: why, where it stood, and its bytes, so that it can be put
 * back after a fix (ING-4). `bytes` is base64.
 */
export interface DeadLetter {
  readonly code: string
  readonly reason: string
  /** Stage or operator that refused it. */
  readonly by: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly at: number
  readonly bytes: string
}

export function encodeDeadLetter(stage: string, at: RecordInfo, error: unknown): Buffer {
  const letter: DeadLetter = {
    code: findError(error)?.code ?? 'operator_failed',
    reason: error instanceof Error ? error.message : String(error),
    by: stage,
    topic: at.topic,
    partition: at.partition,
    offset: at.offset,
    at: at.time,
    bytes: at.bytes.toString('base64'),
  }
  return Buffer.from(JSON.stringify(letter))
}
