/**
 * Which event log an app runs on, and how that is opened.
 *
 * The embedded log is a directory with one owner. The Kafka log is a cluster that several processes
 * share: each has an instance name of its own, which fences its former self and keeps its partitions
 * through a restart.
 */
import { join } from 'node:path'
import {
  type EmbeddedLog,
  type KafkaEventLog,
  type KafkaLogOptions,
  type Millis,
  openEmbeddedLog,
  openKafkaLog,
} from '#engine'

export interface EmbeddedAppLog {
  readonly kind: 'embedded'
  /** `disk`: a commit survives a power cut. `os`: it survives the process. */
  readonly durability: 'disk' | 'os'
}

/** Structured-clonable, save `onTrouble`; secrets come in `security`, from the environment. */
export interface KafkaAppLog
  extends Pick<
    KafkaLogOptions,
    | 'brokers'
    | 'security'
    | 'prefix'
    | 'foreignTopics'
    | 'createTopics'
    | 'replicationFactor'
    | 'minInsyncReplicas'
    | 'sessionTimeoutMs'
    | 'transactionTimeoutMs'
    | 'commitTimeoutMs'
    | 'connectTimeoutMs'
    | 'fetchWaitMs'
    | 'watchMs'
    | 'onTrouble'
  > {
  readonly kind: 'kafka'
  /** The name of this process among those that share the log; stable over restarts. */
  readonly instance: string
  /** Least time from one commit to the next while there is little to do, ms. Default 10. */
  readonly lingerMs?: Millis
}

export type AppLog = EmbeddedAppLog | KafkaAppLog

/** `kind` tells which. */
export type OpenedLog = EmbeddedLog | KafkaEventLog

export interface OpenLogOptions {
  /** The data directory; an embedded log lies in `log/` of it. */
  readonly directory: string
  readonly now: () => Millis
  /** Largest record, in bytes. */
  readonly maxRecordBytes: number
}

/** @throws log_owned, log_corrupt, log_kafka_* */
export function openAppLog(log: AppLog, options: OpenLogOptions): Promise<OpenedLog> {
  const { directory, now, maxRecordBytes } = options
  if (log.kind === 'embedded')
    return openEmbeddedLog({
      directory: join(directory, 'log'),
      durability: log.durability,
      now,
      maxRecordBytes,
    })
  const { kind: _, instance: __, lingerMs: ___, ...kafka } = log
  return openKafkaLog({ ...kafka, maxRecordBytes })
}

/** A commit to disk blocks for a millisecond or so; waiting for a few more records is cheaper. */
const DISK_LINGER_MS = 4
/** A commit on Kafka is three requests, whatever it holds. */
const KAFKA_LINGER_MS = 10

/** Least time between two commits while there is little to do. */
export function lingerOf(log: AppLog): Millis {
  if (log.kind === 'kafka') return log.lingerMs ?? KAFKA_LINGER_MS
  return log.durability === 'disk' ? DISK_LINGER_MS : 0
}

/** The name that fences a former self. */
export const workerName = (log: AppLog): string =>
  log.kind === 'kafka' ? log.instance : 'worker-0'
