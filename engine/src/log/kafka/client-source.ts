/**
 * A source on the client's consumer, by manual assignment.
 *
 * The client tells when its queue has something; it is then emptied in one call into `#ready`, and no
 * further before that was taken away: so at most one chunk waits on our side of the client's queue.
 *
 * Moving a partition: records carry no sign of whether they were read before a seek or after. So
 * moves are made only while no call is on its way, the next call waits until the client has confirmed
 * them, and what an earlier call still brings is dropped (KS2).
 *
 * What was learned of the client (librdkafka 2.15) and is worked around here: a partition that was
 * assigned anew, or sought, while it was paused never delivers again. So a partition is assigned once
 * and then parked (paused) rather than taken away, and a paused one is sought after it was resumed.
 *
 * Errors of one partition come without its name, and behind records the binding swallows them.
 * Positions are what is trusted: a partition that stands still before its end is asked about and, if
 * need be, assigned anew.
 */
import { OpportuneError } from '../../errors.ts'
import type { PartitionBounds, PollLimits, TopicPartition } from '../port.ts'
import { partitionKey } from '../port.ts'
import {
  type ClientError,
  type ClientMessage,
  type Consumer,
  call,
  isClientError,
  type KafkaClient,
} from './client.ts'
import { CODES, requestError } from './errors.ts'
import { MessageBatch } from './message-batch.ts'
import type { PartitionSource, SourceEvent, SourcePosition } from './source.ts'

/** Messages of one call: each costs an object, so a chunk is some 50 ms of work. */
const CHUNK = 5_000
/** How long a partition may be silent before it is asked about. */
const SILENCE_MS = 5_000
/** The same after it was assigned, sought or resumed: then the client sometimes forgets to fetch. */
const SILENCE_AFTER_CHANGE_MS = 500
/** The client's queue is looked at this often even if it tells of nothing. */
const LOOK_MS = 200
const SEEK_MS = 2_000
const RETRY_MS = 20

export interface ClientSourceOptions {
  readonly client: KafkaClient
  readonly config: Readonly<Record<string, string | number | boolean | object>>
  readonly kafkaName: (topic: string) => string
  readonly bounds: (partitions: readonly TopicPartition[]) => Promise<readonly PartitionBounds[]>
  readonly connectTimeoutMs: number
}

interface Assigned extends TopicPartition {
  readonly key: string
  readonly kafka: TopicPartition
  /** Behind what was given out by `poll`. */
  position: number
  /** Behind what was received. */
  received: number
  /** What is wanted: no records; to go on from elsewhere; to be forgotten. */
  paused: boolean
  moving: boolean
  parked: boolean
  /** What the client was told last. */
  told: 'nothing' | 'run' | 'pause'
  /** It stands still: only taking it away and giving it back helps. */
  stuck: boolean
  /** Calls to the client with a lower number bring nothing for it. */
  since: number
  /** When something last came of it, or it was last asked about. */
  heardAt: number
  patienceMs: number
  lost: boolean
}

export async function openClientSource(options: ClientSourceOptions): Promise<PartitionSource> {
  const source = new ClientSource(options)
  await source.connect()
  return source
}

class ClientSource implements PartitionSource {
  readonly name = 'client'
  readonly #options: ClientSourceOptions
  readonly #consumer: Consumer
  readonly #assigned = new Map<string, Assigned>()
  #ready: SourceEvent[] = []
  /** Ends of partitions that the running call met; told before its records, and dealt with after. */
  #ends: (TopicPartition & { readonly offset: number })[] = []
  #calls = 0
  /** A call is on its way, or changes are being told. */
  #busy = false
  /** Somebody had a reason to look while it was busy. */
  #asked = false
  #dirty = false
  #checking = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined
  #lastTrouble = 0

  constructor(options: ClientSourceOptions) {
    this.#options = options
    this.#consumer = new options.client.KafkaConsumer(
      { ...options.config, queue_non_empty_cb: () => this.#pump() },
      // Here and not among the others, where the binding would overrule it: the client's default is
      // to go on at the end, in silence.
      { 'auto.offset.reset': 'error' },
    )
    this.#consumer.setDefaultConsumeTimeout(0)
    this.#consumer.on('event.error', (error) => this.#trouble(error))
    this.#consumer.on('partition.eof', (eof) => this.#ends.push(eof))
  }

  async connect(): Promise<void> {
    const timeout = this.#options.connectTimeoutMs
    try {
      await call((done) => this.#consumer.connect({ allTopics: false, timeout }, done))
    } catch (error) {
      throw requestError(error, 'A reader could not connect.')
    }
    this.#timer = setInterval(() => {
      this.#pump()
      this.#look()
    }, LOOK_MS)
    this.#timer.unref()
  }

  assign(positions: readonly SourcePosition[]): void {
    for (const { topic, partition, offset } of positions) {
      const key = partitionKey({ topic, partition })
      let at = this.#assigned.get(key)
      if (at === undefined) {
        at = this.#unseen({ topic, partition }, key)
        this.#assigned.set(key, at)
      } else if (at.parked) at.paused = true
      at.parked = false
      this.#move(at, offset)
    }
    this.#changed()
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const at = this.#at(partition)
      if (at === undefined) continue
      this.#forget(at)
      at.parked = true
    }
    this.#changed()
  }

  seek({ topic, partition, offset }: SourcePosition): void {
    const at = this.#at({ topic, partition })
    if (at !== undefined) this.#move(at, offset)
    this.#changed()
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false)
  }

  async poll(limits: PollLimits): Promise<readonly SourceEvent[]> {
    if (!this.#due() && limits.waitMs > 0 && !this.#closed) await this.#wait(limits.waitMs)
    const events = this.#ready.filter((event) => !this.#held(event))
    this.#ready = this.#ready.filter((event) => this.#held(event))
    for (const event of events) this.#given(event)
    // The next chunk is fetched while this one is worked on.
    this.#pump()
    return events
  }

  position(partition: TopicPartition): number | undefined {
    return this.#at(partition)?.position
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    this.#ready = []
    this.#wake?.()
    await new Promise<void>((resolve) => this.#consumer.disconnect(resolve))
  }

  // --- partitions ---

  #at(partition: TopicPartition): Assigned | undefined {
    const at = this.#assigned.get(partitionKey(partition))
    return at?.parked === true ? undefined : at
  }

  #unseen({ topic, partition }: TopicPartition, key: string): Assigned {
    return {
      topic,
      partition,
      key,
      kafka: { topic: this.#options.kafkaName(topic), partition },
      position: 0,
      received: 0,
      paused: true,
      moving: false,
      parked: false,
      told: 'nothing',
      stuck: false,
      since: 0,
      heardAt: 0,
      patienceMs: SILENCE_AFTER_CHANGE_MS,
      lost: false,
    }
  }

  #move(at: Assigned, offset: number): void {
    this.#forget(at)
    at.position = offset
    at.received = offset
    at.moving = true
    at.lost = false
    this.#expect(at)
  }

  /** Drops what waits of a partition, and what is on its way. */
  #forget(at: Assigned): void {
    at.since = this.#calls + 1
    this.#ready = this.#ready.filter((event) => keyOf(event) !== at.key)
  }

  #setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const partition of partitions) {
      const at = this.#at(partition)
      if (at === undefined || at.paused === paused) continue
      at.paused = paused
      this.#expect(at)
    }
    this.#changed()
  }

  /** Something may have to be told to the client, and a wait may have become pointless. */
  #changed(): void {
    this.#dirty = true
    this.#pump()
    this.#wake?.()
  }

  /** Tells the client what is wanted by now. Only while no call is on its way. */
  async #tell(): Promise<void> {
    this.#dirty = false
    for (const at of this.#assigned.values()) {
      if (at.paused || at.parked) {
        if (at.told === 'run') this.#consumer.pause([at.kafka])
        if (at.told === 'run') at.told = 'pause'
        continue
      }
      if (at.stuck) {
        // Given back at the next look: the client joins the two into nothing if they come at once.
        if (at.told !== 'nothing') this.#consumer.incrementalUnassign([at.kafka])
        at.told = 'nothing'
        at.stuck = false
        at.moving = true
        this.#dirty = true
        continue
      }
      if (at.told === 'nothing') {
        at.moving = false
        this.#consumer.incrementalAssign([{ ...at.kafka, offset: at.received }])
      }
      if (at.told === 'pause') this.#consumer.resume([at.kafka])
      at.told = 'run'
      if (at.moving) await this.#seek(at)
    }
  }

  async #seek(at: Assigned): Promise<void> {
    at.moving = false
    try {
      const to = { ...at.kafka, offset: at.received }
      await call((done) => this.#consumer.seek(to, SEEK_MS, done))
    } catch (error) {
      // Assigned a moment ago, or its leader is away: until it is sought nothing of it counts.
      at.moving = true
      this.#dirty = true
      if (isClientError(error) && error.code !== CODES.state) this.#trouble(error)
    } finally {
      at.since = this.#calls + 1
    }
  }

  // --- reading ---

  #pump(): void {
    if (this.#busy) this.#asked = true
    if (this.#busy || this.#closed) return
    this.#asked = false
    if (this.#dirty) void this.#settle()
    else if (!this.#due()) this.#consume()
  }

  async #settle(): Promise<void> {
    this.#busy = true
    try {
      await this.#tell()
    } catch (error) {
      this.#dirty = true
      if (isClientError(error)) this.#trouble(error)
    } finally {
      this.#busy = false
    }
    // What could not be told is tried again at the next look.
    if (!this.#dirty) this.#pump()
    else if (!this.#closed) setTimeout(() => this.#pump(), RETRY_MS)
  }

  #consume(): void {
    this.#busy = true
    this.#calls++
    this.#consumer.consume(CHUNK, (error, messages) => {
      this.#busy = false
      if (this.#closed) return
      const ends = this.#ends
      this.#ends = []
      if (error) this.#failed(error)
      else this.#take(messages)
      for (const end of ends) this.#pass(end)
      if (this.#due()) this.#wake?.()
      // A full chunk may have left something behind, of which nobody tells again.
      if (this.#asked || this.#dirty || (!error && messages.length > 0)) this.#pump()
    })
  }

  #take(messages: readonly ClientMessage[]): void {
    let from = 0
    for (let i = 1; i <= messages.length; i++) {
      const first = messages[from] as ClientMessage
      const next = messages[i]
      if (next !== undefined && next.partition === first.partition && next.topic === first.topic)
        continue
      this.#run(first, messages.slice(from, i))
      from = i
    }
  }

  #run(first: ClientMessage, messages: readonly ClientMessage[]): void {
    const at = this.#byKafka(first)
    if (at === undefined || at.moving || at.since > this.#calls) return
    // Never before what was received: the client repeats after a pause.
    const fresh = messages.filter((message) => message.offset >= at.received)
    if (fresh.length === 0) return
    const batch = new MessageBatch(at.topic, fresh)
    at.received = batch.nextOffset
    this.#heard(at)
    this.#ready.push({ kind: 'records', batch })
  }

  #pass(end: SourcePosition): void {
    const at = this.#byKafka(end)
    if (at === undefined || at.moving || at.since > this.#calls) return
    this.#heard(at)
    if (end.offset <= at.received) return
    at.received = end.offset
    this.#ready.push({
      kind: 'passed',
      topic: at.topic,
      partition: at.partition,
      offset: end.offset,
    })
  }

  #given(event: SourceEvent): void {
    if (event.kind !== 'records' && event.kind !== 'passed') return
    const at = this.#assigned.get(keyOf(event) ?? '')
    if (at !== undefined)
      at.position = event.kind === 'records' ? event.batch.nextOffset : event.offset
  }

  #byKafka(from: TopicPartition): Assigned | undefined {
    for (const at of this.#assigned.values())
      if (at.partition === from.partition && at.kafka.topic === from.topic)
        return at.parked ? undefined : at
    return undefined
  }

  /** Whether there is something that a poll would give out. */
  #due(): boolean {
    return this.#ready.some((event) => !this.#held(event))
  }

  /** Records of paused partitions wait. */
  #held(event: SourceEvent): boolean {
    return event.kind === 'records' && this.#at(event.batch)?.paused === true
  }

  async #wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      const wake = done
      this.#wake = wake
      function done(): void {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }

  // --- what goes wrong ---

  #failed(error: ClientError): void {
    if (error.code === CODES.autoOffsetReset || error.code === CODES.offsetOutOfRange) {
      void this.#check([...this.#assigned.values()].filter((at) => !at.lost && !at.parked))
      return
    }
    this.#trouble(error)
  }

  #trouble(error: ClientError): void {
    const cause = requestError(error, 'Reading is impeded.')
    if (!(cause instanceof OpportuneError)) return
    const over = cause.code === 'log_kafka_credentials' || cause.code === 'log_kafka_denied'
    if (!over && error.code === this.#lastTrouble) return
    this.#lastTrouble = error.code
    this.#ready.push({ kind: over ? 'failed' : 'trouble', error: cause })
    this.#wake?.()
  }

  /** Asks about partitions that should have something to say. */
  #look(): void {
    const now = performance.now()
    const silent: Assigned[] = []
    for (const at of this.#assigned.values())
      if (!at.paused && !at.parked && !at.lost && now - at.heardAt > at.patienceMs) silent.push(at)
    if (silent.length > 0) void this.#check(silent)
  }

  async #check(partitions: readonly Assigned[]): Promise<void> {
    if (this.#checking || this.#closed || partitions.length === 0) return
    this.#checking = true
    const seen = partitions.map((at) => at.received)
    try {
      const bounds = await this.#options.bounds(partitions)
      partitions.forEach((at, i) => {
        const bound = bounds[i]
        const moved = this.#closed || at.received !== seen[i] || at.parked
        if (bound === undefined || moved) return
        this.#heard(at)
        if (at.received < bound.start || at.received > bound.end) this.#outOfRange(at)
        else if (at.received < bound.end) this.#again(at)
      })
    } catch (error) {
      const cause = requestError(error, 'The bounds of partitions are not known.')
      if (cause instanceof OpportuneError) this.#ready.push({ kind: 'trouble', error: cause })
    } finally {
      this.#checking = false
      if (this.#due()) this.#wake?.()
    }
  }

  #expect(at: Assigned): void {
    at.heardAt = performance.now()
    at.patienceMs = SILENCE_AFTER_CHANGE_MS
  }

  #heard(at: Assigned): void {
    at.heardAt = performance.now()
    at.patienceMs = SILENCE_MS
  }

  /** A partition that stands still before its end is begun anew where it stands. */
  #again(at: Assigned): void {
    at.stuck = true
    at.moving = true
    at.since = this.#calls + 1
    this.#expect(at)
    this.#dirty = true
    this.#pump()
  }

  #outOfRange(at: Assigned): void {
    at.lost = true
    at.stuck = true
    const { topic, partition, received } = at
    this.#ready.push({ kind: 'out_of_range', topic, partition, offset: received })
  }
}

function keyOf(event: SourceEvent): string | undefined {
  if (event.kind === 'records') return partitionKey(event.batch)
  if (event.kind === 'passed' || event.kind === 'out_of_range') return partitionKey(event)
  return event.partition === undefined ? undefined : partitionKey(event.partition)
}
