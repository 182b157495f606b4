/**
 * Record batches for tests, made by the encoder of kafkajs: written by other people from the same
 * documents, so that a mistake of ours is not made twice. What it cannot write (control batches,
 * times of the append, gaps) is set in the header afterwards, with its checksum made anew.
 */
import { createRequire } from 'node:module'

interface Encoder {
  readonly buffer: Buffer
}

interface Long {
  readonly high: number
}

interface KafkajsBatch {
  readonly compression: number
  readonly firstOffset: Long
  readonly firstTimestamp: Long
  readonly maxTimestamp: Long
  readonly partitionLeaderEpoch: number
  readonly lastOffsetDelta: number
  readonly transactional: boolean
  readonly producerId: Long
  readonly records: readonly Encoder[]
}

type EncodeBatch = (batch: KafkajsBatch) => Promise<Encoder>
type EncodeRecord = (record: {
  readonly offsetDelta: number
  readonly timestampDelta: Long
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[]>>
}) => Encoder

const require = createRequire(import.meta.url)
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: EncodeBatch
}
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as EncodeRecord
const kafkajsCrc = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number
const LongOf = require('kafkajs/src/utils/long') as { fromValue(value: number | string): Long }

/** The checksum by the other implementation. */
export const independentCrc = (bytes: Buffer): number => kafkajsCrc(bytes) >>> 0

export interface TestRecord {
  readonly offset: number
  readonly timestamp?: number
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  readonly headers?: readonly (readonly [string, Buffer])[]
}

export interface TestBatch {
  readonly records: readonly TestRecord[]
  /** Offset of the batch where its first record was removed. */
  readonly baseOffset?: number
  readonly lastOffset?: number
  readonly gzip?: boolean
  readonly transactional?: boolean
  readonly producer?: number
  readonly epoch?: number
  /** The time of the append for all records. */
  readonly appendTime?: number
}

const CONTROL = 0x20
const APPEND_TIME = 0x08

/** Header names may not repeat with other names in between: kafkajs groups them by name. */
export async function encodeBatch(batch: TestBatch): Promise<Buffer> {
  const { records } = batch
  const base = batch.baseOffset ?? records[0]?.offset ?? 0
  const last = batch.lastOffset ?? records.at(-1)?.offset ?? base
  const firstTime = records[0]?.timestamp ?? 0
  const { buffer } = await RecordBatch({
    compression: batch.gzip === true ? 1 : 0,
    firstOffset: LongOf.fromValue(String(base)),
    firstTimestamp: LongOf.fromValue(String(firstTime)),
    maxTimestamp: LongOf.fromValue(String(batch.appendTime ?? firstTime)),
    partitionLeaderEpoch: batch.epoch ?? 0,
    lastOffsetDelta: last - base,
    transactional: batch.transactional ?? false,
    producerId: LongOf.fromValue(String(batch.producer ?? -1)),
    records: records.map((it) =>
      encodeRecord({
        offsetDelta: it.offset - base,
        timestampDelta: LongOf.fromValue(String((it.timestamp ?? firstTime) - firstTime)),
        key: it.key ?? null,
        value: it.value ?? null,
        headers: grouped(it.headers ?? []),
      }),
    ),
  })
  return batch.appendTime === undefined ? buffer : withAttributes(buffer, APPEND_TIME)
}

function grouped(headers: readonly (readonly [string, Buffer])[]): Record<string, Buffer[]> {
  const groups: Record<string, Buffer[]> = Object.create(null) as Record<string, Buffer[]>
  for (const [name, value] of headers) (groups[name] ??= []).push(value)
  return groups
}

/** The marker that ends a transaction: version 0, then 0 for abort and 1 for commit. */
export async function marker(
  offset: number,
  producer: number,
  kind: 'abort' | 'commit',
): Promise<Buffer> {
  const key = Buffer.from([0, 0, 0, kind === 'abort' ? 0 : 1])
  const value = Buffer.from([0, 0, 0, 0, 0, 0])
  const records = [{ offset, key, value }]
  return withAttributes(await encodeBatch({ records, producer, transactional: true }), CONTROL)
}

/** Sets bits of a batch's attributes. */
export function withAttributes(batch: Buffer, bits: number): Buffer {
  batch.writeInt16BE(batch.readInt16BE(21) | bits, 21)
  return resealed(batch)
}

/** Makes a batch's checksum right again after its bytes were changed. */
function resealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(independentCrc(batch.subarray(21)), 17)
  return batch
}

/** Replaces a batch's records by compressed ones of a codec that kafkajs does not have. */
export function compressed(batch: Buffer, codec: number, pack: (bytes: Buffer) => Buffer): Buffer {
  const made = Buffer.concat([batch.subarray(0, 61), pack(batch.subarray(61))])
  made.writeInt32BE(made.length - 12, 8)
  return withAttributes(made, codec)
}
