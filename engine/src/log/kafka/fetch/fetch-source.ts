/**
 * Our own fetch path: reads partitions straight from their leaders over Kafka's protocol and decodes
 * record batches in place. KS1 to KS6 of `source.ts` hold; this adds:
 *
 * KF1 The bytes waiting and asked for stay within `maxBufferedBytes`, but for a batch that alone is
 *    larger than what was asked: brokers send one such batch per request.
 * KF2 Only answers to a partition's latest assignment or seek count (`AssignedPartition.generation`).
 * KF3 A leader that moved, a fenced epoch or a broken connection cost a question about leaders and a
 *    backoff; the position stays.
 * KF4 A batch that does not decode is fetched again twice; then its partition has failed.
 */
import { assert } from '../../../errors.ts'
import type { PollLimits, TopicPartition } from '../../port.ts'
import { partitionKey } from '../../port.ts'
import type { PartitionSource, SourceEvent, SourcePosition } from '../source.ts'
import type { ConnectionOptions } from './connection.ts'
import { CorruptData } from './corrupt.ts'
import { FetchLoop } from './fetch-loop.ts'
import { DEFAULT_TUNING, type FetchSourceOptions, type FetchTuning } from './options.ts'
import { AssignedPartition } from './partition.ts'
import type { SaslCredentials, SaslMechanism } from './scram.ts'
import { realTiming, type Timing } from './timing.ts'

const MECHANISMS: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

/** Room in a response for what stands around its batches, and for one batch over the limit. */
const RESPONSE_SLACK = 1 << 20

export class FetchSource implements PartitionSource {
  readonly name = 'fetch'
  readonly #options: FetchSourceOptions
  readonly #tuning: FetchTuning
  readonly #timing: Timing
  readonly #partitions = new Map<string, AssignedPartition>()
  readonly #loop: FetchLoop
  #events: SourceEvent[] = []
  #turn = 0
  #polling = false
  #closed = false
  #wake: (() => void) | undefined

  constructor(options: FetchSourceOptions) {
    this.#options = options
    this.#timing = options.timing ?? realTiming
    this.#tuning = { ...DEFAULT_TUNING, ...options.tuning }
    const sasl = credentials(options)
    this.#loop = new FetchLoop(
      { source: options, tuning: this.#tuning, connection: this.#connection(sasl) },
      {
        partitions: () => this.#partitions.values(),
        tell: (event) => this.#tell(event),
        over: () => this.#loop.close(),
        arrived: () => this.#wake?.(),
      },
    )
    if (sasl === 'unsupported') {
      this.#tell({ kind: 'unsupported', reason: `mechanism ${options.sasl?.mechanism}` })
      this.#loop.close()
    }
  }

  assign(positions: readonly SourcePosition[]): void {
    if (this.#closed) return
    for (const it of positions) {
      const key = partitionKey(it)
      const there = this.#partitions.get(key)
      if (there === undefined) {
        const topic = this.#options.kafkaName(it.topic)
        this.#partitions.set(key, new AssignedPartition(it, topic, it.offset))
      } else {
        there.seek(it.offset)
        there.paused = true
      }
    }
    this.#changed()
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) {
      const key = partitionKey(it)
      this.#partitions.get(key)?.rewind()
      this.#partitions.delete(key)
      this.#events = this.#events.filter((event) => !concerns(event, it))
    }
    this.#changed()
  }

  seek(position: SourcePosition): void {
    this.#partitions.get(partitionKey(position))?.seek(position.offset)
    this.#events = this.#events.filter((event) => !concerns(event, position))
    this.#changed()
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false)
  }

  position(partition: TopicPartition): number | undefined {
    return this.#partitions.get(partitionKey(partition))?.position
  }

  async poll(limits: PollLimits): Promise<readonly SourceEvent[]> {
    assert(!this.#polling, 'a source is polled by one caller at a time')
    if (this.#closed) return []
    this.#polling = true
    try {
      const there = this.#collect(limits)
      if (there.length > 0 || limits.waitMs <= 0) return there
      await this.#wait(limits.waitMs)
      return this.#closed ? [] : this.#collect(limits)
    } finally {
      this.#polling = false
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#loop.close()
    this.#partitions.clear()
    this.#events = []
    this.#wake?.()
  }

  #connection(sasl: SaslCredentials | 'unsupported' | undefined): ConnectionOptions {
    const { clientId, tls } = this.#options
    const { connectMs, requestMs, maxBatchBytes, responseBytes } = this.#tuning
    return {
      clientId,
      connectMs,
      requestMs,
      maxResponseBytes: Math.max(maxBatchBytes, responseBytes) + RESPONSE_SLACK,
      timing: this.#timing,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined || sasl === 'unsupported' ? {} : { sasl }),
    }
  }

  #tell(event: SourceEvent): void {
    if (this.#closed) return
    this.#events.push(event)
    this.#wake?.()
  }

  #changed(): void {
    this.#wake?.()
    if (!this.#closed) this.#loop.pump()
  }

  #setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const it of partitions) {
      const found = this.#partitions.get(partitionKey(it))
      if (found !== undefined) found.paused = paused
    }
    this.#changed()
  }

  #collect(limits: PollLimits): readonly SourceEvent[] {
    const ready = this.#inTurn()
    const events = this.#events
    this.#events = []
    let { maxRecords, maxBytes } = limits
    ready.forEach((partition, i) => {
      // A limit of no bytes at all still lets one record through, or reading would stand still.
      if (maxRecords <= 0 || (maxBytes <= 0 && i > 0)) return
      // An equal share of what is left for each partition still to be served.
      const left = ready.length - i
      const share = {
        maxRecords: Math.ceil(maxRecords / left),
        maxBytes: Math.ceil(maxBytes / left),
      }
      try {
        const taken = partition.take(share, events)
        maxRecords -= taken.maxRecords
        maxBytes -= taken.maxBytes
      } catch (error) {
        if (!(error instanceof CorruptData)) throw error
        this.#loop.damaged(partition, error)
      }
    })
    this.#loop.pump()
    return events
  }

  /** Those with something to give, another one first each time, so that none starves. */
  #inTurn(): readonly AssignedPartition[] {
    const ready = [...this.#partitions.values()].filter((it) => it.ready)
    if (ready.length < 2) return ready
    const first = this.#turn++ % ready.length
    return [...ready.slice(first), ...ready.slice(0, first)]
  }

  async #wait(ms: number): Promise<void> {
    let cancel = (): void => {}
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      cancel = this.#timing.after(ms, resolve)
    })
    cancel()
    this.#wake = undefined
  }
}

/** Whether an event is about the partition; records never wait among the events. */
const concerns = (event: SourceEvent, at: TopicPartition): boolean => {
  if (event.kind === 'records') return false
  if (event.kind === 'passed' || event.kind === 'out_of_range')
    return partitionKey(event) === partitionKey(at)
  return event.partition !== undefined && partitionKey(event.partition) === partitionKey(at)
}

function credentials(options: FetchSourceOptions): SaslCredentials | 'unsupported' | undefined {
  const { sasl } = options
  if (sasl === undefined) return undefined
  const mechanism = MECHANISMS.find((it) => it === sasl.mechanism.toUpperCase())
  if (mechanism === undefined) return 'unsupported'
  return { mechanism, username: sasl.username, password: sasl.password }
}
