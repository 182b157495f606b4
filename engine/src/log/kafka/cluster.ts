/**
 * What the log asks of the cluster as a whole: which topics there are, where they begin and end,
 * creating and altering them. Owns the administrative client and remembers what it learned of
 * partitions, so that a name can be checked without waiting.
 */
import { OpportuneError } from '../../errors.ts'
import type { PartitionBounds, TopicPartition, TopicSpec } from '../port.ts'
import { partitionKey } from '../port.ts'
import {
  type Admin,
  type ClientError,
  type ClientMetadata,
  call,
  isClientError,
  type KafkaClient,
  type ListedOffset,
} from './client.ts'
import { CODES, requestError } from './errors.ts'
import type { Settings } from './options.ts'
import {
  alterTopic,
  type ConfigAccess,
  checkAccess,
  describeTopics,
  type TopicConfig,
} from './topic-configs.ts'
import { Names, READ_BACK, specOf, topicConfig, wrongSettings } from './topics.ts'

const EARLIEST = -2
const LATEST = -1
const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
/** Instants before which tombstones may be gone are rounded: a reader compares two of them. */
const HOUR = 3_600_000

/** How far readers of committed records are held back behind what was written. */
export interface Stability extends TopicPartition {
  /** Up to here everything is decided: the last stable offset. */
  readonly stable: number
  /** Behind the last record written, decided or not. */
  readonly written: number
}

export class Cluster {
  readonly names: Names
  readonly #settings: Settings
  readonly #access: ConfigAccess
  readonly #admin: Admin
  readonly #partitions = new Map<string, number>()
  readonly #compacted = new Set<string>()
  #closed = false

  constructor(client: KafkaClient, settings: Settings, access: ConfigAccess) {
    this.#settings = settings
    this.#access = access
    this.names = new Names(settings)
    try {
      this.#admin = client.AdminClient.create(settings.client, {
        'event.error': (error) => this.#told(error),
      })
    } catch (error) {
      throw new OpportuneError('log_kafka_config', 'The client refuses its settings.', {
        reason: error instanceof Error ? error.message : String(error),
      })
    }
  }

  /**
   * Waits until a broker answers, with growing pauses.
   * @throws log_kafka_unreachable when time is up, log_kafka_credentials at once
   */
  async reach(): Promise<void> {
    await this.#patiently('No broker answers.', async (timeout) => {
      const request = { allTopics: false, timeout }
      try {
        await call<ClientMetadata>((done) => this.#admin.getMetadata(request, done))
      } catch (error) {
        // The client says no more than that nobody answers; a connection of our own is told why.
        await checkAccess({ ...this.#access, timeoutMs: timeout })
        throw error
      }
    })
  }

  close(): void {
    this.#closed = true
    this.#admin.disconnect()
  }

  // --- topics ---

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    const known = await this.#counts()
    for (const spec of specs) this.#checkCount(spec, known.get(this.names.kafka(spec.name)))
    const missing = specs.filter((spec) => !known.has(this.names.kafka(spec.name)))
    for (const spec of missing) this.#checkMayCreate(spec)
    await Promise.all(missing.map((spec) => this.#create(spec)))
    await this.#led(missing)
    await this.#ensureSettings(specs.filter((spec) => !missing.includes(spec)))
    for (const { name, partitions, cleanup } of specs) {
      this.#partitions.set(name, partitions)
      if (cleanup === 'compact') this.#compacted.add(name)
    }
  }

  async topics(): Promise<readonly TopicSpec[]> {
    const counts = await this.#counts()
    const ours = [...counts.keys()].filter((kafka) => this.names.log(kafka) !== undefined)
    const configs = await describeTopics(this.#access, ours, READ_BACK)
    return ours.map((kafka) => {
      const name = this.names.log(kafka) as string
      const partitions = counts.get(kafka) ?? 0
      this.#partitions.set(name, partitions)
      const spec = specOf(name, partitions, configs.get(kafka) ?? {})
      if (spec.cleanup === 'compact') this.#compacted.add(name)
      return spec
    })
  }

  /** @throws log_unknown_topic where the log has not seen the topic yet or lacks the partition */
  require(topic: string, partition: number): void {
    const count = this.#partitions.get(topic) ?? 0
    if (Number.isInteger(partition) && partition >= 0 && partition < count) return
    throw new OpportuneError('log_unknown_topic', `There is no partition ${topic}/${partition}.`, {
      topic,
      partition,
    })
  }

  /** The same, but asks the cluster about topics not seen yet. */
  async find(partitions: readonly TopicPartition[]): Promise<void> {
    const unseen = new Set(
      partitions.map(({ topic }) => topic).filter((topic) => !this.#partitions.has(topic)),
    )
    for (const topic of unseen) {
      const kafka = this.names.kafka(topic)
      const count = (await this.#metadata({ topic: kafka })).get(kafka) ?? 0
      if (count === 0) continue
      this.#partitions.set(topic, count)
      const config = (await describeTopics(this.#access, [kafka], READ_BACK)).get(kafka)
      if (config?.['cleanup.policy']?.includes('compact')) this.#compacted.add(topic)
    }
    for (const { topic, partition } of partitions) this.require(topic, partition)
  }

  /** How many partitions a topic has that the log has seen; undefined before. */
  partitionsOf(topic: string): number | undefined {
    return this.#partitions.get(topic)
  }

  // --- offsets ---

  async bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
    await this.find(partitions)
    const compacted = partitions.filter(({ topic }) => this.#compacted.has(topic))
    const horizon = Math.floor((Date.now() - this.#settings.tombstoneMs) / HOUR) * HOUR
    const [starts, ends, cleaned] = await Promise.all([
      this.#offsets(partitions, EARLIEST, READ_UNCOMMITTED),
      this.#offsets(partitions, LATEST, READ_COMMITTED),
      this.#offsets(compacted, horizon, READ_COMMITTED),
    ])
    return partitions.map((partition) => {
      const key = partitionKey(partition)
      const start = starts.get(key) ?? 0
      const end = ends.get(key) ?? 0
      const first = cleaned.get(key)
      if (first === undefined) return { start, end }
      // -1: nothing is as young as that, so all there is may have been cleaned.
      return { start, end, cleanedTo: first < 0 ? end : first }
    })
  }

  async stability(partitions: readonly TopicPartition[]): Promise<readonly Stability[]> {
    await this.find(partitions)
    const [stable, written] = await Promise.all([
      this.#offsets(partitions, LATEST, READ_COMMITTED),
      this.#offsets(partitions, LATEST, READ_UNCOMMITTED),
    ])
    return partitions.map(({ topic, partition }) => {
      const key = partitionKey({ topic, partition })
      return { topic, partition, stable: stable.get(key) ?? 0, written: written.get(key) ?? 0 }
    })
  }

  /**
   * Where a partition ends once everything that is written to it now is decided. Waits for open
   * transactions as long as one can stay open: a commit is acknowledged before it is visible, in each
   * partition at another moment, so that its records can be missing where its positions are not.
   */
  async settledEnd(partition: TopicPartition): Promise<PartitionBounds> {
    const until = performance.now() + this.#settings.transactionTimeoutMs
    let [first] = await this.stability([partition])
    const written = first?.written ?? 0
    for (let pause = 1; (first?.stable ?? 0) < written; pause = Math.min(50, pause * 2)) {
      if (performance.now() > until) break
      await new Promise((resolve) => setTimeout(resolve, pause))
      ;[first] = await this.stability([partition])
    }
    const starts = await this.#offsets([partition], EARLIEST, READ_UNCOMMITTED)
    return { start: starts.get(partitionKey(partition)) ?? 0, end: first?.stable ?? 0 }
  }

  /** The end of each partition as readers of committed records see it, by `partitionKey`. */
  ends(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    return this.#offsets(partitions, LATEST, READ_COMMITTED)
  }

  async #offsets(
    partitions: readonly TopicPartition[],
    timestamp: number,
    isolationLevel: number,
  ): Promise<ReadonlyMap<string, number>> {
    const wanted = new Map(partitions.map((at) => [partitionKey(at), at]))
    if (wanted.size === 0) return new Map()
    const asked = [...wanted.values()].map(({ topic, partition }) => ({
      topic: this.names.kafka(topic),
      partition,
      offset: { timestamp },
    }))
    return await this.#patiently('The bounds of partitions are not known.', async (timeout) => {
      const listed = await this.#list(asked, { timeout, isolationLevel })
      return new Map(
        listed.map(({ topic, partition, offset }) => [
          partitionKey({ topic: this.names.log(topic) ?? topic, partition }),
          offset,
        ]),
      )
    })
  }

  async #list(
    asked: Parameters<Admin['listOffsets']>[0],
    options: { readonly timeout: number; readonly isolationLevel: number },
  ): Promise<readonly ListedOffset[]> {
    try {
      const listed = await call<readonly ListedOffset[]>((done) =>
        this.#admin.listOffsets(asked, options, done),
      )
      const wrong = listed.find(({ error }) => error !== undefined && error.code !== 0)
      // oxlint-disable-next-line no-throw-literal
      if (wrong?.error !== undefined) throw wrong.error
      return listed
    } catch (error) {
      // The client does not ask by itself who leads now, and is refused again and again.
      const { timeout } = options
      for (const topic of new Set(asked.map((at) => at.topic)))
        await call((done) =>
          this.#admin.getMetadata({ topic, allTopics: false, timeout }, done),
        ).catch(() => {})
      throw error
    }
  }

  // --- what only tests do to a cluster ---

  /** As retention would: nothing before `offset` is kept. @param topic as the cluster names it */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    const options = { timeout: 5_000, operationTimeout: 5_000 }
    await call((done) => this.#admin.deleteRecords([{ topic, partition, offset }], options, done))
  }

  /** As an operator would, by mistake. @param topic as the cluster names it */
  async addPartitions(topic: string, count: number): Promise<void> {
    await call((done) => this.#admin.createPartitions(topic, count, 5_000, done))
  }

  // --- inside ---

  /**
   * Asks until there is an answer, with growing pauses: a broker that is restarted is away for seconds.
   * @throws log_kafka_unreachable when time is up; anything that does not heal at once
   */
  async #patiently<T>(what: string, ask: (timeoutMs: number) => Promise<T>): Promise<T> {
    const { connectTimeoutMs, requestTimeoutMs, onTrouble } = this.#settings
    const until = performance.now() + connectTimeoutMs
    for (let pause = 100; ; pause = Math.min(2_000, pause * 2)) {
      const left = Math.max(100, until - performance.now())
      try {
        return await ask(Math.floor(Math.min(requestTimeoutMs, left)))
      } catch (error) {
        const cause = requestError(error, what)
        if (!(cause instanceof OpportuneError) || cause.class !== 'retriable') throw cause
        if (performance.now() + pause >= until || this.#closed) throw cause
        onTrouble(cause)
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  /** Partitions by the cluster's names of topics. */
  #counts(): Promise<ReadonlyMap<string, number>> {
    return this.#metadata({ allTopics: true })
  }

  async #metadata(
    request: { readonly topic: string } | { readonly allTopics: true },
  ): Promise<ReadonlyMap<string, number>> {
    return await this.#patiently('The topics of the cluster are not known.', async (timeout) => {
      const { topics } = await call<ClientMetadata>((done) =>
        this.#admin.getMetadata({ allTopics: false, ...request, timeout }, done),
      )
      const led = topics.filter(({ partitions }) => partitions.every((it) => it.leader >= 0))
      return new Map(led.map(({ name, partitions }) => [name, partitions.length]))
    })
  }

  #checkCount({ name, partitions }: TopicSpec, found: number | undefined): void {
    if (found === undefined || found === partitions) return
    const more = found > partitions
    throw new OpportuneError(
      'log_partitions_changed',
      `Topic ${this.names.kafka(name)} has ${found} partitions, and the state here was made for ` +
        `${partitions}. ${more ? 'Somebody added some: keys have moved.' : 'Some are gone.'}`,
      { topic: name, expected: partitions, found },
    )
  }

  #checkMayCreate(spec: TopicSpec): void {
    if (this.#settings.createTopics && !this.names.isForeign(spec.name)) return
    throw this.#missing(spec, 'This process does not create topics.')
  }

  #missing(spec: TopicSpec, why: string): OpportuneError {
    const topic = this.names.kafka(spec.name)
    const config = this.names.isForeign(spec.name) ? {} : topicConfig(spec, this.#settings)
    const settings = Object.entries(config).map(([name, value]) => `--config ${name}=${value}`)
    const command = `kafka-topics.sh --create --topic ${topic} --partitions ${spec.partitions} ${settings.join(' ')}`
    return new OpportuneError(
      'log_kafka_topic_missing',
      `Topic ${topic} is missing. ${why} Somebody who may: ${command.trim()}`,
      { topic, partitions: spec.partitions },
    )
  }

  async #create(spec: TopicSpec): Promise<void> {
    const topic = {
      topic: this.names.kafka(spec.name),
      num_partitions: spec.partitions,
      replication_factor: this.#settings.replicationFactor,
      config: topicConfig(spec, this.#settings),
    }
    const what = `Topic ${topic.topic} cannot be created.`
    try {
      await this.#patiently(what, async (timeout) => {
        try {
          await call((done) => this.#admin.createTopic(topic, timeout, done))
        } catch (error) {
          // Another process was quicker, or we were, in an attempt that nobody answered.
          if (!isClientError(error) || error.code !== CODES.topicExists) throw error
        }
      })
    } catch (error) {
      if (error instanceof OpportuneError && error.code === 'log_kafka_denied')
        throw this.#missing(spec, 'This user may not create topics.')
      throw error
    }
  }

  /** Waits until the brokers know each other's part in new topics. */
  async #led(specs: readonly TopicSpec[]): Promise<void> {
    const until = performance.now() + this.#settings.requestTimeoutMs
    for (const spec of specs) {
      const kafka = this.names.kafka(spec.name)
      for (;;) {
        const found = (await this.#metadata({ topic: kafka })).get(kafka)
        if (found !== undefined && found > 0) {
          this.#checkCount(spec, found)
          break
        }
        if (performance.now() > until)
          throw new OpportuneError('log_kafka_unreachable', `Topic ${kafka} has no leaders yet.`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  async #ensureSettings(specs: readonly TopicSpec[]): Promise<void> {
    const ours = specs.filter((spec) => !this.names.isForeign(spec.name))
    const kafkaNames = ours.map((spec) => this.names.kafka(spec.name))
    const found = await describeTopics(this.#access, kafkaNames, READ_BACK)
    for (const spec of ours) {
      const topic = this.names.kafka(spec.name)
      const wrong = wrongSettings(spec, this.#settings, found.get(topic) ?? {})
      if (Object.keys(wrong).length > 0) await this.#alter(topic, wrong)
    }
  }

  async #alter(topic: string, wrong: TopicConfig): Promise<void> {
    const settings = Object.entries(wrong)
      .map(([name, value]) => `${name}=${value}`)
      .join(',')
    const refusal = (why: string): OpportuneError =>
      new OpportuneError(
        'log_kafka_topic_settings',
        `Topic ${topic} has other settings than it needs. ${why} Somebody who may: ` +
          `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${settings}`,
        { topic },
      )
    if (!this.#settings.createTopics) throw refusal('This process does not alter topics.')
    try {
      await alterTopic(this.#access, topic, wrong)
    } catch (error) {
      if (error instanceof OpportuneError && error.code === 'log_kafka_denied')
        throw refusal('This user may not alter it.')
      throw error
    }
  }

  #told(error: ClientError): void {
    const cause = requestError(error, 'The cluster is not reachable.')
    if (!(cause instanceof OpportuneError)) return
    this.#settings.onTrouble(cause)
  }
}
