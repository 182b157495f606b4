/**
 * Blocks: what one step of the loader reads and inserts. A block is a list of fixed ranges of offsets,
 * at most one a partition; its rows are a function of the log alone, so that the same block can be
 * read again after a crash.
 */
import type { LogBatch, LogReader, TopicPartition } from '#engine'
import type { Feed, FeedRow } from './feeds.ts'
import { instant } from './values.ts'

export interface Range extends TopicPartition {
  readonly from: number
  /** The offset after the range. */
  readonly to: number
}

export interface LoadedRange {
  readonly range: Range
  /** Rows by table. `rejected_rows` counts the records that did not read. */
  readonly counts: Readonly<Record<string, number>>
}

/** Rows of one table, with where each came from. */
export interface BlockRows {
  readonly table: string
  readonly rows: Record<string, unknown>[]
}

export interface Block {
  readonly ranges: readonly LoadedRange[]
  readonly tables: readonly BlockRows[]
  readonly records: number
}

export interface BlockLimits {
  readonly maxRecords: number
  readonly maxBytes: number
}

/** Records that did not read, and rows that ClickHouse refused. */
export const REJECTED = 'rejected_rows'

/** The first `length` records of a batch. */
interface BatchPart {
  readonly batch: LogBatch
  readonly length: number
}

/** Collects ranges into a block. */
export class BlockBuilder {
  readonly #tables = new Map<string, Record<string, unknown>[]>()
  readonly #ranges: LoadedRange[] = []
  readonly #now: number
  #records = 0
  #bytes = 0

  /** @param now wall clock, ms: when rejected rows were rejected */
  constructor(now: number) {
    this.#now = now
  }

  get records(): number {
    return this.#records
  }

  get bytes(): number {
    return this.#bytes
  }

  build(): Block {
    const tables = [...this.#tables].map(([table, rows]) => ({ table, rows }))
    return { ranges: this.#ranges, tables, records: this.#records }
  }

  /** Adds the records of `parts`, which follow each other, as the range [from, to). */
  add(feed: Feed, range: Range, parts: readonly BatchPart[]): void {
    const counts: Record<string, number> = {}
    for (const { batch, length } of parts) {
      this.#records += length
      this.#bytes += batch.bytes
      for (let i = 0; i < length; i++) {
        const at = { log_partition: batch.partition, log_offset: batch.offset(i) }
        for (const { table, values } of this.#rowsOf(feed, batch.value(i), at)) {
          counts[table] = (counts[table] ?? 0) + 1
          // The feed made the row for us alone; copying all of its columns costs more than the rest.
          this.#tableOf(table).push(Object.assign(values, at))
        }
      }
    }
    this.#ranges.push({ range, counts })
  }

  #rowsOf(
    feed: Feed,
    value: Uint8Array | null,
    at: { readonly log_offset: number },
  ): readonly FeedRow[] {
    // A tombstone says that a key is gone; tables keep history.
    if (value === null) return []
    const rows = feed.rows(value)
    if (typeof rows !== 'string') return rows
    const rejected = rejectedRow(this.#now, { topic: feed.topic, target: '', reason: rows, value })
    return [{ table: REJECTED, values: { ...rejected, ...at } }]
  }

  #tableOf(table: string): Record<string, unknown>[] {
    let rows = this.#tables.get(table)
    if (rows === undefined) {
      rows = []
      this.#tables.set(table, rows)
    }
    return rows
  }
}

export const rejectedRow = (
  now: number,
  what: {
    readonly topic: string
    readonly target: string
    readonly reason: string
    readonly value: Uint8Array
  },
): Record<string, unknown> => ({
  topic: what.topic,
  target: what.target,
  reason: what.reason,
  bytes: Buffer.from(what.value).toString('base64'),
  rejected_at: instant(now),
})

/** Adds what the partition has from `from` on, within the limits. @returns the position after it */
export async function readInto(
  builder: BlockBuilder,
  reader: LogReader,
  source: { readonly feed: Feed; readonly partition: number; readonly from: number },
  limits: BlockLimits,
): Promise<number> {
  const { feed, partition, from } = source
  const where = { topic: feed.topic, partition }
  const batch = await reader.read(where, from, {
    maxRecords: limits.maxRecords - builder.records,
    maxBytes: limits.maxBytes - builder.bytes,
  })
  if (batch === undefined) return from
  builder.add(feed, { ...where, from, to: batch.nextOffset }, [{ batch, length: batch.length }])
  return batch.nextOffset
}

const AGAIN = { maxRecords: 10_000, maxBytes: 4 << 20 }

/** Reads a recorded range again, whole. */
export async function readAgain(
  builder: BlockBuilder,
  reader: LogReader,
  source: { readonly feed: Feed; readonly range: Range },
): Promise<void> {
  const { feed, range } = source
  const parts: BatchPart[] = []
  for (let at = range.from; at < range.to; ) {
    const maxRecords = Math.min(AGAIN.maxRecords, range.to - at)
    const batch = await reader.read(range, at, { ...AGAIN, maxRecords })
    // Offsets may have gaps: fewer records than offsets can reach over the end of the range.
    if (batch === undefined || batch.offset(0) >= range.to) break
    parts.push({ batch, length: lengthUpTo(batch, range.to) })
    at = batch.nextOffset
  }
  builder.add(feed, range, parts)
}

/** How many records of the batch stand before offset `to`. */
function lengthUpTo(batch: LogBatch, to: number): number {
  let length = batch.length
  while (length > 0 && batch.offset(length - 1) >= to) length--
  return length
}
