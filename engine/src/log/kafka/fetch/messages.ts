/**
 * Requests and responses but for Fetch: field by field in the order of Kafka's message definitions
 * (clients/src/main/resources/common/message), in the versions of `protocol.ts`.
 */
import { API, ERROR } from './protocol.ts'
import { type ByteReader, ByteWriter } from './wire.ts'

/** Requests for the log's start (-2) and end (-1), as ListOffsets knows them. */
export const EARLIEST = -2
export const LATEST = -1

const READ_COMMITTED = 1

export interface ApiRange {
  readonly key: number
  readonly min: number
  readonly max: number
}

export function apiVersionsRequest(version: string): Buffer {
  return new ByteWriter().compactString('opportune').compactString(version).noTags().finish()
}

/** A broker that does not know the version answers in version 0, with its error. */
export function readApiVersions(from: ByteReader): readonly ApiRange[] | 'unsupported' {
  if (from.int16() === ERROR.unsupportedVersion) return 'unsupported'
  const ranges = from.compactArray((item) => {
    const range = { key: item.int16(), min: item.int16(), max: item.int16() }
    item.tags()
    return range
  })
  return ranges
}

export function saslHandshakeRequest(mechanism: string): Buffer {
  return new ByteWriter().string(mechanism).finish()
}

export function readSaslHandshake(from: ByteReader): {
  readonly error: number
  readonly mechanisms: readonly string[]
} {
  return { error: from.int16(), mechanisms: from.array((item) => item.nullableString() ?? '') }
}

export function saslAuthenticateRequest(bytes: Uint8Array): Buffer {
  return new ByteWriter().compactBytes(bytes).noTags().finish()
}

export interface SaslAnswer {
  readonly error: number
  readonly bytes: Buffer
  /** After this time the broker ends the connection; 0: never. */
  readonly lifetimeMs: number
}

export function readSaslAuthenticate(from: ByteReader): SaslAnswer {
  const error = from.int16()
  from.compactNullableString()
  return { error, bytes: from.compactBytes(), lifetimeMs: from.int64() }
}

export interface BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface PartitionMetadata {
  readonly index: number
  readonly error: number
  /** -1 while there is none. */
  readonly leader: number
  readonly leaderEpoch: number
}

export interface TopicMetadata {
  readonly name: string
  readonly error: number
  /** Hexadecimal; a topic that was deleted and made again has another one. */
  readonly id: string
  readonly partitions: readonly PartitionMetadata[]
}

export interface Metadata {
  readonly brokers: readonly BrokerAddress[]
  readonly topics: readonly TopicMetadata[]
}

const NO_ID = '0'.repeat(32)

export function metadataRequest(topics: readonly string[]): Buffer {
  return new ByteWriter()
    .compactArray(topics, (name, to) => to.uuid(NO_ID).compactString(name).noTags())
    .boolean(false) // never creates a topic
    .boolean(false)
    .noTags()
    .finish()
}

export function readMetadata(from: ByteReader): Metadata {
  from.int32() // throttle time: the broker delays the next answer by itself
  const brokers = from.compactArray((item) => {
    const broker = { id: item.int32(), host: item.compactString(), port: item.int32() }
    item.compactNullableString()
    item.tags()
    return broker
  })
  from.compactNullableString()
  from.int32()
  return { brokers, topics: from.compactArray(readTopic) }
}

function readTopic(from: ByteReader): TopicMetadata {
  const error = from.int16()
  const name = from.compactNullableString() ?? ''
  const id = from.uuid()
  from.boolean()
  const partitions = from.compactArray(readPartition)
  from.int32()
  from.tags()
  return { name, error, id, partitions }
}

function readPartition(from: ByteReader): PartitionMetadata {
  const error = from.int16()
  const index = from.int32()
  const leader = from.int32()
  const leaderEpoch = from.int32()
  for (let list = 0; list < 3; list++) from.compactArray((item) => item.int32())
  from.tags()
  return { index, error, leader, leaderEpoch }
}

export interface OffsetQuery {
  readonly topic: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly time: typeof EARLIEST | typeof LATEST
}

export interface OffsetAnswer {
  readonly error: number
  /** The end is the last stable offset: what readers of committed records see as the end. */
  readonly offset: number
}

export function listOffsetsRequest(query: OffsetQuery): Buffer {
  return new ByteWriter()
    .int32(-1)
    .int8(READ_COMMITTED)
    .compactArray([query], (topic, to) =>
      to
        .compactString(topic.topic)
        .compactArray([topic], (it, list) =>
          list.int32(it.partition).int32(it.leaderEpoch).int64(it.time).noTags(),
        )
        .noTags(),
    )
    .noTags()
    .finish()
}

/** @returns the answer for the one partition asked about; undefined where there is none */
export function readListOffsets(from: ByteReader): OffsetAnswer | undefined {
  from.int32()
  const topics = from.compactArray((topic) => {
    topic.compactString()
    const partitions = topic.compactArray((item) => {
      item.int32()
      const error = item.int16()
      item.int64()
      const offset = item.int64()
      item.int32()
      item.tags()
      return { error, offset }
    })
    topic.tags()
    return partitions
  })
  return topics[0]?.[0]
}

/** The bytes in front of every request. */
export function requestHeader(
  api: (typeof API)[keyof typeof API],
  correlation: number,
  clientId: string,
): Buffer {
  const header = new ByteWriter(64)
    .int16(api.key)
    .int16(api.version)
    .int32(correlation)
    .string(clientId)
  return (api.flexible ? header.noTags() : header).finish()
}
