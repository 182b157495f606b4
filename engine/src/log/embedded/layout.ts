/**
 * Names and shapes of what the embedded log keeps in LMDB.
 *
 * `records` holds one entry per (topic number, partition, offset of its first record): frames back to
 * back. The keys are big endian so that LMDB's byte order is the order of the offsets.
 * `meta` holds everything else under array keys: topics, partitions, positions, the owner.
 */
import type { CommittedPosition, TopicPartition, TopicSpec } from '../port.ts'

export const FORMAT_VERSION = 1

export type MetaKey = (string | number)[]

export const formatKey: MetaKey = ['format']
export const ownerKey: MetaKey = ['owner']
export const topicKey = (name: string): MetaKey => ['topic', name]
export const partitionStateKey = (topicNumber: number, partition: number): MetaKey => [
  'partition',
  topicNumber,
  partition,
]
export const positionKey = (group: string, tp: TopicPartition): MetaKey => [
  'position',
  group,
  tp.topic,
  tp.partition,
]

const U32 = 0x1_0000_0000

/** The key of the entry whose first record has this offset. */
export function entryKey(topicNumber: number, partition: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(16)
  key.writeUInt32BE(topicNumber, 0)
  key.writeUInt32BE(partition, 4)
  key.writeUInt32BE(Math.floor(offset / U32), 8)
  key.writeUInt32BE(offset % U32, 12)
  return key
}

/** Sorts right before all entries of a partition. */
export function partitionPrefix(topicNumber: number, partition: number): Buffer {
  return entryKey(topicNumber, partition, 0).subarray(0, 8)
}

export function offsetOfKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  return view.getUint32(8) * U32 + view.getUint32(12)
}

export interface PartitionState {
  /** Earliest offset kept. */
  readonly start: number
  /** Offset of the next record. */
  readonly end: number
  /** Bytes of all entries. */
  readonly bytes: number
  /** Compaction has seen every record before this offset. */
  readonly cleanedTo: number
  /** Bytes appended since `cleanedTo`. */
  readonly dirtyBytes: number
}

export const EMPTY_PARTITION: PartitionState = {
  start: 0,
  end: 0,
  bytes: 0,
  cleanedTo: 0,
  dirtyBytes: 0,
}

export function encodePartition(state: PartitionState): Buffer {
  const bytes = Buffer.allocUnsafe(40)
  bytes.writeDoubleLE(state.start, 0)
  bytes.writeDoubleLE(state.end, 8)
  bytes.writeDoubleLE(state.bytes, 16)
  bytes.writeDoubleLE(state.cleanedTo, 24)
  bytes.writeDoubleLE(state.dirtyBytes, 32)
  return bytes
}

export function decodePartition(bytes: Buffer): PartitionState {
  return {
    start: bytes.readDoubleLE(0),
    end: bytes.readDoubleLE(8),
    bytes: bytes.readDoubleLE(16),
    cleanedTo: bytes.readDoubleLE(24),
    dirtyBytes: bytes.readDoubleLE(32),
  }
}

export function encodePosition(position: CommittedPosition): Buffer {
  const bytes = Buffer.allocUnsafe(8 + Buffer.byteLength(position.metadata))
  bytes.writeDoubleLE(position.offset, 0)
  bytes.write(position.metadata, 8)
  return bytes
}

export function decodePosition(bytes: Buffer): CommittedPosition {
  return { offset: bytes.readDoubleLE(0), metadata: bytes.toString('utf8', 8) }
}

export interface StoredTopic {
  /** Stands for the name in the keys of `records`; never used again for another topic. */
  readonly number: number
  readonly spec: TopicSpec
}

export interface StoredOwner {
  readonly token: string
  readonly pid: number
}

export function encodeJson(
  value: StoredTopic | StoredOwner | { readonly version: number },
): Buffer {
  return Buffer.from(JSON.stringify(value))
}

export function decodeJson<T>(bytes: Buffer): T {
  return JSON.parse(bytes.toString('utf8')) as T
}
