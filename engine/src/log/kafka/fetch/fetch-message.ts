/**
 * Fetch requests and responses, version 13, without a session: every request names all partitions it
 * wants, so nothing has to agree between two sides when partitions come, go, pause or seek. Topics go
 * by their ids, so that a topic that was deleted and made again is never read as if it were the old one.
 */
import { type ByteReader, ByteWriter } from './wire.ts'

const READ_COMMITTED = 1
const NO_SESSION = { id: 0, epoch: -1 }

export interface FetchPartition {
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  /** The leader's term as we know it: an older or newer leader refuses instead of answering. */
  readonly leaderEpoch: number
  /**
   * The term of the record before `offset`, -1 where unknown: tells the leader which history we read,
   * and it answers where the two part.
   */
  readonly lastEpoch: number
  readonly maxBytes: number
}

export interface FetchRequest {
  readonly partitions: readonly FetchPartition[]
  /** How long the broker may wait for `minBytes`, in ms. */
  readonly waitMs: number
  readonly minBytes: number
  /** For the whole response; the first batch of the first partition comes even when it is larger. */
  readonly maxBytes: number
}

/** A transaction that was aborted, from `firstOffset` to its marker. */
export interface Aborted {
  readonly producer: bigint
  readonly firstOffset: number
}

export interface FetchedPartition {
  readonly topicId: string
  readonly partition: number
  readonly error: number
  /** Sorted by first offset. */
  readonly aborted: readonly Aborted[]
  /** Where the record batches are in the response. */
  readonly records: { readonly from: number; readonly to: number }
  /** Set where the leader's history parts from what was read: its end of that epoch. */
  readonly divergesAt: number | undefined
}

export interface FetchResponse {
  readonly error: number
  readonly throttleMs: number
  readonly bytes: Buffer
  readonly partitions: readonly FetchedPartition[]
}

export function fetchRequest(request: FetchRequest): Buffer {
  const topics = new Map<string, FetchPartition[]>()
  for (const it of request.partitions) {
    const list = topics.get(it.topicId)
    if (list === undefined) topics.set(it.topicId, [it])
    else list.push(it)
  }
  return new ByteWriter(128 + request.partitions.length * 48)
    .int32(-1)
    .int32(request.waitMs)
    .int32(request.minBytes)
    .int32(request.maxBytes)
    .int8(READ_COMMITTED)
    .int32(NO_SESSION.id)
    .int32(NO_SESSION.epoch)
    .compactArray([...topics], ([id, partitions], to) =>
      to.uuid(id).compactArray(partitions, writePartition).noTags(),
    )
    .compactArray([], () => {})
    .compactString('')
    .noTags()
    .finish()
}

function writePartition(it: FetchPartition, to: ByteWriter): void {
  to.int32(it.partition)
    .int32(it.leaderEpoch)
    .int64(it.offset)
    .int32(it.lastEpoch)
    .int64(-1)
    .int32(it.maxBytes)
    .noTags()
}

/** Record batches stay where they are in the reader's bytes. */
export function readFetch(from: ByteReader): FetchResponse {
  const throttleMs = from.int32()
  const error = from.int16()
  from.int32()
  const partitions: FetchedPartition[] = []
  from.compactArray((item) => {
    const topicId = item.uuid()
    item.compactArray((it) => partitions.push(readPartition(it, topicId)))
    item.tags()
  })
  return { error, throttleMs, bytes: from.bytes, partitions }
}

function readPartition(from: ByteReader, topicId: string): FetchedPartition {
  const partition = from.int32()
  const error = from.int16()
  // High watermark, last stable offset and log start: the log asks for those where it needs them.
  for (let i = 0; i < 3; i++) from.int64()
  const aborted = from.compactArray((item) => {
    const it = { producer: item.bigint64(), firstOffset: item.int64() }
    item.tags()
    return it
  })
  from.int32() // a nearer replica, which we never ask for
  const records = from.range(Math.max(0, from.unsignedVarint() - 1))
  let divergesAt: number | undefined
  from.tags((tag, field) => {
    if (tag !== 0) return
    field.int32()
    divergesAt = field.int64()
  })
  aborted.sort((a, b) => a.firstOffset - b.firstOffset)
  return { topicId, partition, error, aborted, records, divergesAt }
}
