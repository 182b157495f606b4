/**
 * The Kafka log as it is asked for on the command line and in the environment. Secrets come from the
 * environment only: a command line is seen by everybody on the machine, and kept in histories.
 */
import { hostname } from 'node:os'
import { type KafkaSecurity, OpportuneError } from '#engine'
import type { KafkaAppLog } from '../app/app-log.ts'
import { TOPICS } from '../app/topology.ts'

export interface KafkaChoice {
  readonly brokers?: string | undefined
  readonly prefix?: string | undefined
  /** A topic of somebody else's, read in place of our own topic of raw events. */
  readonly eventsTopic?: string | undefined
  /** Absent: the name of this machine. */
  readonly instance?: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const PROTOCOLS = ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'] as const
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** @throws log_kafka_config */
export function kafkaSettings(choice: KafkaChoice, env: Environment): KafkaAppLog {
  const { brokers, prefix, eventsTopic, instance = hostname() } = choice
  if (brokers === undefined || brokers.trim() === '')
    throw new OpportuneError('log_kafka_config', 'Name brokers: --brokers host:port[,host:port].')
  if (!/^[\w.-]{1,100}$/.test(instance))
    throw new OpportuneError(
      'log_kafka_config',
      'An instance is named with up to 100 letters, digits, dots, dashes and underscores.',
    )
  const security = securityFrom(env)
  return {
    kind: 'kafka',
    brokers,
    instance,
    ...(prefix === undefined ? {} : { prefix }),
    ...(eventsTopic === undefined ? {} : { foreignTopics: { [TOPICS.events]: eventsTopic } }),
    ...(Object.keys(security).length === 0 ? {} : { security }),
    ...(env['OPPORTUNE_KAFKA_CREATE_TOPICS'] === 'false' ? { createTopics: false } : {}),
    ...counted('replicationFactor', env, 'OPPORTUNE_KAFKA_REPLICATION'),
    ...counted('minInsyncReplicas', env, 'OPPORTUNE_KAFKA_MIN_INSYNC'),
  }
}

function securityFrom(env: Environment): KafkaSecurity {
  const mechanism = oneOf(MECHANISMS, env, 'OPPORTUNE_KAFKA_SASL_MECHANISM')
  const protocol = oneOf(PROTOCOLS, env, 'OPPORTUNE_KAFKA_SECURITY')
  if (mechanism !== undefined && !(protocol ?? '').startsWith('sasl'))
    throw new OpportuneError(
      'log_kafka_config',
      'OPPORTUNE_KAFKA_SASL_MECHANISM needs OPPORTUNE_KAFKA_SECURITY sasl_ssl or sasl_plaintext.',
    )
  const named = {
    protocol,
    mechanism,
    username: env['OPPORTUNE_KAFKA_SASL_USERNAME'],
    password: env['OPPORTUNE_KAFKA_SASL_PASSWORD'],
    caFile: env['OPPORTUNE_KAFKA_CA_FILE'],
    certificateFile: env['OPPORTUNE_KAFKA_CERTIFICATE_FILE'],
    keyFile: env['OPPORTUNE_KAFKA_KEY_FILE'],
    keyPassword: env['OPPORTUNE_KAFKA_KEY_PASSWORD'],
  }
  const given = Object.entries(named).filter(([, value]) => value !== undefined && value !== '')
  return Object.fromEntries(given) as KafkaSecurity
}

function oneOf<T extends string>(
  allowed: readonly T[],
  env: Environment,
  name: string,
): T | undefined {
  const value = env[name]
  if (value === undefined || value === '') return undefined
  const found = allowed.find((one) => one === value)
  if (found === undefined)
    throw new OpportuneError('log_kafka_config', `${name} is one of ${allowed.join(', ')}.`)
  return found
}

function counted<N extends string>(
  option: N,
  env: Environment,
  name: string,
): Partial<Record<N, number>> {
  const text = env[name]
  if (text === undefined || text === '') return {}
  if (!/^[1-9]\d?$/.test(text))
    throw new OpportuneError('log_kafka_config', `${name} is a number of brokers.`)
  return { [option]: Number(text) } as Partial<Record<N, number>>
}
