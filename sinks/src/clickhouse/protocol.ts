/** What the process of analytics and its parent say to each other. Plain data, structured-cloned. */
import type { ErrorCode, KafkaLogOptions } from '#engine'
import type { BlockLimits } from './blocks.ts'
import type { Answer, DatabaseOptions } from './connect.ts'
import type { TopicNames } from './feeds.ts'
import type { LoaderStats } from './loader.ts'

/** Where to load from. The process opens it for itself, beside whoever writes it. */
export type AnalyticsLog =
  | { readonly kind: 'embedded'; readonly directory: string }
  | ({ readonly kind: 'kafka' } & Pick<
      KafkaLogOptions,
      'brokers' | 'security' | 'prefix' | 'foreignTopics' | 'connectTimeoutMs' | 'fetchWaitMs'
    >)

export interface AnalyticsSettings {
  readonly database: DatabaseOptions
  /** The event log to load from. */
  readonly log: AnalyticsLog
  /** JSON Schema of the profile; its fields become the columns of the profiles table. */
  readonly profileSchema: unknown
  readonly topics?: TopicNames
  readonly limits?: BlockLimits
  /** Least time between two blocks while the stream is not behind, in ms. Default 1,000. */
  readonly flushMs?: number
  /** Kills the process at the n-th passing of a point (from 1): for tests of recovery. */
  readonly crash?: CrashPoint
}

/** After a block was recorded, or after its rows for one table were inserted. */
export interface CrashPoint {
  readonly after: 'recorded' | { readonly inserted: string }
  readonly n: number
}

export interface Failure {
  /** Null: not an error of ours. */
  readonly code: ErrorCode | null
  readonly message: string
}

/** How loading stands. `retrying`: the database refuses; what is new waits in the log. */
export interface LoadStatus {
  readonly state: 'loading' | 'retrying'
  readonly lagRecords: number
  readonly loadedAt: number | null
  readonly stats: LoaderStats
  readonly lastError: string | null
  readonly rssBytes: number
}

export type ToChild =
  | { readonly kind: 'open'; readonly settings: AnalyticsSettings }
  | {
      readonly kind: 'query' | 'arrow'
      readonly id: number
      readonly sql: string
      readonly params: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'flush'; readonly id: number }
  | { readonly kind: 'stop' }

export type FromChild =
  | { readonly kind: 'ready'; readonly status: LoadStatus }
  | { readonly kind: 'status'; readonly status: LoadStatus }
  /** It cannot work and ends. */
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'arrow'; readonly id: number; readonly file: Uint8Array }
  | { readonly kind: 'flushed'; readonly id: number }
  | { readonly kind: 'refused'; readonly id: number; readonly failure: Failure }
