/**
 * The transactional producer of a member: one transaction after the other, each an epoch.
 *
 * N1 A name has one producer: making one fences every former one of that name and aborts what it left
 *    open.
 * N2 A transaction is begun, and its positions are sent, when the epoch begins; its records are
 *    produced when the epoch commits (produced earlier they would wait out a fixed pause of the client,
 *    and an aborted epoch would have written for nothing).
 * N3 After a commit without an answer nothing is aborted or produced any more: a late commit could
 *    otherwise end the next transaction. The producer is dropped, and every further call says so.
 */
import { findError, OpportuneError } from '../../errors.ts'
import {
  type ClientConfig,
  type ClientError,
  type ClientOffset,
  type Consumer,
  call,
  type KafkaClient,
  type Producer,
} from './client.ts'
import { CODES, commitError, epochError, isExpelled, requestError } from './errors.ts'
import type { KafkaRecord } from './records.ts'

export interface TransactionsOptions {
  readonly client: KafkaClient
  readonly config: ClientConfig
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly commitTimeoutMs: number
  /** The group has given our partitions away. */
  readonly expelled: () => void
}

/** Counts for metrics and alerts. */
export interface TransactionStats {
  commits: number
  aborts: number
  unknownCommits: number
  fenced: number
}

export class Transactions {
  readonly stats: TransactionStats = { commits: 0, aborts: 0, unknownCommits: 0, fenced: 0 }
  readonly #options: TransactionsOptions
  readonly #producer: Producer
  /** What is under way; the next step waits for it. */
  #turn: Promise<unknown> = Promise.resolve()
  /** Why no transaction can be opened any more. */
  #ended: OpportuneError | undefined
  #closing: Promise<void> | undefined
  #open = false

  constructor(options: TransactionsOptions) {
    this.#options = options
    this.#producer = new options.client.Producer(options.config, {})
    // Without a listener the client's errors would be thrown at the process; calls report them too.
    this.#producer.on('event.error', () => {})
  }

  /** @throws log_kafka_unreachable, log_kafka_denied, log_kafka_credentials */
  connect(): Promise<void> {
    return this.#next(async () => {
      const timeout = this.#options.connectTimeoutMs
      try {
        await call((done) => this.#producer.connect({ allTopics: false, timeout }, done))
        this.#producer.setPollInterval(50)
        await call((done) => this.#producer.initTransactions(timeout, done))
      } catch (error) {
        throw requestError(error, 'Transactions are not available.')
      }
    })
  }

  /**
   * Begins a transaction and moves positions in it.
   * @throws log_abortable, log_fenced, log_commit_unknown
   */
  begin(offsets: readonly ClientOffset[], consumer: Consumer): Promise<void> {
    return this.#next(async () => {
      const { requestTimeoutMs } = this.#options
      try {
        await call((done) => this.#producer.beginTransaction(done))
        this.#open = true
        if (offsets.length > 0)
          await call((done) =>
            this.#producer.sendOffsetsToTransaction(offsets, consumer, requestTimeoutMs, done),
          )
      } catch (error) {
        if (isExpelled(error)) this.#options.expelled()
        throw this.#noted(epochError(error))
      }
    })
  }

  /**
   * Produces and commits.
   * @throws log_retriable (call again, without records), log_abortable, log_fenced, log_commit_unknown
   */
  commit(records: readonly KafkaRecord[]): Promise<void> {
    return this.#next(async () => {
      try {
        await this.#produce(records)
      } catch (error) {
        throw this.#noted(epochError(error))
      }
      const { commitTimeoutMs } = this.#options
      try {
        await call((done) => this.#producer.commitTransaction(commitTimeoutMs, done))
        this.#open = false
        this.stats.commits++
      } catch (error) {
        throw this.#noted(commitError(error))
      }
    })
  }

  /** Takes back what `begin` and `commit` did. Does nothing where nothing is open. */
  abort(): Promise<void> {
    return this.#next(async () => {
      if (!this.#open) return
      this.stats.aborts++
      try {
        await this.#abortNow()
        this.#open = false
      } catch (error) {
        throw this.#noted(epochError(error))
      }
    })
  }

  /**
   * Decides positions that an earlier transaction of this name has left undecided for ever: an aborted
   * transaction over them ends that one too, as aborted. Nothing of it was visible.
   *
   * Seen with Kafka 4.3.1: a broker that was killed after it had acknowledged a commit and before it had
   * written the markers notes the transaction as complete when it comes back, and writes none.
   */
  async clear(offsets: readonly ClientOffset[], consumer: Consumer): Promise<void> {
    await this.begin(offsets, consumer)
    await this.abort()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Ends without a word to the brokers: the transaction, if one is open, is theirs to abort. */
  end(error: OpportuneError): void {
    this.#ended ??= error
  }

  /**
   * No step begins any more, and the one under way is waited for: the client ends the whole process when
   * a producer is taken away under a call of its transactions.
   */
  async #close(): Promise<void> {
    const abandoned = this.#ended !== undefined
    this.#ended ??= new OpportuneError('log_closed', 'The member was closed.')
    await this.#turn
    if (this.#open && !abandoned) await this.#abortNow().catch(() => {})
    this.#producer.setPollInterval(0)
    await new Promise<void>((resolve) => this.#producer.disconnect(resolve))
  }

  async #abortNow(): Promise<void> {
    const { requestTimeoutMs } = this.#options
    for (let attempt = 1; ; attempt++)
      try {
        await call((done) => this.#producer.abortTransaction(requestTimeoutMs, done))
        return
      } catch (error) {
        if ((error as ClientError).isRetriable !== true || attempt === 3) throw error
      }
  }

  async #produce(records: readonly KafkaRecord[]): Promise<void> {
    for (const record of records)
      for (;;)
        try {
          const { topic, partition, value, key, headers } = record
          this.#producer.produce(topic, partition, value, key, undefined, undefined, headers)
          break
        } catch (error) {
          if ((error as ClientError).code !== CODES.queueFull) throw error
          await call((done) => this.#producer.flush(this.#options.requestTimeoutMs, done))
        }
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(() => {
      if (this.#ended !== undefined) throw this.#ended
      return step()
    })
    this.#turn = run.catch(() => {})
    return run
  }

  /** Remembers errors after which nothing may follow. */
  #noted(error: unknown): unknown {
    const known = findError(error)
    if (known === undefined || known.class !== 'fatal') return error
    if (known.code === 'log_commit_unknown') this.stats.unknownCommits++
    if (known.code === 'log_fenced') this.stats.fenced++
    this.#ended ??= known
    return error
  }
}
