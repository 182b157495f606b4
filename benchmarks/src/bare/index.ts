/**
 * The bare loop: parse each message and run the query's logic on plain Maps, with no engine.
 *
 * It is the floor that an engine's figures are divided by. It has no state that survives, no commits
 * and no source but generated blocks; its clock stops while the next block is generated and while the
 * output is verified.
 */
import { type MessageBlock, PARTITIONS } from '../generator/messages.ts'
import { type NexmarkMessage, timeOf } from '../generator/nexmark.ts'
import type { AdEvent } from '../generator/ysb.ts'
import { QUERY_NAMES, type QueryResult, summarise } from '../verification.ts'
import { q3, q4, q8 } from './joins.ts'
import { q17, q18 } from './keyed.ts'
import { OutputBytes } from './output.ts'
import type { BareQuery, Emit } from './query.ts'
import { q11 } from './sessions.ts'
import { q0, q1, q2 } from './stateless.ts'
import { PartitionedWatermark } from './watermark.ts'
import { q5, q7, ysb } from './windows.ts'

/** Queries with a bare version. */
export const BARE_QUERIES = QUERY_NAMES

export type BareQueryName = (typeof BARE_QUERIES)[number]

export interface BareResult extends QueryResult {
  /** Wall time of parsing, processing and writing output, in seconds. */
  readonly seconds: number
  /** CPU time over the same spans, all threads of the process, in seconds. */
  readonly cpuSeconds: number
}

const OUT_OF_ORDER_MS = 4_000

const NEXMARK = { q0, q1, q2, q3, q4, q5, q7, q8, q11, q17, q18 }

/** Takes a block's messages one by one, as a consumer's loop would. */
function blockProcessor<M>(
  query: BareQuery<M>,
  timeOf: (message: M) => number,
): (block: MessageBlock) => void {
  const watermark = new PartitionedWatermark(PARTITIONS, OUT_OF_ORDER_MS)
  return (block) => {
    let from = 0
    for (const end of block.ends) {
      const message = JSON.parse(block.bytes.toString('utf8', from, end)) as M
      from = end
      query.onMessage(message)
      if (watermark.observe(block.partition, timeOf(message))) query.onWatermark(watermark.current)
    }
  }
}

function processorFor(query: BareQueryName, emit: Emit): (block: MessageBlock) => void {
  if (query === 'ysb')
    return blockProcessor<AdEvent>(ysb(emit), (event) => Number(event.event_time))
  return blockProcessor<NexmarkMessage>(NEXMARK[query](emit), timeOf)
}

/**
 * Runs one query over a stream's blocks.
 *
 * @param blocks of the query's workload; generated while running (constant memory) or held beforehand
 */
export function runBare(query: BareQueryName, blocks: Iterable<MessageBlock>): BareResult {
  const output = new OutputBytes()
  const take = processorFor(query, output.emit)
  let wall = 0n
  let cpu = 0
  for (const block of blocks) {
    const cpuBefore = process.cpuUsage()
    const before = process.hrtime.bigint()
    take(block)
    wall += process.hrtime.bigint() - before
    const used = process.cpuUsage(cpuBefore)
    cpu += used.user + used.system
  }
  return { ...summarise(query, output.lines()), seconds: Number(wall) / 1e9, cpuSeconds: cpu / 1e6 }
}
