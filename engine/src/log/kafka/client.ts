/**
 * The narrow part of `@confluentinc/kafka-javascript` (librdkafka) that the log uses, in words of our
 * own: the package is optional, its types lack half of this, and nothing else may see it.
 *
 * Of its two interfaces this is the one with callbacks: the promises of the other hide timeouts and
 * error classes that the protocol of epochs needs.
 */
import { createRequire } from 'node:module'
import { OpportuneError } from '../../errors.ts'

export type ClientConfig = Readonly<Record<string, string | number | boolean | object>>

/** An error of librdkafka. Codes below -100 are its own, positive ones the brokers'. */
export interface ClientError {
  readonly message: string
  readonly code: number
  readonly isFatal?: boolean
  readonly isRetriable?: boolean
  readonly isTxnRequiresAbort?: boolean
}

export type Callback<T = void> = (error: ClientError | null | undefined, value: T) => void

export interface ClientPartition {
  readonly topic: string
  readonly partition: number
}

export interface ClientOffset extends ClientPartition {
  readonly offset?: number
  readonly metadata?: string
}

export interface ClientMessage extends ClientPartition {
  readonly value: Buffer | null
  readonly key: Buffer | null
  readonly offset: number
  readonly timestamp: number
  readonly headers?: readonly Readonly<Record<string, Buffer>>[]
}

export interface ClientMetadata {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly id: number; readonly leader: number }[]
  }[]
}

interface MetadataRequest {
  readonly topic?: string
  readonly allTopics?: boolean
  readonly timeout?: number
}

interface Client {
  connect(options: MetadataRequest, done: Callback<unknown>): unknown
  disconnect(done: () => void): unknown
  getMetadata(request: MetadataRequest, done: Callback<ClientMetadata>): void
  on(event: 'event.error', listener: (error: ClientError) => void): unknown
}

export interface Consumer extends Client {
  subscribe(topics: readonly string[]): unknown
  unsubscribe(): unknown
  incrementalAssign(positions: readonly ClientOffset[]): unknown
  incrementalUnassign(partitions: readonly ClientPartition[]): unknown
  assignmentLost(): boolean
  pause(partitions: readonly ClientPartition[]): unknown
  resume(partitions: readonly ClientPartition[]): unknown
  seek(position: ClientOffset, timeoutMs: number, done: Callback): unknown
  setDefaultConsumeTimeout(ms: number): void
  consume(count: number, done: Callback<readonly ClientMessage[]>): void
  committed(
    partitions: readonly ClientPartition[],
    timeoutMs: number,
    done: Callback<readonly ClientOffset[]>,
  ): unknown
  on(event: 'event.error', listener: (error: ClientError) => void): unknown
  on(event: 'partition.eof', listener: (eof: ClientPartition & { offset: number }) => void): unknown
}

export interface DeliveryReport extends ClientPartition {
  readonly offset: number
  readonly opaque?: unknown
}

export interface Producer extends Client {
  produce(
    topic: string,
    partition: number,
    value: Buffer | null,
    key: Buffer | null,
    timestamp: number | undefined,
    opaque: unknown,
    headers: readonly Readonly<Record<string, Buffer>>[] | undefined,
  ): unknown
  setPollInterval(ms: number): unknown
  setPollInBackground(on: boolean): unknown
  flush(timeoutMs: number, done: Callback): unknown
  initTransactions(timeoutMs: number, done: Callback): void
  beginTransaction(done: Callback): void
  sendOffsetsToTransaction(
    offsets: readonly ClientOffset[],
    consumer: Consumer,
    timeoutMs: number,
    done: Callback,
  ): void
  commitTransaction(timeoutMs: number, done: Callback): void
  abortTransaction(timeoutMs: number, done: Callback): void
  on(event: 'event.error', listener: (error: ClientError) => void): unknown
  on(
    event: 'delivery-report',
    listener: (error: ClientError | null | undefined, report: DeliveryReport) => void,
  ): unknown
}

export interface ListedOffset extends ClientPartition {
  readonly offset: number
  readonly error?: ClientError
}

export interface Admin {
  disconnect(): void
  createTopic(
    topic: {
      readonly topic: string
      readonly num_partitions: number
      readonly replication_factor: number
      readonly config: Readonly<Record<string, string>>
    },
    timeoutMs: number,
    done: Callback,
  ): void
  getMetadata(request: MetadataRequest, done: Callback<ClientMetadata>): void
  createPartitions(topic: string, count: number, timeoutMs: number, done: Callback): void
  listOffsets(
    partitions: readonly (ClientPartition & { readonly offset: { readonly timestamp: number } })[],
    options: { readonly timeout: number; readonly isolationLevel: number },
    done: Callback<readonly ListedOffset[]>,
  ): void
  deleteRecords(
    partitions: readonly (ClientPartition & { readonly offset: number })[],
    options: { readonly timeout: number; readonly operationTimeout: number },
    done: Callback<unknown>,
  ): void
}

export interface KafkaClient {
  readonly KafkaConsumer: new (config: ClientConfig, topicConfig: ClientConfig) => Consumer
  readonly Producer: new (config: ClientConfig, topicConfig: ClientConfig) => Producer
  readonly AdminClient: {
    create(
      config: ClientConfig,
      handlers: Readonly<Record<string, (error: ClientError) => void>>,
    ): Admin
  }
}

/** @throws log_kafka_missing */
export function loadClient(
  load: (name: string) => unknown = createRequire(import.meta.url),
): KafkaClient {
  try {
    // A constant name would make the type check depend on a package that may be absent.
    return load(['@confluentinc', 'kafka-javascript'].join('/')) as KafkaClient
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new OpportuneError(
      'log_kafka_missing',
      'The Kafka client does not load.',
      { reason },
      error,
    )
  }
}

/** One call of the client as a promise. Rejects with the client's error as it is. */
export function call<T>(start: (done: Callback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      // A ClientError is not always an Error; whoever catches it maps it to one of ours.
      // oxlint-disable-next-line prefer-promise-reject-errors
      if (error) reject(error)
      else resolve(value)
    })
  })
}

export const isClientError = (error: unknown): error is ClientError =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  typeof error.code === 'number' &&
  'message' in error
