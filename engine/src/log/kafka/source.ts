/**
 * Where a member's and a reader's records come from: a reader of partitions by position, outside of
 * any group. Membership, commits and fencing are the client's alone; a source knows nothing of them.
 *
 * Two implementations: the client's consumer (`client-source.ts`) and our own fetch path (`fetch/`).
 * Both give the same records at the same positions, or say that they cannot.
 *
 * KS1 Only committed records come out, in the order of their offsets; control records never do.
 * KS2 After `seek` or `unassign` returned, nothing of what was read for the earlier position comes out
 *    of `poll` any more, whatever is still on its way.
 * KS3 A paused partition gives nothing. What was read before waits inside the source, or is read again.
 * KS4 What passes without records (markers, aborted transactions, gaps of compaction) is told as
 *    `passed`, so that a position can reach the partition's end.
 * KS5 Memory is bounded by the options, whatever the brokers send and however rarely `poll` is called.
 * KS6 What may heal (a broker away, a leader that moves, a refused connection) is retried inside for
 *    ever, with backoff, and told as `trouble`; the source never rejects for it.
 *
 * Topics are named as the log names them; `SourceOptions.kafkaName` gives the cluster's name.
 *
 * Times: our own topics carry the broker's append time; the time that a writer gave a record travels
 * in its first header (`record-time.ts`). `LogBatch.timestamp` and `LogBatch.headers` of a source are
 * the raw ones; the log puts the writer's time in their place.
 */
import type { OpportuneError } from '../../errors.ts'
import type { LogBatch, PollLimits, TopicPartition } from '../port.ts'

/** A partition and the offset of the next record wanted. */
export interface SourcePosition extends TopicPartition {
  readonly offset: number
}

export type SourceEvent =
  /** One or more records of one partition, consecutive but for gaps. */
  | { readonly kind: 'records'; readonly batch: LogBatch }
  /** There is nothing before `offset` (any more): the position is there now. */
  | ({ readonly kind: 'passed' } & SourcePosition)
  /**
   * The position is not in the log: retention went past it, or it was never written. The partition
   * gives nothing until `seek`.
   */
  | ({ readonly kind: 'out_of_range' } & SourcePosition)
  /** Reading is impeded and goes on by itself; told once per cause, for logs and metrics. */
  | {
      readonly kind: 'trouble'
      readonly partition?: TopicPartition
      readonly error: OpportuneError
    }
  /** Reading is over: the caller has to stop (wrong credentials, no right, a topic that is gone). */
  | { readonly kind: 'failed'; readonly partition?: TopicPartition; readonly error: OpportuneError }
  /**
   * The source cannot read this at all (codec, mechanism, broker version): another one has to take
   * over from `position`. `reason` is a short stable word with what was met, such as `codec zstd`.
   */
  | {
      readonly kind: 'unsupported'
      readonly partition?: TopicPartition
      readonly reason: string
    }

export interface PartitionSource {
  /** For messages and metrics: which implementation reads. */
  readonly name: 'client' | 'fetch'
  /** Adds partitions, paused; one that is there already is sought. */
  assign(positions: readonly SourcePosition[]): void
  /** Takes partitions away; unknown ones are ignored. */
  unassign(partitions: readonly TopicPartition[]): void
  seek(position: SourcePosition): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /**
   * What is there, of any partitions, at most about `maxRecords` records and `maxBytes` bytes of
   * values (one batch may go over them; the caller cuts). Waits up to `waitMs` for the first event, 0:
   * not at all. `pause`, `resume`, `seek`, `assign` and `close` end a wait early. One caller at a time.
   */
  poll(limits: PollLimits): Promise<readonly SourceEvent[]>
  /** Offset behind the last event given out for it; undefined where it is not assigned. */
  position(partition: TopicPartition): number | undefined
  /** Ends a wait with what is there; afterwards every call does nothing. Never rejects. */
  close(): Promise<void>
}

export interface SourceOptions {
  /** How the cluster names a topic of the log. */
  readonly kafkaName: (topic: string) => string
  /** Bytes that may wait inside the source, over all partitions. */
  readonly maxBufferedBytes: number
  /** How long a broker may hold a fetch back while it has nothing, in ms. */
  readonly fetchWaitMs: number
}
