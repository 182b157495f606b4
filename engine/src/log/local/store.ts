/**
 * What an in-process log needs from the place where its records lie. Reading is synchronous: a store
 * answers from memory or from a memory map. Changes may take a while and take place one after the
 * other, in the order given. Groups, members, epochs, waiting and fairness are built on top, once for
 * all stores.
 */
import { OpportuneError } from '../../errors.ts'
import type {
  CommittedPosition,
  EpochPosition,
  PartitionBounds,
  TopicPartition,
  TopicSpec,
} from '../port.ts'
import type { Frame } from './frame.ts'

export interface ReadableStore {
  topics(): readonly TopicSpec[]
  topic(name: string): TopicSpec | undefined
  bounds(topic: string, partition: number): PartitionBounds
  /**
   * Some consecutive frames, the first of which holds the first record at or after `offset`; empty
   * at the end. How many is up to the store; the caller asks again for more.
   */
  frames(topic: string, partition: number, offset: number): readonly Frame[]
}

export interface PartitionWrite extends TopicPartition {
  readonly frames: readonly Frame[]
}

/** One atomic change: all of it becomes visible, or an error is thrown and none of it does. */
export interface Change {
  readonly writes: readonly PartitionWrite[]
  readonly group: string
  readonly positions: readonly EpochPosition[]
  /**
   * Asked when it is the change's turn; what it throws keeps the change from taking place.
   * @param end where the next record of a partition will stand
   */
  readonly check?: (end: (partition: TopicPartition) => number) => void
  /** Told once all that is left of the change happens beside this thread. */
  readonly aside?: () => void
}

export interface LogStore extends ReadableStore {
  readonly kind: 'embedded' | 'simulated'
  /** Whether the records of a change take the very next offsets of their partitions. */
  readonly gapless: boolean
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>
  committed(group: string, partition: TopicPartition): CommittedPosition | undefined
  /** Places the frames and makes the change visible and (as far as it promises) durable. */
  commit(change: Change): Promise<void>
  /** Resolves when every change given so far has taken place or failed. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** @throws log_unknown_topic */
export function requirePartition(
  store: ReadableStore,
  topic: string,
  partition: number,
): TopicSpec {
  const spec = store.topic(topic)
  if (spec === undefined)
    throw new OpportuneError('log_unknown_topic', `Topic ${topic} does not exist.`, { topic })
  if (!Number.isInteger(partition) || partition < 0 || partition >= spec.partitions)
    throw new OpportuneError('log_unknown_topic', `${topic} has no partition ${partition}.`, {
      topic,
      partition,
      partitions: spec.partitions,
    })
  return spec
}

/** @throws log_partitions_changed */
export function requireSamePartitions(known: TopicSpec, wanted: TopicSpec): void {
  if (known.partitions !== wanted.partitions)
    throw new OpportuneError(
      'log_partitions_changed',
      `${wanted.name} has ${known.partitions} partitions, not ${wanted.partitions}.`,
      { topic: wanted.name, has: known.partitions, wanted: wanted.partitions },
    )
}
