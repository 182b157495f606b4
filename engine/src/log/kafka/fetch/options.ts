/** What a fetch source is told, and what it takes where it is not told. */
import type { SourceOptions } from '../source.ts'
import type { CodecSources } from './codecs.ts'
import type { HostPort, TlsOptions } from './connection.ts'
import type { Backoff, Timing } from './timing.ts'

export interface FetchSourceOptions extends SourceOptions {
  /** Addresses to begin with; the brokers name the others. */
  readonly brokers: readonly HostPort[]
  readonly clientId: string
  readonly tls?: TlsOptions
  /** Other mechanisms than PLAIN and SCRAM are reported as unsupported, at the first poll. */
  readonly sasl?: {
    readonly mechanism: string
    readonly username: string
    readonly password: string
  }
  /** Checks the checksum of each batch; off as in the client: TCP and the broker have theirs. */
  readonly checkCrc?: boolean
  readonly tuning?: Partial<FetchTuning>
  readonly timing?: Timing
  readonly codecs?: CodecSources
}

export interface FetchTuning {
  /** Bytes asked of one partition at a time, and waiting of it until the next is asked for. */
  readonly partitionBytes: number
  /** Bytes asked of one broker at a time. */
  readonly responseBytes: number
  /** What one batch may unpack to; more is taken for damage. */
  readonly maxBatchBytes: number
  readonly connectMs: number
  /** How long a broker may take for an answer, on top of what it was asked to wait. */
  readonly requestMs: number
  readonly backoff: Backoff
  readonly metadataMaxAgeMs: number
  /** How long a partition may answer with errors before that is told. */
  readonly quietMs: number
  /** How long a topic may be unknown before that is final: a new one is not known everywhere at once. */
  readonly unknownTopicMs: number
}

export const DEFAULT_TUNING: FetchTuning = {
  partitionBytes: 1 << 20,
  responseBytes: 8 << 20,
  maxBatchBytes: 64 << 20,
  connectMs: 10_000,
  requestMs: 10_000,
  backoff: { firstMs: 50, mostMs: 2_000 },
  metadataMaxAgeMs: 300_000,
  quietMs: 1_000,
  unknownTopicMs: 10_000,
}
