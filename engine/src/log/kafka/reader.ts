/**
 * Reads committed records by position, outside of any group, through a source of its own that is taken
 * from a pool when the first read comes. Calls are served one after the other.
 *
 * A partition is at its end only when all that was written to it before the call is decided: what was
 * committed a moment ago, by whomever, is not missed (R2 rests on that).
 */
import { OpportuneError } from '../../errors.ts'
import type { LogBatch, LogReader, PollLimits, TopicPartition } from '../port.ts'
import { partitionKey } from '../port.ts'
import type { Cluster } from './cluster.ts'
import { Shelf } from './shelf.ts'
import type { PartitionSource } from './source.ts'

/** Sources that readers share one after the other: connecting costs more than a short read. */
export class SourcePool {
  readonly #make: () => Promise<PartitionSource>
  readonly #idle: PartitionSource[] = []
  readonly #all = new Set<PartitionSource>()
  #closed = false

  constructor(make: () => Promise<PartitionSource>) {
    this.#make = make
  }

  async take(): Promise<PartitionSource> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    const source = await this.#make()
    this.#all.add(source)
    if (this.#closed) await source.close()
    return source
  }

  /** Takes back a source without partitions. */
  give(source: PartitionSource): void {
    if (this.#all.has(source)) this.#idle.push(source)
  }

  /** For one that cannot go on. */
  async discard(source: PartitionSource): Promise<void> {
    this.#all.delete(source)
    await source.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#all].map((source) => source.close()))
  }
}

interface Reading {
  readonly at: TopicPartition
  readonly shelf: Shelf
  /** Behind what was handed out. */
  position: number
  /** Behind what is known to hold nothing more. */
  passedTo: number
}

type Limits = Pick<PollLimits, 'maxRecords' | 'maxBytes'>

const LOOK_MS = 100

export class KafkaReader implements LogReader {
  readonly #cluster: Cluster
  readonly #pool: SourcePool
  /** Another source where this one cannot read; undefined: there is none. */
  readonly #replace: (reason: string) => Promise<PartitionSource | undefined>
  readonly #readings = new Map<string, Reading>()
  #source: PartitionSource | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(
    cluster: Cluster,
    pool: SourcePool,
    replace: (reason: string) => Promise<PartitionSource | undefined>,
  ) {
    this.#cluster = cluster
    this.#pool = pool
    this.#replace = replace
  }

  read(partition: TopicPartition, offset: number, limits: Limits): Promise<LogBatch | undefined> {
    const read = this.#turn.then(() => this.#read(partition, offset, limits))
    this.#turn = read.catch(() => {})
    return read
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#turn
    const source = this.#source
    this.#source = undefined
    if (source === undefined) return
    source.unassign([...this.#readings.values()].map((reading) => reading.at))
    this.#pool.give(source)
  }

  /** Ends it with its log. */
  end(): void {
    this.#closed = true
  }

  async #read(
    partition: TopicPartition,
    offset: number,
    limits: Limits,
  ): Promise<LogBatch | undefined> {
    this.#assertOpen()
    const known = this.#readings.get(partitionKey(partition))
    const waiting = known?.position === offset ? known.shelf.take(limits, true) : undefined
    if (known !== undefined && waiting !== undefined) return this.#handOut(known, waiting)
    const { start, end } = await this.#cluster.settledEnd(partition)
    const from = Math.max(offset, start)
    if (from >= end) {
      this.#drop(partition)
      return undefined
    }
    const reading = await this.#from(partition, from)
    for (;;) {
      this.#assertOpen()
      const batch = reading.shelf.take(limits, true)
      if (batch !== undefined) return this.#handOut(reading, batch)
      if (Math.max(reading.position, reading.passedTo) >= end) {
        this.#drop(partition)
        return undefined
      }
      await this.#fill(limits)
    }
  }

  #handOut(reading: Reading, batch: LogBatch): LogBatch {
    reading.position = batch.nextOffset
    return batch
  }

  /** The partition assigned and at `from`. */
  async #from(partition: TopicPartition, from: number): Promise<Reading> {
    this.#source ??= await this.#pool.take()
    const key = partitionKey(partition)
    const known = this.#readings.get(key)
    if (known !== undefined && known.position === from) return known
    const reading = { at: partition, shelf: new Shelf(), position: from, passedTo: from }
    this.#readings.set(key, reading)
    this.#source.assign([{ ...partition, offset: from }])
    this.#source.resume([partition])
    return reading
  }

  async #fill(limits: Limits): Promise<void> {
    const source = this.#source
    if (source === undefined) return
    for (const event of await source.poll({ ...limits, waitMs: LOOK_MS })) {
      if (event.kind === 'failed') throw event.error
      if (event.kind === 'unsupported') return await this.#change(source, event.reason)
      if (event.kind === 'trouble') continue
      const at = event.kind === 'records' ? event.batch : event
      const reading = this.#readings.get(partitionKey(at))
      if (reading === undefined) continue
      if (event.kind === 'records') reading.shelf.put(event.batch, reading.position)
      else if (event.kind === 'passed') reading.passedTo = event.offset
      else await this.#overtaken(reading)
    }
  }

  /** Retention went past the position while it was read: on from what is kept. */
  async #overtaken(reading: Reading): Promise<void> {
    const [bounds] = await this.#cluster.bounds([reading.at])
    if (bounds === undefined) return
    reading.position = Math.max(bounds.start, Math.min(reading.position, bounds.end))
    this.#source?.seek({ ...reading.at, offset: reading.position })
  }

  async #change(source: PartitionSource, reason: string): Promise<void> {
    const other = await this.#replace(reason)
    if (other === undefined)
      throw new OpportuneError('log_kafka_unreadable', 'The records cannot be read.', { reason })
    this.#source = other
    for (const reading of this.#readings.values()) {
      reading.shelf.clear()
      other.assign([{ ...reading.at, offset: reading.position }])
      other.resume([reading.at])
    }
    await this.#pool.discard(source)
  }

  #drop(partition: TopicPartition): void {
    if (this.#readings.delete(partitionKey(partition))) this.#source?.unassign([partition])
  }

  #assertOpen(): void {
    if (this.#closed) throw new OpportuneError('log_closed', 'The reader was closed.')
  }
}
