/**
 * What to fetch next from which broker, and what its answers mean. See KF1 to KF4 of `fetch-source.ts`.
 */
import { OpportuneError } from '../../../errors.ts'
import { partitionKey } from '../../port.ts'
import type { SourceEvent } from '../source.ts'
import { BrokerLink } from './broker-link.ts'
import { Cluster, type Leader, type TopicProblem } from './cluster.ts'
import { Codecs, codecName } from './codecs.ts'
import { type Connection, ConnectionEnded, type ConnectionOptions } from './connection.ts'
import { CorruptData } from './corrupt.ts'
import { type FetchedPartition, fetchRequest, readFetch } from './fetch-message.ts'
import { type DecodeOptions, FetchedData, type RawData, survey } from './fetched-data.ts'
import { EARLIEST, LATEST, listOffsetsRequest, readListOffsets } from './messages.ts'
import type { FetchSourceOptions, FetchTuning } from './options.ts'
import type { AssignedPartition } from './partition.ts'
import { API, ERROR, errorName, meaningOf } from './protocol.ts'
import { backoffMs } from './timing.ts'

/** How long a broker may hold back a fetch that leaves out a partition which may soon want more. */
const WAIT_BESIDE_FULL_MS = 10
const WAIT_BESIDE_PAUSED_MS = 50
const MOST_THROTTLE_MS = 30_000
const MOST_DAMAGES = 3

export interface LoopHost {
  partitions(): Iterable<AssignedPartition>
  tell(event: SourceEvent): void
  /** Reading is over for all partitions. */
  over(): void
  /** Records came in. */
  arrived(): void
}

export interface LoopOptions {
  readonly source: FetchSourceOptions
  readonly tuning: FetchTuning
  readonly connection: ConnectionOptions
}

/** A partition as it was when it was asked for. */
interface Asked {
  readonly partition: AssignedPartition
  readonly generation: number
  readonly from: number
  readonly leader: Leader
}

interface Plan {
  readonly asked: readonly Asked[]
  readonly waitMs: number
  readonly maxBytes: number
}

export class FetchLoop {
  readonly #host: LoopHost
  readonly #options: LoopOptions
  readonly #cluster: Cluster
  readonly #decode: DecodeOptions
  readonly #links = new Map<number, BrokerLink>()
  /** What is impeded just now, so that it is told once. */
  readonly #troubles = new Set<string>()
  /** What one request may ask for, so that all brokers together use half of the memory at most. */
  #share = 1
  #turn = 0
  #closed = false

  constructor(options: LoopOptions, host: LoopHost) {
    this.#host = host
    this.#options = options
    const { source, tuning, connection } = options
    this.#decode = {
      codecs: new Codecs(source.codecs),
      checkCrc: source.checkCrc ?? false,
      maxBatchBytes: tuning.maxBatchBytes,
    }
    this.#cluster = new Cluster(
      {
        bootstrap: source.brokers,
        connection,
        backoff: tuning.backoff,
        maxAgeMs: tuning.metadataMaxAgeMs,
      },
      {
        topics: () => [...new Set([...host.partitions()].map((it) => it.topic))],
        updated: () => this.#updated(),
        topicProblem: (topic, problem) => this.#topicProblem(topic, problem),
        unreachable: (why) => this.#ended('cluster', why),
      },
    )
  }

  /** Starts what can be started. Call it whenever something changed. */
  pump(): void {
    if (this.#closed) return
    const brokers = new Set<number>()
    for (const it of this.#host.partitions()) {
      if (it.stopped) continue
      const leader = this.#cluster.leader(it.topic, it.at.partition)
      if (leader === undefined) this.#cluster.refresh()
      else brokers.add(leader.broker)
    }
    this.#share = Math.max(1, Math.floor(this.#options.source.maxBufferedBytes / 2 / brokers.size))
    // Another broker first each time: where memory is short, the first one takes it.
    const turn = this.#turn++ % Math.max(1, brokers.size)
    const all = [...brokers]
    for (const broker of [...all.slice(turn), ...all.slice(0, turn)])
      this.#start(this.#link(broker))
  }

  /** A batch of the partition does not decode: fetch it again, or give up. */
  damaged(partition: AssignedPartition, why: CorruptData): void {
    const offset = partition.fetchFrom
    partition.rewind()
    partition.damages++
    if (partition.damages >= MOST_DAMAGES)
      this.#fail(
        partition,
        new OpportuneError('log_kafka_damaged', 'A batch of a topic does not decode.', {
          ...partition.at,
          offset: partition.position,
          reason: why.message,
        }),
      )
    else this.#retry(partition, `damaged before ${offset}: ${why.message}`)
  }

  close(): void {
    this.#closed = true
    this.#cluster.close()
    for (const link of this.#links.values()) link.close()
  }

  get #now(): number {
    return this.#options.connection.timing.now()
  }

  #link(broker: number): BrokerLink {
    let link = this.#links.get(broker)
    if (link === undefined) {
      link = new BrokerLink(broker, this.#options.connection, this.#options.tuning.backoff)
      this.#links.set(broker, link)
    }
    return link
  }

  // --- asking ---

  #start(link: BrokerLink): void {
    if (link.busy) return
    const now = this.#now
    if (link.notBefore > now) {
      link.wakeAt(link.notBefore, () => this.pump())
      return
    }
    const plan = this.#plan(link, now)
    if (plan === undefined) return
    link.busy = true
    link.turn++
    link.reserved = plan.maxBytes
    void this.#fetch(link, plan).finally(() => {
      link.busy = false
      link.reserved = 0
      this.pump()
    })
  }

  #plan(link: BrokerLink, now: number): Plan | undefined {
    const { tuning } = this.#options
    let { fetchWaitMs: waitMs } = this.#options.source
    let later = Number.POSITIVE_INFINITY
    const asked: Asked[] = []
    for (const partition of this.#host.partitions()) {
      const leader = this.#cluster.leader(partition.topic, partition.at.partition)
      if (leader?.broker !== link.id || partition.stopped) continue
      if (partition.paused) waitMs = Math.min(waitMs, WAIT_BESIDE_PAUSED_MS)
      else if (partition.buffered >= this.#leastRoom) waitMs = Math.min(waitMs, WAIT_BESIDE_FULL_MS)
      else if (partition.notBefore > now) later = Math.min(later, partition.notBefore)
      else {
        const { generation, fetchFrom: from } = partition
        asked.push({ partition, generation, from, leader })
      }
    }
    if (later < Number.POSITIVE_INFINITY) {
      link.wakeAt(later, () => this.pump())
      waitMs = Math.min(waitMs, Math.max(1, later - now))
    }
    if (asked.length === 0) return undefined
    const room = this.#room()
    if (room < this.#leastRoom) return undefined
    const first = link.turn % asked.length
    return {
      asked: [...asked.slice(first), ...asked.slice(0, first)],
      waitMs: Math.ceil(waitMs),
      maxBytes: Math.min(room, this.#share, tuning.responseBytes),
    }
  }

  /** The bytes that may still be asked for. Where paused partitions hold all of them, they let go. */
  #room(): number {
    const free = (): number => {
      let left = this.#options.source.maxBufferedBytes
      for (const it of this.#host.partitions()) left -= it.buffered
      for (const link of this.#links.values()) left -= link.reserved
      return left
    }
    const room = free()
    if (room >= this.#leastRoom) return room
    for (const it of this.#host.partitions()) if (it.ready) return room
    for (const it of this.#host.partitions()) if (it.paused && it.buffered > 0) it.rewind()
    return free()
  }

  /** What is asked of one partition at a time; with less room than that nothing is asked. */
  get #leastRoom(): number {
    return Math.min(this.#options.tuning.partitionBytes, this.#share)
  }

  #bytesFor(partition: AssignedPartition): number {
    return Math.max(partition.maxBytes, this.#leastRoom)
  }

  async #fetch(link: BrokerLink, plan: Plan): Promise<void> {
    const at = this.#cluster.address(link.id)
    if (at === undefined) {
      link.failed()
      this.#cluster.refresh()
      return
    }
    try {
      const connection = await link.connection(at)
      if (this.#closed) return
      const body = fetchRequest({
        partitions: plan.asked.map((it) => ({
          topicId: it.leader.topicId,
          partition: it.partition.at.partition,
          offset: it.from,
          leaderEpoch: it.leader.epoch,
          lastEpoch: it.partition.lastEpoch,
          maxBytes: this.#bytesFor(it.partition),
        })),
        waitMs: plan.waitMs,
        minBytes: 1,
        maxBytes: plan.maxBytes,
      })
      const answer = await connection.request(API.fetch, body, readFetch, plan.waitMs)
      if (this.#closed) return
      if (answer.throttleMs > 0) link.wait(Math.min(answer.throttleMs, MOST_THROTTLE_MS))
      if (answer.error !== ERROR.none) throw new ConnectionEnded('lost', errorName(answer.error))
      link.succeeded()
      this.#troubles.delete(`broker ${link.id}`)
      for (const it of answer.partitions) {
        const asked = plan.asked.find(
          (one) => one.leader.topicId === it.topicId && one.partition.at.partition === it.partition,
        )
        if (asked !== undefined)
          await this.#answered(asked, it, { connection, bytes: answer.bytes })
      }
    } catch (error) {
      if (!(error instanceof ConnectionEnded)) throw error
      if (this.#closed) return
      link.failed()
      this.#ended(`broker ${link.id}`, error)
      this.#cluster.refresh()
    }
  }

  // --- answers ---

  async #answered(
    asked: Asked,
    answer: FetchedPartition,
    from: { readonly connection: Connection; readonly bytes: Buffer },
  ): Promise<void> {
    if (!current(asked)) return
    const { partition } = asked
    const meaning = meaningOf(answer.error)
    switch (meaning) {
      case 'none':
        partition.unknownSince = undefined
        partition.failures = 0
        if (answer.divergesAt !== undefined) this.#diverged(partition, answer.divergesAt)
        else await this.#accept(asked, answer, from.bytes)
        return
      case 'out_of_range':
        await this.#outOfRange(asked, from.connection)
        return
      case 'corrupt':
        this.damaged(partition, new CorruptData('the broker finds its own batch damaged'))
        return
      case 'denied':
        this.#fail(partition, this.#denied(partition.at.topic))
        return
      case 'leader':
        this.#cluster.refresh()
        this.#retry(partition, errorName(answer.error))
        return
      case 'retry':
        this.#retry(partition, errorName(answer.error))
    }
  }

  async #accept(asked: Asked, answer: FetchedPartition, bytes: Buffer): Promise<void> {
    const { partition } = asked
    const { from, to } = answer.records
    const raw: RawData = { bytes, from, to, aborted: answer.aborted }
    try {
      const found = survey(raw)
      if (found.oldFormat) return this.#unsupported(partition, 'record format 1')
      for (const codec of found.codecs) {
        if (codec === 0 || this.#decode.codecs.get(codec) !== undefined) continue
        if (!(await this.#decode.codecs.load(codec)))
          return this.#unsupported(partition, `codec ${codecName(codec) ?? codec}`)
      }
      if (!current(asked)) return
      const last = found.headers.at(-1)
      if (last === undefined) {
        // Some bytes, but no whole batch: the request was too small for it.
        if (to > from) {
          const more = 2 * this.#bytesFor(partition)
          partition.maxBytes = Math.min(more, this.#options.tuning.maxBatchBytes)
        }
        return
      }
      if (last.lastOffset < asked.from) throw new CorruptData('batches from before the position')
      partition.maxBytes = 0
      this.#troubles.delete(partitionKey(partition.at))
      const run = new FetchedData(raw, found, this.#decode, asked.from)
      partition.accept(run, last.lastOffset + 1, last.leaderEpoch)
      if (!partition.paused) this.#host.arrived()
    } catch (error) {
      if (!(error instanceof CorruptData)) throw error
      this.damaged(partition, error)
    }
  }

  /** A leader that is behind says so too: only its own bounds tell. */
  async #outOfRange(asked: Asked, connection: Connection): Promise<void> {
    const { partition } = asked
    const bound = async (time: typeof EARLIEST | typeof LATEST): Promise<number | undefined> => {
      const { topic, at } = partition
      const leaderEpoch = asked.leader.epoch
      const body = listOffsetsRequest({ topic, partition: at.partition, leaderEpoch, time })
      const answer = await connection.request(API.listOffsets, body, readListOffsets)
      return answer?.error === ERROR.none ? answer.offset : undefined
    }
    const start = await bound(EARLIEST)
    const end = await bound(LATEST)
    if (!current(asked)) return
    const known = start !== undefined && end !== undefined
    if (!known || (asked.from >= start && asked.from <= end)) {
      this.#cluster.refresh()
      this.#retry(partition, errorName(ERROR.offsetOutOfRange))
    } else if (asked.from !== partition.position) {
      // What was read ahead is not there any more; the position may be.
      partition.rewind()
    } else {
      partition.stopped = true
      this.#host.tell({ kind: 'out_of_range', ...partition.at, offset: partition.position })
    }
  }

  /** The leader's log has other records from `offset` on than those that were read. */
  #diverged(partition: AssignedPartition, offset: number): void {
    if (offset >= partition.position) {
      partition.rewind()
      return
    }
    const what = 'A partition lost committed records that had been read.'
    const details = { ...partition.at, position: partition.position, divergesAt: offset }
    this.#fail(partition, new OpportuneError('log_kafka_diverged', what, details))
  }

  // --- what goes wrong ---

  #retry(partition: AssignedPartition, reason: string): void {
    const { timing } = this.#options.connection
    const { tuning } = this.#options
    if (partition.failures++ === 0) partition.failingSince = this.#now
    const wait = backoffMs(tuning.backoff, partition.failures, timing.random())
    partition.notBefore = this.#now + wait
    // Leaders move without anybody's harm: only what lasts is trouble.
    if (this.#now - partition.failingSince < tuning.quietMs) return
    this.#trouble(partitionKey(partition.at), {
      kind: 'trouble',
      partition: partition.at,
      error: new OpportuneError('log_kafka_unreachable', 'A partition cannot be read just now.', {
        ...partition.at,
        reason,
      }),
    })
  }

  #trouble(cause: string, event: SourceEvent): void {
    if (this.#troubles.has(cause)) return
    this.#troubles.add(cause)
    this.#host.tell(event)
  }

  #ended(cause: string, why: ConnectionEnded): void {
    const details = { at: cause, reason: why.message }
    if (why.kind === 'unsupported') this.#host.tell({ kind: 'unsupported', reason: why.message })
    else if (why.kind === 'refused')
      this.#host.tell({
        kind: 'failed',
        error: new OpportuneError('log_kafka_credentials', 'Kafka refused a login.', details),
      })
    else {
      const what = 'A Kafka broker cannot be reached.'
      const error = new OpportuneError('log_kafka_unreachable', what, details)
      this.#trouble(cause, { kind: 'trouble', error })
      return
    }
    this.#host.over()
  }

  #updated(): void {
    this.#troubles.delete('cluster')
    for (const it of this.#host.partitions())
      if (this.#cluster.lacks(it.topic, it.at.partition)) this.#unknown(it)
    this.pump()
  }

  #topicProblem(topic: string, problem: TopicProblem): void {
    for (const it of this.#host.partitions()) {
      if (it.topic !== topic || it.stopped) continue
      if (problem === 'unknown') this.#unknown(it)
      else if (problem === 'denied') this.#fail(it, this.#denied(it.at.topic))
      else this.#fail(it, unknownTopic(it, 'A topic was deleted and made again.'))
    }
  }

  #unknown(partition: AssignedPartition): void {
    partition.unknownSince ??= this.#now
    if (partition.stopped) return
    if (this.#now - partition.unknownSince < this.#options.tuning.unknownTopicMs)
      this.#cluster.refresh()
    else this.#fail(partition, unknownTopic(partition, 'Kafka does not know a partition.'))
  }

  #denied(topic: string): OpportuneError {
    return new OpportuneError('log_kafka_denied', 'Kafka does not let us read a topic.', { topic })
  }

  #fail(partition: AssignedPartition, error: OpportuneError): void {
    partition.stopped = true
    this.#host.tell({ kind: 'failed', partition: partition.at, error })
  }

  #unsupported(partition: AssignedPartition, reason: string): void {
    partition.stopped = true
    this.#host.tell({ kind: 'unsupported', partition: partition.at, reason })
  }
}

/** Whether an answer is still one to what the partition wants now. */
const current = (asked: Asked): boolean =>
  asked.partition.generation === asked.generation &&
  asked.partition.fetchFrom === asked.from &&
  !asked.partition.stopped

const unknownTopic = (partition: AssignedPartition, what: string): OpportuneError =>
  new OpportuneError('log_unknown_topic', what, { ...partition.at })
