/**
 * Who leads which partition, and where the brokers are. Asks over a connection of its own, since a
 * broker answers a connection's requests in order, and a fetch may wait.
 *
 * KL1 A question is repeated until it is answered, to another broker each time, with backoff and
 *    jitter. A broker that is away costs `connectMs`, a frozen one `requestMs`.
 * KL2 However often it is asked to, it asks at most ten times a second.
 * KL3 A leader of an older epoch never replaces that of a newer one: brokers learn at different times.
 */
import { Connection, ConnectionEnded, type ConnectionOptions, type HostPort } from './connection.ts'
import {
  type BrokerAddress,
  type Metadata,
  metadataRequest,
  readMetadata,
  type TopicMetadata,
} from './messages.ts'
import { API, ERROR } from './protocol.ts'
import { type Backoff, backoffMs } from './timing.ts'

const LEAST_INTERVAL_MS = 100

export interface Leader {
  readonly broker: number
  readonly epoch: number
  readonly topicId: string
}

export interface ClusterOptions {
  readonly bootstrap: readonly HostPort[]
  readonly connection: ConnectionOptions
  readonly backoff: Backoff
  /** Leaders are asked for anew after this time even where nothing went wrong, in ms. */
  readonly maxAgeMs: number
}

export type TopicProblem = 'unknown' | 'denied' | 'replaced'

export interface ClusterListener {
  /** The topics in question. */
  topics(): readonly string[]
  /** An answer came: leaders and addresses may be others. */
  updated(): void
  /** A topic cannot be read; told at every answer that says so. */
  topicProblem(topic: string, problem: TopicProblem): void
  /** No answer could be had; asked again unless `kind` is other than `lost`. */
  unreachable(why: ConnectionEnded): void
}

interface KnownTopic {
  readonly id: string
  partitions: number
  readonly leaders: Map<number, Leader>
}

export class Cluster {
  readonly #options: ClusterOptions
  readonly #listener: ClusterListener
  readonly #topics = new Map<string, KnownTopic>()
  #brokers: readonly BrokerAddress[] = []
  #connection: Connection | undefined
  #turn: number
  #failures = 0
  #asking = false
  #again = false
  #closed = false
  /** No question before this time. */
  #notBefore = 0
  #dueAt = Number.POSITIVE_INFINITY
  #cancelTimer: () => void = () => {}

  constructor(options: ClusterOptions, listener: ClusterListener) {
    this.#options = options
    this.#listener = listener
    // Many processes that start at once begin with different brokers.
    this.#turn = Math.floor(options.connection.timing.random() * options.bootstrap.length)
  }

  leader(topic: string, partition: number): Leader | undefined {
    return this.#topics.get(topic)?.leaders.get(partition)
  }

  /** Whether the topic is known and has no such partition. */
  lacks(topic: string, partition: number): boolean {
    const known = this.#topics.get(topic)
    return known !== undefined && partition >= known.partitions
  }

  address(broker: number): HostPort | undefined {
    return this.#brokers.find((it) => it.id === broker)
  }

  /** Asks for the leaders of all topics in question, as soon as the pace allows. */
  refresh(): void {
    if (this.#closed) return
    if (this.#asking) this.#again = true
    else this.#schedule(Math.max(this.#now, this.#notBefore))
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer()
    this.#connection?.close()
  }

  get #now(): number {
    return this.#options.connection.timing.now()
  }

  /** An earlier date than the one set before counts. */
  #schedule(at: number): void {
    if (at >= this.#dueAt) return
    this.#cancelTimer()
    this.#dueAt = at
    this.#cancelTimer = this.#options.connection.timing.after(at - this.#now, () => {
      this.#dueAt = Number.POSITIVE_INFINITY
      this.#asking = true
      this.#again = false
      void this.#ask()
    })
  }

  async #ask(): Promise<void> {
    try {
      const connection = await this.#open()
      const body = metadataRequest(this.#listener.topics())
      const answer = await connection.request(API.metadata, body, readMetadata)
      this.#asking = false
      if (!this.#closed) this.#answered(answer)
    } catch (error) {
      this.#asking = false
      if (!(error instanceof ConnectionEnded)) throw error
      if (!this.#closed) this.#failed(error)
    }
  }

  #answered(answer: Metadata): void {
    this.#failures = 0
    // A broker that is starting knows nobody yet, not even itself.
    if (answer.brokers.length > 0) this.#brokers = answer.brokers
    for (const topic of answer.topics) this.#learn(topic)
    this.#notBefore = this.#now + LEAST_INTERVAL_MS
    this.#schedule(this.#now + this.#options.maxAgeMs)
    if (this.#again) this.refresh()
    this.#listener.updated()
  }

  #failed(why: ConnectionEnded): void {
    this.#connection?.close()
    this.#connection = undefined
    this.#turn++
    this.#failures++
    this.#listener.unreachable(why)
    if (why.kind !== 'lost') return
    const { timing } = this.#options.connection
    const wait = backoffMs(this.#options.backoff, this.#failures, timing.random())
    this.#notBefore = this.#now + wait
    this.#schedule(this.#notBefore)
  }

  async #open(): Promise<Connection> {
    const open = this.#connection
    if (open !== undefined && !open.ended && !open.old) return open
    open?.close()
    // The addresses given at the start stay in the round: all brokers may have moved meanwhile.
    const candidates: readonly HostPort[] = [...this.#options.bootstrap, ...this.#brokers]
    const at = candidates[this.#turn % candidates.length] as HostPort
    const connection = await Connection.open(at, this.#options.connection)
    if (this.#closed) connection.close()
    this.#connection = connection
    return connection
  }

  #learn(topic: TopicMetadata): void {
    if (topic.error !== ERROR.none) {
      if (topic.error === ERROR.unknownTopicOrPartition)
        this.#listener.topicProblem(topic.name, 'unknown')
      if (topic.error === ERROR.topicAuthorizationFailed)
        this.#listener.topicProblem(topic.name, 'denied')
      return
    }
    let known = this.#topics.get(topic.name)
    if (known !== undefined && known.id !== topic.id) {
      this.#listener.topicProblem(topic.name, 'replaced')
      return
    }
    if (known === undefined) {
      known = { id: topic.id, partitions: 0, leaders: new Map() }
      this.#topics.set(topic.name, known)
    }
    known.partitions = topic.partitions.length
    for (const it of topic.partitions) {
      if (it.leader < 0) continue
      const before = known.leaders.get(it.index)
      if (before === undefined || it.leaderEpoch >= before.epoch)
        known.leaders.set(it.index, {
          broker: it.leader,
          epoch: it.leaderEpoch,
          topicId: topic.id,
        })
    }
  }
}
