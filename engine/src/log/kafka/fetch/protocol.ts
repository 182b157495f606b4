/**
 * Which requests this reader sends, in which version, and what the brokers' error numbers mean to it.
 * One version of each request keeps the decoder small; all of them exist since Kafka 3.1. A broker
 * without one of them is reported as unsupported, and the client's consumer takes over.
 */

/** Request numbers and versions (kafka.apache.org/protocol). */
export const API = {
  fetch: { key: 1, version: 13, flexible: true },
  listOffsets: { key: 2, version: 6, flexible: true },
  metadata: { key: 3, version: 12, flexible: true },
  saslHandshake: { key: 17, version: 1, flexible: false },
  apiVersions: { key: 18, version: 3, flexible: true },
  saslAuthenticate: { key: 36, version: 2, flexible: true },
} as const

export type Api = (typeof API)[keyof typeof API]

/** Requests whose support is checked on every new connection. */
export const NEEDED: readonly Api[] = [API.fetch, API.listOffsets, API.metadata]

export const ERROR = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  topicAuthorizationFailed: 29,
  unsupportedSaslMechanism: 33,
  unsupportedVersion: 35,
  clusterAuthorizationFailed: 31,
  saslAuthenticationFailed: 58,
} as const

const NAMES: Readonly<Record<number, string>> = {
  [-1]: 'unknown server error',
  1: 'offset out of range',
  2: 'corrupt message',
  3: 'unknown topic or partition',
  5: 'leader not available',
  6: 'not leader or follower',
  7: 'request timed out',
  9: 'replica not available',
  29: 'topic authorization failed',
  31: 'cluster authorization failed',
  33: 'unsupported SASL mechanism',
  35: 'unsupported version',
  56: 'storage error',
  58: 'SASL authentication failed',
  74: 'fenced leader epoch',
  75: 'unknown leader epoch',
  78: 'offset not available',
  89: 'throttling quota exceeded',
  100: 'unknown topic id',
  103: 'inconsistent topic id',
}

/** For messages; numbers we have no name for stay numbers. */
export const errorName = (code: number): string => NAMES[code] ?? `error ${code}`

/** What a partition's error number asks for. Everything unknown is taken for passing. */
export type ErrorMeaning = 'none' | 'out_of_range' | 'corrupt' | 'denied' | 'leader' | 'retry'

const MOVED: readonly number[] = [3, 5, 6, 9, 56, 74, 75, 100, 103]

/** `leader`: ask who leads the partition before the next attempt; `retry`: just wait a moment. */
export function meaningOf(code: number): ErrorMeaning {
  if (code === ERROR.none) return 'none'
  if (code === ERROR.offsetOutOfRange) return 'out_of_range'
  if (code === ERROR.corruptMessage) return 'corrupt'
  if (code === ERROR.topicAuthorizationFailed || code === ERROR.clusterAuthorizationFailed)
    return 'denied'
  return MOVED.includes(code) ? 'leader' : 'retry'
}
