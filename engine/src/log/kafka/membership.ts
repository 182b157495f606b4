/**
 * A place in a consumer group, held by the client's consumer, which reads nothing: records come from a
 * source. What is assigned to it by the group is only told on.
 *
 * Classic protocol, cooperative, static: an id that comes back within the session timeout finds its
 * partitions where they were, and takes them from a former self that still runs.
 *
 * The client waits, heartbeats going on, until a revoke is answered: that is the time in which the
 * last epoch is committed. It tells of a membership that was lost only sometimes; so silence beyond
 * `max.poll.interval.ms` and a refused commit count as lost as well.
 */
import { OpportuneError } from '../../errors.ts'
import {
  type ClientConfig,
  type ClientError,
  type ClientPartition,
  type Consumer,
  call,
  type KafkaClient,
} from './client.ts'
import { CODES, isFenced, requestError } from './errors.ts'

const ASSIGN = -175
const REVOKE = -174
/** The client answers the group only when it is asked for messages, which never come. */
const LOOK_MS = 100
/** How long leaving may take before the place is left to time out. */
const LEAVE_MS = 2_000

export interface MembershipListener {
  assigned(partitions: readonly ClientPartition[]): void
  /** @returns when the partitions may go */
  revoked(partitions: readonly ClientPartition[]): Promise<void>
  /** All partitions are somebody else's. */
  lost(): void
  fenced(): void
  failed(error: OpportuneError): void
  trouble(error: OpportuneError): void
}

export interface MembershipOptions {
  readonly client: KafkaClient
  readonly config: ClientConfig
  readonly connectTimeoutMs: number
  readonly listener: MembershipListener
}

export class Membership {
  readonly #options: MembershipOptions
  readonly #consumer: Consumer
  #timer: NodeJS.Timeout | undefined
  #consuming = false
  #closing: Promise<void> | undefined
  #subscribed = false
  #ended = false
  #letGo: (() => void) | undefined
  #lastTrouble = 0

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#consumer = new options.client.KafkaConsumer(
      {
        ...options.config,
        rebalance_cb: (event: ClientError, partitions: readonly ClientPartition[]) =>
          this.#rebalanced(event, partitions),
        queue_non_empty_cb: () => this.#look(),
      },
      {},
    )
    this.#consumer.setDefaultConsumeTimeout(0)
    this.#consumer.on('event.error', (error) => this.#told(error))
  }

  /** For `sendOffsetsToTransaction`, which proves by it that the place is still held. */
  get consumer(): Consumer {
    return this.#consumer
  }

  async connect(): Promise<void> {
    const timeout = this.#options.connectTimeoutMs
    try {
      await call((done) => this.#consumer.connect({ allTopics: false, timeout }, done))
    } catch (error) {
      throw requestError(error, 'A member could not connect.')
    }
  }

  subscribe(topics: readonly string[]): void {
    this.#subscribed = true
    this.#consumer.subscribe(topics)
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  /** @param leave give the place up, rather than keeping it for the session timeout */
  close(leave: boolean): Promise<void> {
    this.#closing ??= this.#close(leave)
    return this.#closing
  }

  async #close(leave: boolean): Promise<void> {
    if (leave && this.#subscribed) await this.#leave()
    clearInterval(this.#timer)
    this.#ended = true
    await new Promise<void>((resolve) => this.#consumer.disconnect(resolve))
  }

  /**
   * A static member that only disconnects keeps its place; one that unsubscribes gives it up, but only
   * once it was asked to let its partitions go, and the client does not say when it has told the group.
   */
  async #leave(): Promise<void> {
    const asked = new Promise<void>((resolve) => {
      this.#letGo = resolve
    })
    this.#consumer.unsubscribe()
    let timer: NodeJS.Timeout | undefined
    await Promise.race([asked, new Promise((resolve) => (timer = setTimeout(resolve, LEAVE_MS)))])
    clearTimeout(timer)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }

  #look(): void {
    if (this.#consuming || this.#ended) return
    this.#consuming = true
    this.#consumer.consume(1, (error) => {
      this.#consuming = false
      if (error) this.#told(error)
    })
  }

  #rebalanced(event: ClientError, partitions: readonly ClientPartition[]): void {
    const { listener } = this.#options
    if (event.code === ASSIGN) {
      this.#answer('incrementalAssign')
      if (this.#closing === undefined) listener.assigned(partitions)
    } else if (event.code === REVOKE) {
      if (this.#closing !== undefined || this.#consumer.assignmentLost()) {
        if (this.#closing === undefined) listener.lost()
        this.#answer('incrementalUnassign')
        this.#letGo?.()
      } else void listener.revoked(partitions).finally(() => this.#answer('incrementalUnassign'))
    } else this.#told(event)
  }

  /** Nothing is taken or given back on this consumer: it only has to say that it has understood. */
  #answer(how: 'incrementalAssign' | 'incrementalUnassign'): void {
    try {
      this.#consumer[how]([])
    } catch (error) {
      // Membership was lost, or the consumer closed, while the listener was at work.
      const cause = requestError(error, 'The group did not take an answer.')
      if (cause instanceof OpportuneError) this.#options.listener.trouble(cause)
    }
  }

  #told(error: ClientError): void {
    if (this.#closing !== undefined) return
    const { listener } = this.#options
    if (error.code === CODES.maxPollExceeded) {
      listener.lost()
      return
    }
    if (isFenced(error)) {
      listener.fenced()
      return
    }
    const cause = requestError(error, 'The group is not reachable.')
    if (!(cause instanceof OpportuneError)) return
    if (cause.code === 'log_kafka_credentials' || cause.code === 'log_kafka_denied')
      listener.failed(cause)
    else if (error.code !== this.#lastTrouble) {
      this.#lastTrouble = error.code
      listener.trouble(cause)
    }
  }
}
