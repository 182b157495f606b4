/** What a topic of the log is called on the cluster, and which settings it has there. */
import { OpportuneError } from '../../errors.ts'
import type { TopicSpec } from '../port.ts'
import { messageBytes, type Settings } from './options.ts'
import type { TopicConfig } from './topic-configs.ts'

/** Settings that are read back: what a TopicSpec says, and what records need. */
export const READ_BACK = [
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'max.message.bytes',
] as const

const UNBOUNDED = -1

export class Names {
  readonly #prefix: string
  readonly #foreign: ReadonlyMap<string, string>
  readonly #back: ReadonlyMap<string, string>

  constructor({ prefix, foreign }: Pick<Settings, 'prefix' | 'foreign'>) {
    this.#prefix = prefix
    this.#foreign = new Map(Object.entries(foreign))
    this.#back = new Map(Object.entries(foreign).map(([log, kafka]) => [kafka, log]))
  }

  /** @throws log_kafka_config for a name that Kafka does not allow */
  kafka(topic: string): string {
    const name = this.#foreign.get(topic) ?? `${this.#prefix}${topic}`
    if (!/^[\w.-]{1,249}$/.test(name))
      throw new OpportuneError('log_kafka_config', `Kafka does not allow the topic name ${name}.`, {
        topic,
      })
    return name
  }

  /** undefined for a topic that is none of ours. */
  log(kafka: string): string | undefined {
    const foreign = this.#back.get(kafka)
    if (foreign !== undefined) return foreign
    return kafka.startsWith(this.#prefix) ? kafka.slice(this.#prefix.length) : undefined
  }

  isForeign(topic: string): boolean {
    return this.#foreign.has(topic)
  }
}

export function topicConfig(spec: TopicSpec, settings: Settings): TopicConfig {
  return {
    'cleanup.policy': spec.cleanup,
    'retention.ms': `${spec.retentionMs ?? UNBOUNDED}`,
    'retention.bytes': `${spec.retentionBytes ?? UNBOUNDED}`,
    'max.message.bytes': `${messageBytes(settings)}`,
    // Retention counts from the append; see record-time.ts.
    'message.timestamp.type': 'LogAppendTime',
    ...(spec.cleanup === 'compact' ? { 'delete.retention.ms': `${settings.tombstoneMs}` } : {}),
    ...(settings.minInsyncReplicas === undefined
      ? {}
      : { 'min.insync.replicas': `${settings.minInsyncReplicas}` }),
    ...settings.topicConfig,
  }
}

/** What has to be changed so that the topic is as the spec says. */
export function wrongSettings(
  spec: TopicSpec,
  settings: Settings,
  found: TopicConfig,
): TopicConfig {
  const wanted = topicConfig(spec, settings)
  const wrong: Record<string, string> = {}
  for (const name of READ_BACK) {
    const value = wanted[name] as string
    const enough = name === 'max.message.bytes' && Number(found[name]) >= Number(value)
    if (!enough && found[name] !== value) wrong[name] = value
  }
  return wrong
}

export function specOf(name: string, partitions: number, config: TopicConfig): TopicSpec {
  const retentionMs = Number(config['retention.ms'] ?? UNBOUNDED)
  const retentionBytes = Number(config['retention.bytes'] ?? UNBOUNDED)
  const cleanup = config['cleanup.policy']?.includes('compact') ? 'compact' : 'delete'
  return {
    name,
    partitions,
    cleanup,
    ...(retentionMs === UNBOUNDED ? {} : { retentionMs }),
    ...(retentionBytes === UNBOUNDED ? {} : { retentionBytes }),
  }
}
