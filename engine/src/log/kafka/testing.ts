/**
 * What tests of the Kafka log share: a log of its own per test, on the broker that the run shares, and
 * a patient source that makes "at once" mean "after what is committed has been fetched".
 */
import { randomUUID } from 'node:crypto'
import type { LogUnderTest } from '../conformance.ts'
import type { EventLog, PollLimits, TopicPartition } from '../port.ts'
import { partitionKey } from '../port.ts'
import { loadClient } from './client.ts'
import { openClientSource } from './client-source.ts'
import { Cluster } from './cluster.ts'
import { type KafkaEventLog, openKafkaLog } from './log.ts'
import { type KafkaLogOptions, type Settings, settle, sourceConfig } from './options.ts'
import type { PartitionSource, SourceEvent, SourceOptions, SourcePosition } from './source.ts'

/** How long a poll that waits for nothing may take to fetch what is there. */
const PATIENCE_MS = 10_000

export type Bounds = Cluster['bounds']

/**
 * Holds polls that do not wait back until every partition that may be read was read to its end.
 * Other logs find a record that was committed a moment ago; the client has to fetch it first.
 */
class PatientSource implements PartitionSource {
  readonly #inner: PartitionSource
  readonly #cluster: Cluster
  readonly #running = new Map<string, TopicPartition>()
  readonly #read = new Map<string, number>()

  constructor(inner: PartitionSource, cluster: Cluster) {
    this.#inner = inner
    this.#cluster = cluster
  }

  get name(): 'client' | 'fetch' {
    return this.#inner.name
  }

  assign(positions: readonly SourcePosition[]): void {
    for (const { offset, ...at } of positions) this.#read.set(partitionKey(at), offset)
    this.#inner.assign(positions)
  }

  unassign(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#running.delete(partitionKey(at))
    this.#inner.unassign(partitions)
  }

  seek(position: SourcePosition): void {
    this.#read.set(partitionKey(position), position.offset)
    this.#inner.seek(position)
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#running.delete(partitionKey(at))
    this.#inner.pause(partitions)
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#running.set(partitionKey(at), at)
    this.#inner.resume(partitions)
  }

  async poll(limits: PollLimits): Promise<readonly SourceEvent[]> {
    const found: SourceEvent[] = []
    const until = performance.now() + PATIENCE_MS
    for (;;) {
      const behind = await this.#behind()
      const waitMs = behind ? 20 : found.length > 0 ? 0 : limits.waitMs
      const events = await this.#inner.poll({ ...limits, waitMs })
      for (const event of events) this.#note(event)
      found.push(...events)
      const stuck = events.some((event) => event.kind !== 'records' && event.kind !== 'passed')
      if (!behind || stuck || performance.now() > until) return found
    }
  }

  position(partition: TopicPartition): number | undefined {
    return this.#inner.position(partition)
  }

  close(): Promise<void> {
    this.#running.clear()
    return this.#inner.close()
  }

  #note(event: SourceEvent): void {
    if (event.kind === 'records') this.#read.set(partitionKey(event.batch), event.batch.nextOffset)
    if (event.kind === 'passed') this.#read.set(partitionKey(event), event.offset)
  }

  async #behind(): Promise<boolean> {
    const running = [...this.#running.values()]
    if (running.length === 0) return false
    const ends = await Promise.all(running.map((at) => this.#cluster.settledEnd(at)))
    return running.some((at, i) => this.#read.get(partitionKey(at)) !== ends[i]?.end)
  }
}

export interface TestLog {
  readonly log: KafkaEventLog
  readonly prefix: string
  /** The cluster as an administrator sees it. */
  readonly cluster: Cluster
}

export type MakeInner = (
  options: SourceOptions,
  settings: Settings,
  bounds: Bounds,
) => Promise<PartitionSource>

const clientSource: MakeInner = (options, settings, bounds) =>
  openClientSource({
    client: loadClient(),
    config: sourceConfig(settings, options),
    kafkaName: options.kafkaName,
    bounds,
    connectTimeoutMs: settings.connectTimeoutMs,
  })

/** @param inner the source under test */
export async function openTestLog(
  brokers: string,
  options: Partial<KafkaLogOptions> = {},
  inner: MakeInner = clientSource,
): Promise<TestLog> {
  const prefix = `t${randomUUID().slice(0, 8)}.`
  const whole = {
    brokers,
    prefix,
    sessionTimeoutMs: 6_000,
    connectTimeoutMs: 10_000,
    fetchWaitMs: 20,
    watchMs: 20,
    ...options,
  }
  const settings = settle(whole)
  const cluster = new Cluster(loadClient(), settings, { brokers, security: {}, timeoutMs: 5_000 })
  const bounds: Bounds = (partitions) => cluster.bounds(partitions)
  const log = await openKafkaLog({
    ...whole,
    source: async (wanted) => new PatientSource(await inner(wanted, settings, bounds), cluster),
  })
  return { log, prefix, cluster }
}

/** The log as the conformance suite takes it: time passes by itself, and appends are noticed at once. */
export async function logUnderTest(test: TestLog): Promise<LogUnderTest> {
  const { log, cluster } = test
  const elsewhere = (): never => {
    throw new Error('Kafka cleans when it likes')
  }
  return {
    log: noticing(log as KafkaEventLog & { look(): Promise<void> }),
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    compact: elsewhere,
    housekeep: elsewhere,
    async dispose() {
      await log.close()
      cluster.close()
    },
  }
}

function noticing(log: KafkaEventLog & { look(): Promise<void> }): EventLog {
  return new Proxy<EventLog>(log, {
    get(target, name) {
      if (name === 'appender')
        return () => {
          const appender = target.appender()
          return {
            async append(...args: Parameters<typeof appender.append>) {
              const offset = await appender.append(...args)
              await log.look()
              return offset
            },
            close: () => appender.close(),
          }
        }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
