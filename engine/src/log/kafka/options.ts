/**
 * The settings of the Kafka log and what they are in the client's words.
 *
 * Secrets come in `security` and go nowhere else: no message, no detail of an error carries them.
 */
import { OpportuneError } from '../../errors.ts'
import type { ClientConfig } from './client.ts'
import type { PartitionSource, SourceOptions } from './source.ts'

export interface KafkaSecurity {
  /** `plaintext` (default), `ssl`, `sasl_plaintext`, `sasl_ssl`. */
  readonly protocol?: 'plaintext' | 'ssl' | 'sasl_plaintext' | 'sasl_ssl'
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username?: string
  readonly password?: string
  /** Files in PEM: who is trusted, and who we are. */
  readonly caFile?: string
  readonly certificateFile?: string
  readonly keyFile?: string
  readonly keyPassword?: string
}

/** Makes a source. */
export type MakeSource = (options: SourceOptions) => Promise<PartitionSource>

export interface KafkaLogOptions {
  /** Where to begin: `host:port`, several separated by commas. */
  readonly brokers: string
  readonly security?: KafkaSecurity
  /** In front of every topic, group and transactional id of ours. Default `opportune.`. */
  readonly prefix?: string
  /**
   * Topics of others, by the name that the log uses: read as they are, never created or altered.
   */
  readonly foreignTopics?: Readonly<Record<string, string>>
  /** Copies of each partition; absent: the cluster's default. */
  readonly replicationFactor?: number
  /** Copies that must have a record before it counts; absent: the cluster's default. */
  readonly minInsyncReplicas?: number
  /** Largest value and key of one record, in bytes. Default 1 MiB. */
  readonly maxRecordBytes?: number
  /** More settings for topics that are created, in Kafka's words. */
  readonly topicConfig?: Readonly<Record<string, string>>
  /** `false`: topics are only checked; what is missing is explained. Default true. */
  readonly createTopics?: boolean
  /** Silence after which a member counts as gone, ms. Default 10,000; brokers allow 6,000 and more. */
  readonly sessionTimeoutMs?: number
  /** After which the broker aborts a transaction that nobody ends, ms. Default 10,000. */
  readonly transactionTimeoutMs?: number
  /** How long the answer to a commit is awaited before its outcome counts as unknown, ms. Default 15,000. */
  readonly commitTimeoutMs?: number
  /** How long a listener may take over a revoke, ms. Default 3,000. */
  readonly revokeMs?: number
  /** How long to try to reach a broker before giving up, ms. Default 30,000. */
  readonly connectTimeoutMs?: number
  /** Limit of any one request, ms. Default 5,000. */
  readonly requestTimeoutMs?: number
  /** Bytes read ahead, per member and per reader. Default 32 MiB. */
  readonly maxBufferedBytes?: number
  /** How long a broker holds a fetch back while there is nothing, ms. Default 100. */
  readonly fetchWaitMs?: number
  /** How often topics with listeners (`onAppend`) are looked at, ms. Default 100. */
  readonly watchMs?: number
  /** How long deletions stay readable in compacted topics, ms. Default 7 days. */
  readonly tombstoneMs?: number
  /** More settings for every client, in librdkafka's words. */
  readonly clientConfig?: Readonly<Record<string, string | number | boolean>>
  /**
   * What reads: the client's consumer (default), or our own fetch path, which falls back to the client
   * by itself where it meets something that it cannot read.
   */
  readonly reader?: 'client' | 'fetch'
  /** A reader of the caller's own, in the place of `reader`. */
  readonly source?: MakeSource
  /** Told of what impedes the log and may heal by itself; for the operator's log and for readiness. */
  readonly onTrouble?: (error: OpportuneError) => void
}

export interface Settings {
  readonly prefix: string
  readonly foreign: Readonly<Record<string, string>>
  readonly replicationFactor: number
  readonly minInsyncReplicas: number | undefined
  readonly maxRecordBytes: number
  readonly topicConfig: Readonly<Record<string, string>>
  readonly createTopics: boolean
  readonly sessionTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly commitTimeoutMs: number
  readonly revokeMs: number
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly maxBufferedBytes: number
  readonly fetchWaitMs: number
  readonly watchMs: number
  readonly tombstoneMs: number
  readonly onTrouble: (error: OpportuneError) => void
  /** What every client is told. */
  readonly client: ClientConfig
}

const MEBIBYTE = 1 << 20
/** The same trouble is told this often. */
const TELL_AGAIN_MS = 5_000

/** @throws log_kafka_config */
export function settle(options: KafkaLogOptions): Settings {
  if (options.brokers.trim() === '')
    throw new OpportuneError('log_kafka_config', 'No broker was named.')
  return {
    prefix: options.prefix ?? 'opportune.',
    foreign: options.foreignTopics ?? {},
    replicationFactor: options.replicationFactor ?? -1,
    minInsyncReplicas: options.minInsyncReplicas,
    maxRecordBytes: options.maxRecordBytes ?? MEBIBYTE,
    topicConfig: options.topicConfig ?? {},
    createTopics: options.createTopics ?? true,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
    transactionTimeoutMs: options.transactionTimeoutMs ?? 10_000,
    commitTimeoutMs: options.commitTimeoutMs ?? 15_000,
    revokeMs: options.revokeMs ?? 3_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 30_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
    maxBufferedBytes: options.maxBufferedBytes ?? 32 * MEBIBYTE,
    fetchWaitMs: options.fetchWaitMs ?? 100,
    watchMs: options.watchMs ?? 100,
    tombstoneMs: options.tombstoneMs ?? 7 * 86_400_000,
    onTrouble: seldom(options.onTrouble ?? (() => {})),
    client: clientConfig(options),
  }
}

/** A broker that is away is met by every connection several times a second: once in a while will do. */
function seldom(tell: (error: OpportuneError) => void): (error: OpportuneError) => void {
  const last = new Map<string, number>()
  return (error) => {
    const now = performance.now()
    if (now - (last.get(error.code) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return
    last.set(error.code, now)
    tell(error)
  }
}

function clientConfig({
  brokers,
  security = {},
  clientConfig: more,
}: KafkaLogOptions): ClientConfig {
  const config: Record<string, string | number | boolean> = {
    'bootstrap.servers': brokers,
    'client.id': 'opportune',
    'security.protocol': security.protocol ?? 'plaintext',
    'allow.auto.create.topics': false,
    'socket.keepalive.enable': true,
    'socket.nagle.disable': true,
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 2_000,
    // What a transaction waits before it asks again whether the one before has been wound up.
    'retry.backoff.ms': 10,
    'log.connection.close': false,
  }
  const named: readonly (readonly [string, string | undefined])[] = [
    ['sasl.mechanisms', security.mechanism],
    ['sasl.username', security.username],
    ['sasl.password', security.password],
    ['ssl.ca.location', security.caFile],
    ['ssl.certificate.location', security.certificateFile],
    ['ssl.key.location', security.keyFile],
    ['ssl.key.password', security.keyPassword],
  ]
  for (const [name, value] of named) if (value !== undefined) config[name] = value
  return { ...config, ...more }
}

export function membershipConfig(settings: Settings, group: string, id: string): ClientConfig {
  return {
    ...settings.client,
    'group.id': group,
    'group.instance.id': id,
    'group.protocol': 'classic',
    'partition.assignment.strategy': 'cooperative-sticky',
    'session.timeout.ms': settings.sessionTimeoutMs,
    // A member learns of others coming and going by its next heartbeat.
    'heartbeat.interval.ms': Math.min(500, Math.floor(settings.sessionTimeoutMs / 20)),
    'max.poll.interval.ms': Math.max(60_000, settings.sessionTimeoutMs),
    // New partitions, and topics that vanish, are noticed this soon.
    'topic.metadata.refresh.interval.ms': 10_000,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'isolation.level': 'read_committed',
  }
}

export function sourceConfig(settings: Settings, options: SourceOptions): ClientConfig {
  return {
    ...settings.client,
    // Never joined: the client does not make a consumer without a name for its group.
    'group.id': `${settings.prefix}reader`,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'isolation.level': 'read_committed',
    'enable.partition.eof': true,
    'fetch.wait.max.ms': options.fetchWaitMs,
    // 1,000 ms by default, which is how long a full queue then stands empty.
    'fetch.queue.backoff.ms': 10,
    'fetch.error.backoff.ms': 100,
    'queued.max.messages.kbytes': Math.max(1, Math.floor(options.maxBufferedBytes / 1024)),
    'queued.min.messages': 100_000,
  }
}

const PRODUCER: ClientConfig = {
  'enable.idempotence': true,
  acks: 'all',
  'queue.buffering.max.messages': 1_000_000,
  'queue.buffering.max.kbytes': 512 * 1024,
}

export function transactionalConfig(settings: Settings, id: string): ClientConfig {
  return {
    ...settings.client,
    ...PRODUCER,
    'transactional.id': id,
    'transaction.timeout.ms': settings.transactionTimeoutMs,
    // Waited out only by what is not flushed; a commit flushes.
    'linger.ms': 5,
    'message.timeout.ms': settings.transactionTimeoutMs,
    'message.max.bytes': messageBytes(settings),
  }
}

export function appenderConfig(settings: Settings): ClientConfig {
  return {
    ...settings.client,
    ...PRODUCER,
    dr_cb: true,
    'linger.ms': 1,
    'message.timeout.ms': settings.commitTimeoutMs,
    'message.max.bytes': messageBytes(settings),
  }
}

/** Room for a record of the largest size with its headers and the batch around it. */
export const messageBytes = (settings: Settings): number => settings.maxRecordBytes + 64 * 1024
