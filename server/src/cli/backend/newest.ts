/** Reading a partition from its end: the latest records first, in blocks, with bounded memory. */
import type { EventLog, TopicPartition } from '#engine'

export type ReadableLog = Pick<EventLog, 'topics' | 'bounds' | 'reader'>

export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  /** ms since 1970. */
  readonly timestamp: number
  readonly value: Uint8Array
}

const BLOCK = 512
const BLOCK_BYTES = 8 << 20

/** Records of one partition, the latest first; those below `before` where it is given. */
export async function* newestFirst(
  log: ReadableLog,
  at: TopicPartition,
  before?: number,
): AsyncGenerator<StoredRecord> {
  const [bounds] = await log.bounds([at])
  const start = bounds?.start ?? 0
  const reader = log.reader()
  try {
    for (let end = Math.min(before ?? Number.MAX_SAFE_INTEGER, bounds?.end ?? 0); end > start; ) {
      const from = Math.max(start, end - BLOCK)
      const block: StoredRecord[] = []
      for (let next = from; next < end; ) {
        const limits = { maxRecords: end - next, maxBytes: BLOCK_BYTES }
        const batch = await reader.read(at, next, limits)
        if (batch === undefined) break
        for (let i = 0; i < batch.length && batch.offset(i) < end; i++) {
          const value = batch.value(i)
          const { partition } = at
          if (value !== null)
            block.push({ partition, offset: batch.offset(i), timestamp: batch.timestamp(i), value })
        }
        next = batch.nextOffset
      }
      yield* block.reverse()
      end = from
    }
  } finally {
    await reader.close()
  }
}

/** How many partitions a topic has; 0 where it does not exist. */
export async function partitionsOf(log: ReadableLog, topic: string): Promise<number> {
  return (await log.topics()).find((spec) => spec.name === topic)?.partitions ?? 0
}
