/**
 * The loader: topics into tables, exactly once, by blocks of fixed offset ranges (see blocks.ts).
 *
 * Owns the positions of all partitions it loads, and at most one block that is under way. One loader
 * writes to a database at a time.
 *
 * T1 A block is recorded in the ledger before its first row is inserted, and complete before the next
 *    one is recorded. So after a crash at most the last block is in doubt.
 * T2 A block in doubt is settled by counting: each table holds all rows of the block, or gets them.
 * T3 A record is read again as it was read first; ranges of compacted topics may give fewer rows when
 *    read again, and are then recorded anew before they are settled.
 * T4 A record or row that cannot be loaded is kept in `rejected_rows` and counted; loading goes on.
 * T5 Memory is bounded by the limits of one block; nothing is read while a block is under way.
 */
import { type LogReader, OpportuneError, partitionKey, type ReadOnlyLog } from '#engine'
import {
  type Block,
  BlockBuilder,
  type BlockLimits,
  type LoadedRange,
  REJECTED,
  readAgain,
  readInto,
} from './blocks.ts'
import type { Writer } from './connect.ts'
import type { Feed } from './feeds.ts'
import { insertRows, settleTable, type TableShare } from './inserts.ts'
import { forgetBlocks, lastBlock, recordBlock, recordedPositions } from './ledger.ts'

/** Called at the moments where a crash would hurt most; tests crash there. */
export interface LoaderHooks {
  recorded?(block: number): void
  inserted?(block: number, table: string): void
}

export interface LoaderOptions {
  readonly log: Pick<ReadOnlyLog, 'topics' | 'bounds' | 'reader'>
  readonly writer: Writer
  readonly feeds: readonly Feed[]
  /** Wall clock, ms. */
  readonly now: () => number
  /** Default 20,000 records, 8 MiB. */
  readonly limits?: BlockLimits
  readonly hooks?: LoaderHooks
}

export interface LoaderStats {
  blocks: number
  records: number
  rows: number
  /** Records and rows kept in `rejected_rows`. */
  rejected: number
  /** Offsets that retention removed before they were loaded. */
  missed: number
  /** Blocks that a crash or error had left in doubt and that lacked rows. */
  repaired: number
}

interface UnderWay {
  readonly block: number
  readonly ranges: readonly LoadedRange[]
  readonly content: Block
}

const LIMITS: BlockLimits = { maxRecords: 20_000, maxBytes: 8 << 20 }
/** Blocks between two clean-ups of the ledger. */
const FORGET_EVERY = 5_000

export class Loader {
  readonly stats: LoaderStats = {
    blocks: 0,
    records: 0,
    rows: 0,
    rejected: 0,
    missed: 0,
    repaired: 0,
  }
  readonly #options: LoaderOptions
  readonly #reader: LogReader
  readonly #positions = new Map<string, number>()
  #block = 0
  #doubtful: UnderWay | undefined
  #turn = 0

  constructor(options: LoaderOptions) {
    this.#options = options
    this.#reader = options.log.reader()
  }

  /**
   * Finds its place and settles what a former run left in doubt. To be repeated after an error.
   * @throws analytics_log_replaced; errors of the database
   */
  async start(): Promise<void> {
    const { writer, now } = this.#options
    this.#positions.clear()
    for (const [key, position] of await recordedPositions(writer))
      this.#positions.set(key, position)
    await this.#refuseOtherLog()
    const last = await lastBlock(writer)
    if (last === undefined) return
    this.#block = last.block
    let again: Promise<Block> | undefined
    const read = (): Promise<Block> => (again ??= this.#readAgain(last.ranges))
    const repaired = await this.#settle(last.block, last.ranges, read)
    if (again === undefined) return
    this.stats.repaired++
    const ranges = withCounts(last.ranges, (await again).ranges, repaired)
    await recordBlock(writer, last.block, { ranges, attempt: last.attempt + 1, now: now() })
  }

  /** Loads one block. @returns records loaded; 0 where nothing is new */
  async step(): Promise<number> {
    if (this.#doubtful !== undefined) await this.#resume(this.#doubtful)
    const content = await this.#read()
    if (content.records === 0) return 0
    const underWay = { block: this.#block + 1, ranges: content.ranges, content }
    this.#doubtful = underWay
    await this.#load(underWay)
    this.#finish(underWay)
    if (this.#block % FORGET_EVERY === 0) await forgetBlocks(this.#options.writer, this.#block)
    return content.records
  }

  /** Offsets that the log has beyond what is loaded. Gaps in offsets count as if they were records. */
  async lag(): Promise<number> {
    let behind = 0
    for (const { key, end } of await this.#ends())
      behind += Math.max(0, end - this.#positionOf(key))
    return behind
  }

  /** Whether everything is loaded that the log held at `ends`. */
  reached(ends: readonly { readonly key: string; readonly end: number }[]): boolean {
    return (
      this.#doubtful === undefined && ends.every(({ key, end }) => this.#positionOf(key) >= end)
    )
  }

  /** Where the log ends now, for `reached`. */
  ends(): Promise<readonly { readonly key: string; readonly end: number }[]> {
    return this.#ends()
  }

  async close(): Promise<void> {
    await this.#reader.close()
  }

  #positionOf(key: string): number {
    return this.#positions.get(key) ?? 0
  }

  async #read(): Promise<Block> {
    const limits = this.#options.limits ?? LIMITS
    const builder = new BlockBuilder(this.#options.now())
    const sources = await this.#sources()
    // Start with another partition each time, so that a busy one cannot keep the others out.
    this.#turn++
    for (let i = 0; i < sources.length; i++) {
      if (builder.records >= limits.maxRecords || builder.bytes >= limits.maxBytes) break
      const source = sources[(i + this.#turn) % sources.length] as (typeof sources)[number]
      const from = Math.max(this.#positionOf(source.key), source.start)
      this.stats.missed += from - this.#positionOf(source.key)
      this.#positions.set(source.key, from)
      if (from >= source.end) continue
      const to = await readInto(builder, this.#reader, { ...source, from }, limits)
      // Up to the end there is no record, as behind the last one on Kafka: ends of transactions.
      if (to === from) this.#positions.set(source.key, source.end)
    }
    return builder.build()
  }

  async #load({ block, ranges, content }: UnderWay): Promise<void> {
    const { writer, now, hooks } = this.#options
    await recordBlock(writer, block, { ranges, attempt: 0, now: now() })
    hooks?.recorded?.(block)
    for (const share of this.#shares(block, ranges)) {
      this.stats.rejected += await insertRows(writer, share, rowsFor(content, share))
      hooks?.inserted?.(block, share.table)
    }
  }

  #finish({ block, ranges, content }: UnderWay): void {
    this.#block = block
    for (const { range } of ranges) this.#positions.set(partitionKey(range), range.to)
    this.#doubtful = undefined
    this.stats.blocks++
    this.stats.records += content.records
    for (const { table, rows } of content.tables)
      if (table === REJECTED) this.stats.rejected += rows.length
      else this.stats.rows += rows.length
  }

  /** After an error nobody knows how far the block got; its rows are still here. */
  async #resume(underWay: UnderWay): Promise<void> {
    const { writer, now } = this.#options
    const { block, ranges, content } = underWay
    const last = await lastBlock(writer)
    if (last?.block !== block) await recordBlock(writer, block, { ranges, attempt: 0, now: now() })
    await this.#settle(block, ranges, async () => content)
    this.stats.repaired++
    this.#finish(underWay)
  }

  /** @returns the tables that lacked rows */
  async #settle(
    block: number,
    ranges: readonly LoadedRange[],
    read: () => Promise<Block>,
  ): Promise<ReadonlySet<string>> {
    const repaired = new Set<string>()
    for (const share of this.#shares(block, ranges)) {
      const rows = async () => rowsFor(await read(), share)
      if (await settleTable(this.#options.writer, share, rows)) repaired.add(share.table)
    }
    return repaired
  }

  async #readAgain(ranges: readonly LoadedRange[]): Promise<Block> {
    const builder = new BlockBuilder(this.#options.now())
    for (const { range } of ranges) {
      const feed = this.#options.feeds.find((candidate) => candidate.topic === range.topic)
      if (feed !== undefined) await readAgain(builder, this.#reader, { feed, range })
    }
    return builder.build()
  }

  /** What the block wants of each table, in a fixed order: feeds, then tables, then rejected rows. */
  #shares(block: number, ranges: readonly LoadedRange[]): readonly TableShare[] {
    const now = this.#options.now()
    return this.#options.feeds.flatMap((feed) => {
      const own = ranges.filter(({ range }) => range.topic === feed.topic)
      const first = own[0]?.range
      if (first === undefined) return []
      const place = `${block}:${feed.topic}:${first.partition}:${first.from}-${first.to}`
      return [...feed.tables, REJECTED]
        .map((table) => ({
          table,
          topic: feed.topic,
          ranges: own,
          token: `${place}:${table}`,
          now,
        }))
        .filter(({ table }) => own.some(({ counts }) => (counts[table] ?? 0) > 0))
    })
  }

  async #sources() {
    const topics = new Map((await this.#options.log.topics()).map((topic) => [topic.name, topic]))
    const places = this.#options.feeds.flatMap((feed) =>
      Array.from({ length: topics.get(feed.topic)?.partitions ?? 0 }, (_, partition) => ({
        feed,
        topic: feed.topic,
        partition,
      })),
    )
    const bounds = await this.#options.log.bounds(places)
    return places.map((place, i) => ({
      ...place,
      key: partitionKey(place),
      start: bounds[i]?.start ?? 0,
      end: bounds[i]?.end ?? 0,
    }))
  }

  async #ends(): Promise<readonly { readonly key: string; readonly end: number }[]> {
    return (await this.#sources()).map(({ key, end }) => ({ key, end }))
  }

  async #refuseOtherLog(): Promise<void> {
    const ends = new Map((await this.#ends()).map(({ key, end }) => [key, end]))
    const wanted = new Set(this.#options.feeds.map((feed) => feed.topic))
    for (const [key, position] of this.#positions)
      if (wanted.has(key.slice(0, key.lastIndexOf('/'))) && position > (ends.get(key) ?? 0))
        throw new OpportuneError(
          'analytics_log_replaced',
          `The log ends before what is loaded of ${key}.`,
        )
  }
}

/** The counts of the ledger, but for tables that were filled anew: those hold what was read again. */
const withCounts = (
  recorded: readonly LoadedRange[],
  again: readonly LoadedRange[],
  tables: ReadonlySet<string>,
): readonly LoadedRange[] =>
  recorded.map(({ range, counts }) => {
    const key = partitionKey(range)
    const fresh = again.find((one) => partitionKey(one.range) === key)?.counts ?? {}
    const renewed = [...tables].map((table) => [table, fresh[table] ?? 0] as const)
    return { range, counts: { ...counts, ...Object.fromEntries(renewed) } }
  })

/** Rejected rows of all topics stand in one list; a share takes those of its topic. */
function rowsFor(content: Block, share: TableShare): readonly Record<string, unknown>[] {
  const rows = content.tables.find(({ table }) => table === share.table)?.rows ?? []
  return share.table === REJECTED ? rows.filter((row) => row['topic'] === share.topic) : rows
}
