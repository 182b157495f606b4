/**
 * The event log on Apache Kafka (3.0 and later), through librdkafka.
 *
 * Owns everything that it hands out: closing the log closes it. What each part promises stands in its
 * own file; what Kafka gives that the other logs do not, and the other way round, in docs/kafka.md.
 *
 * Failure: a cluster that cannot be reached is told to `onTrouble` and waited for; wrong credentials,
 * missing rights and topics that do not fit are refused when they are met.
 */
import { OpportuneError } from '../../errors.ts'
import type {
  EventLog,
  LogAppender,
  LogMember,
  LogReader,
  PartitionBounds,
  TopicPartition,
  TopicSpec,
} from '../port.ts'
import { AppendProducer, KafkaAppender } from './appender.ts'
import { type KafkaClient, loadClient } from './client.ts'
import { openClientSource } from './client-source.ts'
import { Cluster, type Stability } from './cluster.ts'
import { FetchSource } from './fetch/fetch-source.ts'
import { KafkaMember } from './member.ts'
import { Membership } from './membership.ts'
import {
  appenderConfig,
  type KafkaLogOptions,
  type MakeSource,
  membershipConfig,
  type Settings,
  settle,
  sourceConfig,
  transactionalConfig,
} from './options.ts'
import { KafkaReader, SourcePool } from './reader.ts'
import type { PartitionSource, SourceOptions } from './source.ts'
import { hosts, tlsOf } from './topic-configs.ts'
import { type TransactionStats, Transactions } from './transactions.ts'
import { Watch } from './watch.ts'

/** What the Kafka log offers beyond the port, for operators. */
export interface KafkaEventLog extends EventLog {
  readonly kind: 'kafka'
  /**
   * How far readers are held back by transactions that nobody has decided: `written - stable` grows
   * where one hangs, and its producer has to be found and ended.
   */
  stability(partitions: readonly TopicPartition[]): Promise<readonly Stability[]>
  /** Commits, aborts, unknown outcomes and fencing since the log was opened, over all its members. */
  readonly stats: Readonly<TransactionStats>
  /** Which source reads, and why it is not the preferred one. */
  readonly reading: { readonly source: string; readonly fellBack: string | undefined }
}

/**
 * Opens the log and waits for the cluster.
 * @throws log_kafka_missing, log_kafka_config, log_kafka_unreachable, log_kafka_credentials
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaEventLog> {
  const settings = settle(options)
  const client = loadClient()
  const access = {
    brokers: options.brokers,
    security: options.security ?? {},
    timeoutMs: settings.requestTimeoutMs,
  }
  const cluster = new Cluster(client, settings, access)
  try {
    await cluster.reach()
  } catch (error) {
    cluster.close()
    throw error
  }
  const makeSource =
    options.source ?? (options.reader === 'fetch' ? fetchSource(options) : undefined)
  return new KafkaLog({ settings, client, cluster, makeSource })
}

function fetchSource({ brokers, security = {} }: KafkaLogOptions): MakeSource {
  const protocol = security.protocol ?? 'plaintext'
  const { mechanism = '', username = '', password = '' } = security
  return async (options) =>
    new FetchSource({
      ...options,
      brokers: hosts(brokers),
      clientId: 'opportune',
      ...(protocol.endsWith('ssl') ? { tls: tlsOf(security) } : {}),
      ...(protocol.startsWith('sasl') ? { sasl: { mechanism, username, password } } : {}),
    })
}

interface KafkaLogParts {
  readonly settings: Settings
  readonly client: KafkaClient
  readonly cluster: Cluster
  readonly makeSource: MakeSource | undefined
}

class KafkaLog implements KafkaEventLog {
  readonly kind = 'kafka'
  readonly #parts: KafkaLogParts
  readonly #members = new Map<string, KafkaMember>()
  readonly #readers = new Set<KafkaReader>()
  readonly #appenders = new Set<KafkaAppender>()
  readonly #transactions: Transactions[] = []
  readonly #appendProducer: AppendProducer
  readonly #pool: SourcePool
  readonly #watch: Watch
  #fellBack: string | undefined
  #closing: Promise<void> | undefined

  constructor(parts: KafkaLogParts) {
    const { settings, client, cluster } = parts
    this.#parts = parts
    this.#appendProducer = new AppendProducer({
      client,
      cluster,
      config: appenderConfig(settings),
      maxRecordBytes: settings.maxRecordBytes,
      connectTimeoutMs: settings.connectTimeoutMs,
      requestTimeoutMs: settings.requestTimeoutMs,
    })
    this.#pool = new SourcePool(() => this.#source())
    this.#watch = new Watch(cluster, settings.watchMs, settings.onTrouble)
  }

  get stats(): Readonly<TransactionStats> {
    const sum = { commits: 0, aborts: 0, unknownCommits: 0, fenced: 0 }
    for (const { stats } of this.#transactions)
      for (const name of Object.keys(sum) as (keyof TransactionStats)[]) sum[name] += stats[name]
    return sum
  }

  get reading(): { readonly source: string; readonly fellBack: string | undefined } {
    const own = this.#parts.makeSource !== undefined && this.#fellBack === undefined
    return { source: own ? 'fetch' : 'client', fellBack: this.#fellBack }
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen()
    await this.#parts.cluster.ensureTopics(specs)
  }

  async topics(): Promise<readonly TopicSpec[]> {
    this.#assertOpen()
    return await this.#parts.cluster.topics()
  }

  async bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
    this.#assertOpen()
    return await this.#parts.cluster.bounds(partitions)
  }

  async stability(partitions: readonly TopicPartition[]): Promise<readonly Stability[]> {
    this.#assertOpen()
    return await this.#parts.cluster.stability(partitions)
  }

  async member(options: { readonly group: string; readonly id: string }): Promise<LogMember> {
    this.#assertOpen()
    const { settings, cluster } = this.#parts
    const group = `${settings.prefix}${options.group}`
    const key = `${group} ${options.id}`
    this.#members.get(key)?.fence()
    const member: KafkaMember = new KafkaMember({
      group: options.group,
      id: options.id,
      settings,
      cluster,
      ended: () => {
        if (this.#members.get(key) === member) this.#members.delete(key)
      },
    })
    this.#members.set(key, member)
    try {
      await this.#join(member, group, options.id)
      return member
    } catch (error) {
      if (this.#members.get(key) === member) this.#members.delete(key)
      throw error
    }
  }

  appender(): LogAppender {
    this.#assertOpen()
    const appender = new KafkaAppender(this.#appendProducer)
    this.#appenders.add(appender)
    return appender
  }

  reader(): LogReader {
    this.#assertOpen()
    const reader = new KafkaReader(this.#parts.cluster, this.#pool, (reason) => this.#other(reason))
    this.#readers.add(reader)
    return reader
  }

  onAppend(topics: readonly string[], listener: () => void): () => void {
    this.#assertOpen()
    return this.#watch.listen(topics, listener)
  }

  /** For tests that must not wait for the next look at the ends. */
  look(): Promise<void> {
    return this.#watch.look()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#watch.clear()
    for (const reader of this.#readers) reader.end()
    await Promise.all([...this.#appenders].map((appender) => appender.close()))
    await Promise.all([
      this.#appendProducer.close(),
      this.#pool.close(),
      ...[...this.#members.values()].map((member) => member.close()),
    ])
    this.#parts.cluster.close()
  }

  async #join(member: KafkaMember, group: string, id: string): Promise<void> {
    const { settings, client } = this.#parts
    const { connectTimeoutMs, requestTimeoutMs, commitTimeoutMs } = settings
    const membership = new Membership({
      client,
      config: membershipConfig(settings, group, id),
      connectTimeoutMs,
      listener: {
        assigned: (partitions) => member.assigned(partitions),
        revoked: (partitions) => member.revoked(partitions),
        lost: () => member.lost(),
        fenced: () => member.fence(),
        failed: (error) => member.fail(error),
        trouble: settings.onTrouble,
      },
    })
    const transactions = new Transactions({
      client,
      config: transactionalConfig(settings, `${group}.${id}`),
      connectTimeoutMs,
      requestTimeoutMs,
      commitTimeoutMs,
      expelled: () => member.lost(),
    })
    this.#transactions.push(transactions)
    // All at once: a former self is fenced by the producer before this one can be given anything.
    const [source, ...connected] = await Promise.allSettled([
      this.#source(),
      membership.connect(),
      transactions.connect(),
    ])
    const failed = [source, ...connected].find((it) => it.status === 'rejected')
    if (failed !== undefined || source.status === 'rejected') {
      await Promise.all([
        membership.close(false),
        transactions.close(),
        source.status === 'fulfilled' ? source.value.close() : undefined,
      ])
      throw failed?.reason
    }
    member.start({
      membership,
      transactions,
      source: source.value,
      trouble: settings.onTrouble,
      replaceSource: (reason) => this.#other(reason),
    })
  }

  #source(): Promise<PartitionSource> {
    const { makeSource } = this.#parts
    const own = makeSource !== undefined && this.#fellBack === undefined
    return own ? makeSource(this.#sourceOptions()) : this.#clientSource()
  }

  /** The client's consumer in place of a source that cannot read what it met; from then on for all. */
  async #other(reason: string): Promise<PartitionSource | undefined> {
    if (this.#parts.makeSource === undefined) return undefined
    if (this.#fellBack === undefined) {
      this.#fellBack = reason
      const error = new OpportuneError('log_kafka_fell_back', 'Reading goes on, slower.', {
        reason,
      })
      this.#parts.settings.onTrouble(error)
    }
    return await this.#clientSource()
  }

  #clientSource(): Promise<PartitionSource> {
    const { client, settings, cluster } = this.#parts
    const options = this.#sourceOptions()
    return openClientSource({
      client,
      config: sourceConfig(settings, options),
      kafkaName: options.kafkaName,
      bounds: (partitions) => cluster.bounds(partitions),
      connectTimeoutMs: settings.connectTimeoutMs,
    })
  }

  #sourceOptions(): SourceOptions {
    const { settings, cluster } = this.#parts
    return {
      kafkaName: (topic) => cluster.names.kafka(topic),
      maxBufferedBytes: settings.maxBufferedBytes,
      fetchWaitMs: settings.fetchWaitMs,
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new OpportuneError('log_closed', 'The log was closed.')
  }
}
