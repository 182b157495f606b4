/** Makes fetch sources from the settings of the Kafka log. */
import { readFile } from 'node:fs/promises'
import type { KafkaSecurity, MakeSource } from '../options.ts'
import type { HostPort, TlsOptions } from './connection.ts'
import { FetchSource } from './fetch-source.ts'
import type { FetchSourceOptions } from './options.ts'

export interface FetchSettings
  extends Omit<
    FetchSourceOptions,
    'brokers' | 'tls' | 'sasl' | 'kafkaName' | 'maxBufferedBytes' | 'fetchWaitMs' | 'clientId'
  > {
  /** `host:port`, several separated by commas. */
  readonly brokers: string
  readonly security?: KafkaSecurity
  readonly clientId?: string
}

/** For `KafkaLogOptions.source`. What it makes rejects where a PEM file cannot be read. */
export function fetchSource(settings: FetchSettings): MakeSource {
  const { brokers, security = {}, clientId = 'opportune', ...rest } = settings
  return async (options) => {
    const protocol = security.protocol ?? 'plaintext'
    const tls = protocol.endsWith('ssl') ? await readTls(security) : undefined
    const { mechanism = 'PLAIN', username = '', password = '' } = security
    return new FetchSource({
      ...rest,
      ...options,
      clientId,
      brokers: parseBrokers(brokers),
      ...(tls === undefined ? {} : { tls }),
      ...(protocol.startsWith('sasl') ? { sasl: { mechanism, username, password } } : {}),
    })
  }
}

/** Kafka's own port where none is given; IPv6 addresses stand in brackets. */
export function parseBrokers(list: string): readonly HostPort[] {
  return list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const found = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(part)
      return { host: found?.[1] ?? found?.[2] ?? part, port: Number(found?.[3] ?? 9092) }
    })
}

async function readTls(security: KafkaSecurity): Promise<TlsOptions> {
  const { caFile, certificateFile, keyFile, keyPassword } = security
  return {
    ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }),
    ...(certificateFile === undefined ? {} : { cert: await readFile(certificateFile, 'utf8') }),
    ...(keyFile === undefined ? {} : { key: await readFile(keyFile, 'utf8') }),
    ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
  }
}
