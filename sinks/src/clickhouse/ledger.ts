/**
 * The ledger of blocks: the table `loads`. It stands in the same database as the rows that it speaks
 * of, so that a copy, a restore or a fresh database is consistent by itself; a journal beside the log
 * would not be.
 */

import type { LoadedRange } from './blocks.ts'
import type { Writer } from './connect.ts'
import { instant } from './values.ts'

export interface RecordedBlock {
  readonly block: number
  readonly attempt: number
  readonly ranges: readonly LoadedRange[]
}

interface LoadsRow {
  readonly topic: string
  readonly log_partition: number
  readonly from_offset: number
  readonly to_offset: number
  readonly row_counts: Readonly<Record<string, number>>
  readonly attempt: number
}

/** One insert, one part: a block is recorded with all its ranges or not at all. */
export async function recordBlock(
  writer: Writer,
  block: number,
  what: { readonly ranges: readonly LoadedRange[]; readonly attempt: number; readonly now: number },
): Promise<void> {
  const rows = what.ranges.map(({ range, counts }) => ({
    block,
    topic: range.topic,
    log_partition: range.partition,
    from_offset: range.from,
    to_offset: range.to,
    row_counts: counts,
    attempt: what.attempt,
    recorded_at: instant(what.now),
  }))
  await writer.insert('loads', rows)
}

/** Positions by `topic/partition`: the end of everything that was recorded. */
export async function recordedPositions(writer: Writer): Promise<ReadonlyMap<string, number>> {
  const rows = await writer.rows<{ topic: string; log_partition: number; next: number }>(
    'SELECT topic, log_partition, max(to_offset) AS next FROM loads GROUP BY topic, log_partition',
  )
  return new Map(rows.map((row) => [`${row.topic}/${row.log_partition}`, Number(row.next)]))
}

/** The last block, which a crash may have left unfinished. */
export async function lastBlock(writer: Writer): Promise<RecordedBlock | undefined> {
  const [last] = await writer.rows<{ block: number }>('SELECT max(block) AS block FROM loads')
  const block = Number(last?.block ?? 0)
  if (block === 0) return undefined
  const rows = await writer.rows<LoadsRow>(
    `SELECT topic, log_partition, from_offset, to_offset, row_counts, attempt
     FROM loads FINAL WHERE block = ${block} ORDER BY topic, log_partition`,
  )
  const ranges = rows.map((row) => ({
    range: {
      topic: row.topic,
      partition: row.log_partition,
      from: Number(row.from_offset),
      to: Number(row.to_offset),
    },
    counts: Object.fromEntries(
      Object.entries(row.row_counts).map(([table, rows]) => [table, Number(rows)]),
    ),
  }))
  return { block, attempt: Math.max(...rows.map((row) => row.attempt)), ranges }
}

/** Blocks below `block` have served their purpose, but for the last range of each partition. */
export async function forgetBlocks(writer: Writer, block: number): Promise<void> {
  await writer.command(
    `ALTER TABLE loads DELETE WHERE block < ${block} AND (block, topic, log_partition) NOT IN
     (SELECT max(block), topic, log_partition FROM loads GROUP BY topic, log_partition)`,
    { mutations_sync: '1' },
  )
}
