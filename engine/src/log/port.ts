/**
 * The event log port: ordered, partitioned, durable topics, and epochs that commit atomically.
 *
 * Three implementations share one conformance suite (`conformance.ts`): embedded (LMDB), simulated
 * (in memory, with seeded faults) and Kafka. The port is shaped by what Kafka can promise:
 *
 * L1 Within a partition, offsets grow and records are read in the order of their offsets. Offsets
 *    may have gaps (transaction markers, compaction, retention): never compute with them except
 *    `position = last offset + 1`.
 * L2 An epoch's writes and positions become visible together or not at all; readers never see the
 *    records of an open or aborted epoch.
 * L3 At most one member owns a partition. A member that lost ownership can commit nothing any more.
 * L4 A commit that neither succeeded nor failed raises `log_commit_unknown`; the caller must stop and
 *    learn the truth from `committed()` after a restart.
 * L5 `claimed`, `revoked` and `lost` are told apart: on revoke the running epoch may still commit,
 *    on lost it may not.
 * L6 Where a log lets epochs overlap, at most one is open while another is being committed, and it
 *    commits only if that one did. Where a log lets an epoch read what is not committed yet, that epoch
 *    commits only if it was committed under the very offsets that were read.
 */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** `delete`: old records go by time or size. `compact`: the last record of each key stays. */
  readonly cleanup: 'delete' | 'compact'
  /** Age in ms after which records may go; absent: kept for ever. */
  readonly retentionMs?: number
  /** Size in bytes per partition above which the oldest records may go; absent: unbounded. */
  readonly retentionBytes?: number
}

/** A record to be written. Bytes are copied before the call that takes it returns. */
export interface OutgoingRecord {
  readonly key: Uint8Array | null
  /** null is a tombstone in a compacted topic. */
  readonly value: Uint8Array | null
  /** ms since 1970; where absent the log stamps the time of the append. */
  readonly timestamp?: number
  readonly headers?: readonly (readonly [string, Uint8Array])[]
}

/**
 * Records of one partition, decoded lazily: index 0 .. length-1. Views point into one buffer behind
 * the batch and stay valid for as long as they are referenced.
 */
export interface LogBatch {
  readonly topic: string
  readonly partition: number
  readonly length: number
  /** The position after this batch: what to commit once all of it is processed. */
  readonly nextOffset: number
  /** Sum of the value sizes in bytes. */
  readonly bytes: number
  offset(index: number): number
  /** ms since 1970. */
  timestamp(index: number): number
  key(index: number): Uint8Array | null
  value(index: number): Uint8Array | null
  /**
   * Points `range` at the bytes that `value` would give a view of; false where the value is null. For
   * loops over many small records, of which a view each would be a large part of the cost.
   */
  locate(index: number, range: ByteRange): boolean
  headers(index: number): readonly (readonly [string, Uint8Array])[]
}

/** The bytes [from, to) of a larger buffer; overwritten by the next call that fills it. */
export interface ByteRange {
  buffer: Buffer
  from: number
  to: number
}

/** A committed position with what the task wrote beside it. */
export interface CommittedPosition {
  readonly offset: number
  readonly metadata: string
}

export interface EpochPosition extends TopicPartition, CommittedPosition {}

export interface PollLimits {
  readonly maxRecords: number
  readonly maxBytes: number
  /** How long to wait for the first record, in ms; 0 returns at once. */
  readonly waitMs: number
}

/**
 * One open epoch of a member. Writes are buffered until `commit`. After `commit` or `abort` has been
 * called the object is spent.
 */
export interface EpochTransaction {
  write(topic: string, partition: number, records: readonly OutgoingRecord[]): void
  /**
   * What this epoch, and the one before it while that is being committed, wrote to a partition of the
   * member's: from the member's position on, under the offsets that it will have. The position moves
   * behind it. undefined: there is nothing, or something else stands in front of it, or the log does not
   * know offsets before a commit. Should they come out different, `commit` raises log_abortable (L6).
   */
  readAhead?(partition: TopicPartition): LogBatch | undefined
  /** Moves a partition that was read ahead: in place of what `begin` was told of it, or beside it. */
  moveTo?(position: EpochPosition): void
  /**
   * Makes writes and positions durable and visible in one step.
   * @throws log_retriable (repeat commit), log_abortable (call abort), log_fenced, log_commit_unknown
   */
  commit(): Promise<void>
  /**
   * After `commit` was called: resolves when what is left of it happens beside this thread, or when it
   * is over. Who keeps the thread busy before that only delays the commit.
   */
  aside?(): Promise<void>
  abort(): Promise<void>
}

export interface MemberListener {
  /** Partitions are ours from now on, paused until `resume`. Runs outside `poll`. */
  claimed(partitions: readonly TopicPartition[]): void | Promise<void>
  /** Partitions will be taken away: finish or abort what is open; the promise is awaited (bounded). */
  revoked(partitions: readonly TopicPartition[]): void | Promise<void>
  /** Partitions are already somebody else's: drop everything uncommitted of theirs. */
  lost(partitions: readonly TopicPartition[]): void
}

/** A process's share in consuming: group membership and the right to commit epochs. */
export interface LogMember {
  readonly id: string
  /** Whether `begin` may be called while the commit of the epoch before is running (L6). */
  readonly overlaps?: boolean
  subscribe(topics: readonly string[], listener: MemberListener): Promise<void>
  /** At most one batch per partition; partitions are served fairly; paused ones are left out. */
  poll(limits: PollLimits): Promise<readonly LogBatch[]>
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  seek(partition: TopicPartition, offset: number): void
  committed(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, CommittedPosition>>
  /** The position up to which `poll` has handed out records (`seek` sets it). */
  position(partition: TopicPartition): number
  /**
   * Opens an epoch that will move `positions`. Positions are given before the work is done, so that
   * a log that fences by pending offsets can hold off a new owner.
   */
  begin(positions: readonly EpochPosition[]): EpochTransaction
  /** @param leave give the partitions back at once (scale-in) instead of keeping the place. */
  close(options?: { readonly leave?: boolean }): Promise<void>
}

/** Writes outside epochs, in order, each append atomic and acknowledged when durable. */
export interface LogAppender {
  /** @returns the offset of the first record; rejects with log_record_too_large, log_full. */
  append(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<number>
  close(): Promise<void>
}

/** Reads committed records by position, outside any group. Several readers do not disturb each other. */
export interface LogReader {
  /** Records from `offset` on (or from the earliest kept, if that is later); undefined at the end. */
  read(
    partition: TopicPartition,
    offset: number,
    limits: Pick<PollLimits, 'maxRecords' | 'maxBytes'>,
  ): Promise<LogBatch | undefined>
  close(): Promise<void>
}

export interface PartitionBounds {
  /** The earliest offset still kept. */
  readonly start: number
  /** The offset the next committed record will have or exceed. */
  readonly end: number
  /**
   * Of a compacted topic: tombstones before this offset may be gone. Who has read up to an earlier
   * one and goes on from there may miss that a key was deleted, and must read anew.
   */
  readonly cleanedTo?: number
}

export interface EventLog {
  readonly kind: 'embedded' | 'simulated' | 'kafka'
  /** Creates what is missing. @throws log_partitions_changed */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>
  topics(): Promise<readonly TopicSpec[]>
  bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]>
  /** Joins the group `group` as `id`; the same id coming back fences its former self. */
  member(options: { readonly group: string; readonly id: string }): Promise<LogMember>
  appender(): LogAppender
  reader(): LogReader
  /** Calls back, coalesced, after records became visible in any of the topics. Returns the way out. */
  onAppend(topics: readonly string[], listener: () => void): () => void
  close(): Promise<void>
}

export const partitionKey = (tp: TopicPartition): string => `${tp.topic}/${tp.partition}`
