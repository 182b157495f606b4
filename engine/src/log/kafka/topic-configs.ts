/**
 * Reads and changes the settings of topics. The client's interface has no way to, so these two
 * requests go over a connection of our own that is opened for the call and closed behind it.
 *
 * Layouts: DescribeConfigs version 4 and IncrementalAlterConfigs version 1, as in Kafka's message
 * definitions (clients/src/main/resources/common/message).
 */
import { readFileSync } from 'node:fs'
import { OpportuneError } from '../../errors.ts'
import { CODES } from './errors.ts'
import { Connection, ConnectionEnded, type HostPort, type TlsOptions } from './fetch/connection.ts'
import type { Api } from './fetch/protocol.ts'
import type { SaslCredentials } from './fetch/scram.ts'
import { realTiming } from './fetch/timing.ts'
import { type ByteReader, ByteWriter } from './fetch/wire.ts'
import type { KafkaSecurity } from './options.ts'

export type TopicConfig = Readonly<Record<string, string>>

export interface ConfigAccess {
  readonly brokers: string
  readonly security: KafkaSecurity
  readonly timeoutMs: number
}

const TOPIC = 2
const SET = 0
const MAX_RESPONSE = 64 << 20

// The connection sends any request in any version; its type names those of the fetch path only.
const DESCRIBE = { key: 32, version: 4, flexible: true } as unknown as Api
const ALTER = { key: 44, version: 1, flexible: true } as unknown as Api

/**
 * The settings `names` of each topic, by topic.
 * @throws log_kafka_denied, log_kafka_unreachable, log_kafka_credentials
 */
export async function describeTopics(
  access: ConfigAccess,
  topics: readonly string[],
  names: readonly string[],
): Promise<ReadonlyMap<string, TopicConfig>> {
  if (topics.length === 0) return new Map()
  const body = new ByteWriter()
    .compactArray(topics, (topic, to) => {
      to.int8(TOPIC).compactString(topic)
      to.compactArray(names, (name, item) => void item.compactString(name)).noTags()
    })
    .boolean(false)
    .boolean(false)
    .noTags()
    .finish()
  const results = await ask(access, DESCRIBE, body, readDescribed)
  return new Map(results.map(({ topic, config }) => [topic, config]))
}

/** @throws log_kafka_denied, log_kafka_unreachable, log_kafka_credentials */
export async function alterTopic(
  access: ConfigAccess,
  topic: string,
  config: TopicConfig,
): Promise<void> {
  const body = new ByteWriter()
    .compactArray([topic], (name, to) => {
      to.int8(TOPIC).compactString(name)
      to.compactArray(Object.entries(config), ([setting, value], item) => {
        item.compactString(setting).int8(SET).compactString(value).noTags()
      }).noTags()
    })
    .boolean(false)
    .noTags()
    .finish()
  await ask(access, ALTER, body, readAltered)
}

/**
 * Whether any broker lets us in.
 * @throws log_kafka_credentials; nothing where that is not what is wrong
 */
export async function checkAccess(access: ConfigAccess): Promise<void> {
  for (const at of hosts(access.brokers))
    try {
      ;(await open(at, access)).close()
      return
    } catch (error) {
      if (error instanceof ConnectionEnded && error.kind === 'refused') throw ours(error)
    }
}

function readDescribed(from: ByteReader): { topic: string; config: TopicConfig }[] {
  from.int32()
  return from.compactArray((result) => {
    const error = result.int16()
    const reason = result.compactNullableString()
    result.int8()
    const topic = result.compactString()
    const config: Record<string, string> = {}
    result.compactArray((entry) => {
      const name = entry.compactString()
      config[name] = entry.compactNullableString() ?? ''
      entry.boolean()
      entry.int8()
      entry.boolean()
      entry.compactArray(skipSynonym)
      entry.int8()
      entry.compactNullableString()
      entry.tags()
    })
    result.tags()
    refuse(error, topic, reason)
    return { topic, config }
  })
}

function skipSynonym(from: ByteReader): void {
  from.compactString()
  from.compactNullableString()
  from.int8()
  from.tags()
}

function readAltered(from: ByteReader): void {
  from.int32()
  from.compactArray((result) => {
    const error = result.int16()
    const reason = result.compactNullableString()
    result.int8()
    const topic = result.compactString()
    result.tags()
    refuse(error, topic, reason)
  })
}

function refuse(error: number, topic: string, reason: string | null): void {
  if (error === 0) return
  const code = error === CODES.unknownTopicOrPartition ? 'log_unknown_topic' : 'log_kafka_denied'
  throw new OpportuneError(code, `Kafka refused the settings of ${topic}.`, {
    topic,
    kafka: error,
    reason: reason ?? '',
  })
}

/** Asks the brokers in turn until one answers. */
async function ask<T>(
  access: ConfigAccess,
  api: Api,
  body: Buffer,
  read: (from: ByteReader) => T,
): Promise<T> {
  let last: unknown
  for (const at of hosts(access.brokers))
    try {
      const connection = await open(at, access)
      try {
        // An error that the reader throws would end the connection as if its bytes were bad.
        const answer = await connection.request(api, body, (from) => attempt(() => read(from)))
        if (answer.error !== undefined) throw answer.error
        return answer.value as T
      } finally {
        connection.close()
      }
    } catch (error) {
      if (!(error instanceof ConnectionEnded) || error.kind === 'refused') throw ours(error)
      last = error
    }
  throw ours(last)
}

function attempt<T>(run: () => T): { value?: T; error?: unknown } {
  try {
    return { value: run() }
  } catch (error) {
    if (error instanceof OpportuneError) return { error }
    throw error
  }
}

function ours(error: unknown): unknown {
  if (!(error instanceof ConnectionEnded)) return error
  const code = error.kind === 'refused' ? 'log_kafka_credentials' : 'log_kafka_unreachable'
  return new OpportuneError(code, 'A broker did not answer.', {
    reason: error.message,
  })
}

async function open(at: HostPort, { security, timeoutMs }: ConfigAccess): Promise<Connection> {
  const protocol = security.protocol ?? 'plaintext'
  const sasl = protocol.startsWith('sasl') ? credentials(security) : undefined
  return await Connection.open(at, {
    clientId: 'opportune',
    connectMs: timeoutMs,
    requestMs: timeoutMs,
    maxResponseBytes: MAX_RESPONSE,
    timing: realTiming,
    ...(protocol.endsWith('ssl') ? { tls: tlsOf(security) } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  })
}

function credentials({ mechanism, username, password }: KafkaSecurity): SaslCredentials {
  if (mechanism === undefined)
    throw new OpportuneError('log_kafka_config', 'SASL is asked for without a mechanism.')
  return { mechanism, username: username ?? '', password: password ?? '' }
}

/** Also what the fetch path needs: the certificates themselves rather than their files. */
export function tlsOf(security: KafkaSecurity): TlsOptions {
  const { caFile, certificateFile, keyFile, keyPassword } = security
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
    ...(certificateFile === undefined ? {} : { cert: readFileSync(certificateFile, 'utf8') }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, 'utf8') }),
    ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
  }
}

export function hosts(brokers: string): readonly HostPort[] {
  return brokers.split(',').map((entry) => {
    const text = entry.trim()
    const colon = text.lastIndexOf(':')
    if (colon < 0) return { host: text, port: 9_092 }
    return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) }
  })
}
