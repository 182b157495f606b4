/**
 * Appends outside of epochs, through one idempotent producer that all appenders of a log share.
 *
 * Records of one partition are written in the order of the calls, and acknowledged by all replicas in
 * sync. On Kafka an append of several records is not atomic: where it fails, a beginning of it may be
 * written. Who repeats it writes that beginning twice; readers drop it by the records' own ids.
 */
import { OpportuneError } from '../../errors.ts'
import type { LogAppender, OutgoingRecord } from '../port.ts'
import {
  type ClientConfig,
  type ClientError,
  call,
  type DeliveryReport,
  type KafkaClient,
  type Producer,
} from './client.ts'
import type { Cluster } from './cluster.ts'
import { appendError, CODES, requestError } from './errors.ts'
import { copyRecords, type KafkaRecord } from './records.ts'

export interface AppenderOptions {
  readonly client: KafkaClient
  readonly config: ClientConfig
  readonly cluster: Cluster
  readonly maxRecordBytes: number
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}

/** One call: what the delivery reports of its records add up to. */
class Append {
  readonly done: Promise<number>
  #left: number
  #first: number | undefined
  #error: unknown
  #resolve: (offset: number) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(records: number) {
    this.#left = records
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Reports come in the order of the records. */
  report(error: ClientError | null | undefined, offset: number): void {
    if (error) this.#error ??= appendError(error)
    else this.#first ??= offset
    this.#left--
    if (this.#left > 0) return
    if (this.#error !== undefined) this.#reject(this.#error)
    else this.#resolve(this.#first ?? 0)
  }

  /** Records that were never handed over are reported by nobody. */
  give(error: unknown, unsent: number): void {
    this.#error ??= error
    this.#left -= unsent
    if (this.#left <= 0) this.#reject(this.#error)
  }
}

/** The producer behind all appenders; made when the first of them appends. */
export class AppendProducer {
  readonly #options: AppenderOptions
  #producer: Promise<Producer> | undefined
  /** Calls are handed over one after the other, so that a full queue does not change their order. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: AppenderOptions) {
    this.#options = options
  }

  append(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<number> {
    const { cluster, maxRecordBytes } = this.#options
    const to = { topic: cluster.names.kafka(topic), partition }
    const copies = copyRecords(to, records, maxRecordBytes)
    const turn = this.#turn.then(async () => {
      await cluster.find([{ topic, partition }])
      if (copies.length === 0) return await this.#end(topic, partition)
      const append = new Append(copies.length)
      await this.#hand(append, copies)
      return { append }
    })
    this.#turn = turn.catch(() => {})
    return turn.then((it) => (typeof it === 'number' ? it : it.append.done))
  }

  async close(): Promise<void> {
    await this.#turn
    const producer = await this.#producer?.catch(() => undefined)
    if (producer === undefined) return
    producer.setPollInBackground(false)
    await new Promise<void>((resolve) => producer.disconnect(resolve))
  }

  async #end(topic: string, partition: number): Promise<number> {
    const [bounds] = await this.#options.cluster.bounds([{ topic, partition }])
    return bounds?.end ?? 0
  }

  async #hand(append: Append, records: readonly KafkaRecord[]): Promise<void> {
    this.#producer ??= this.#connect()
    const producer = await this.#producer.catch((error: unknown) => {
      // The next append tries again.
      this.#producer = undefined
      throw error
    })
    for (const [i, { topic, partition, key, value, headers }] of records.entries())
      for (;;)
        try {
          producer.produce(topic, partition, value, key, undefined, append, headers)
          break
        } catch (error) {
          if ((error as ClientError).code !== CODES.queueFull) {
            append.give(appendError(error), records.length - i)
            return
          }
          await call((done) => producer.flush(this.#options.requestTimeoutMs, done)).catch(() => {})
        }
  }

  async #connect(): Promise<Producer> {
    const { client, config, connectTimeoutMs: timeout } = this.#options
    const producer = new client.Producer(config, {})
    // Appends report their own errors; without a listener these would be thrown at the process.
    producer.on('event.error', () => {})
    producer.on('delivery-report', (error, report: DeliveryReport) => {
      if (report.opaque instanceof Append) report.opaque.report(error, report.offset)
    })
    try {
      await call((done) => producer.connect({ allTopics: false, timeout }, done))
      // A thread of its own: an acknowledgement is passed on when it comes, not at the next look.
      producer.setPollInBackground(true)
      return producer
    } catch (error) {
      throw requestError(error, 'An appender could not connect.')
    }
  }
}

export class KafkaAppender implements LogAppender {
  readonly #producer: AppendProducer
  readonly #underWay = new Set<Promise<unknown>>()
  #closed = false

  constructor(producer: AppendProducer) {
    this.#producer = producer
  }

  async append(
    topic: string,
    partition: number,
    records: readonly OutgoingRecord[],
  ): Promise<number> {
    if (this.#closed) throw new OpportuneError('log_closed', 'The appender was closed.')
    const append = this.#producer.append(topic, partition, records)
    const settled = append.then(
      () => {},
      () => {},
    )
    this.#underWay.add(settled)
    void settled.then(() => this.#underWay.delete(settled))
    return await append
  }

  /** Waits for what was appended before. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#underWay)
  }
}
