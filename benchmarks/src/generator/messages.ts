/**
 * Generated events as the bytes a source topic would hold.
 *
 * Message i goes to partition i % 4 and partitions are filled in step, as a producer would. After the
 * data every partition gets one sentinel. Messages come in blocks, one partition each, whose bytes
 * stay valid for as long as the block is referenced; a consumer that drops blocks runs in constant
 * memory at any number of events.
 */
import { nexmarkEvent, nexmarkSentinel } from './nexmark.ts'
import { ysbEvent, ysbSentinel } from './ysb.ts'

export const PARTITIONS = 4

/** Above the longest message of either stream, so that one is never cut. */
const MAX_MESSAGE_BYTES = 512

export type WorkloadName = 'nexmark' | 'ysb'

/** What to generate. `events` counts data only, without the sentinels. */
export interface StreamSpec {
  readonly workload: WorkloadName
  readonly events: number
  readonly seed: number
}

/** Messages of one partition; message j spans bytes [ends[j - 1] or 0, ends[j]). */
export interface MessageBlock {
  readonly partition: number
  readonly bytes: Buffer
  readonly ends: Uint32Array
}

/** Event `index` as JSON text; ASCII only. */
export function messageText(spec: StreamSpec, index: number): string {
  return JSON.stringify(
    spec.workload === 'ysb' ? ysbEvent(spec.seed, index) : nexmarkEvent(spec.seed, index),
  )
}

function sentinelText(spec: StreamSpec): string {
  return JSON.stringify(
    spec.workload === 'ysb' ? ysbSentinel(spec.events) : nexmarkSentinel(spec.events),
  )
}

/**
 * The whole stream, in order: rounds of one block for each partition, then the sentinels.
 *
 * @param perBlock messages in a block; the last round has fewer
 */
export function* messageBlocks(spec: StreamSpec, perBlock = 1024): Generator<MessageBlock> {
  const scratch = Buffer.allocUnsafe(perBlock * MAX_MESSAGE_BYTES)
  for (let first = 0; first < spec.events; first += perBlock * PARTITIONS)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const remaining = spec.events - first - partition
      if (remaining <= 0) break
      const count = Math.min(perBlock, Math.ceil(remaining / PARTITIONS))
      const ends = new Uint32Array(count)
      let at = 0
      for (let j = 0; j < count; j++) {
        const text = messageText(spec, first + partition + j * PARTITIONS)
        at += scratch.write(text, at, 'latin1')
        ends[j] = at
      }
      yield { partition, bytes: Buffer.from(scratch.subarray(0, at)), ends }
    }
  const sentinel = Buffer.from(sentinelText(spec))
  for (let partition = 0; partition < PARTITIONS; partition++)
    yield { partition, bytes: sentinel, ends: Uint32Array.of(sentinel.length) }
}
