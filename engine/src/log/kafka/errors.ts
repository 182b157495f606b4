/**
 * What an error of the client means for the engine. Codes by name as in Kafka's protocol guide
 * (positive: https://kafka.apache.org/protocol.html#protocol_error_codes) and librdkafka's
 * `rd_kafka_resp_err_t` (negative: its own).
 *
 * An outcome that is neither known to have happened nor not to have happened is `log_commit_unknown`
 * and never anything milder.
 */
import { type ErrorCode, OpportuneError } from '../../errors.ts'
import { type ClientError, isClientError } from './client.ts'

export const CODES = {
  offsetOutOfRange: 1,
  messageTooLarge: 10,
  recordListTooLarge: 18,
  illegalGeneration: 22,
  unknownMember: 25,
  topicDenied: 29,
  groupDenied: 30,
  clusterDenied: 31,
  topicExists: 36,
  transactionalIdDenied: 53,
  saslFailed: 58,
  fencedInstance: 82,
  unstableOffset: 88,
  unknownTopicOrPartition: 3,
  policyViolation: 44,
  timedOut: -185,
  queueFull: -184,
  allBrokersDown: -187,
  unknownPartition: -190,
  unknownTopic: -188,
  invalidArgument: -186,
  authentication: -169,
  messageTimedOut: -192,
  transport: -195,
  resolve: -193,
  ssl: -181,
  fatal: -150,
  maxPollExceeded: -147,
  fenced: -144,
  autoOffsetReset: -140,
  notConfigured: -145,
  destroyed: -197,
  state: -172,
} as const

const REFUSED = new Set<number>([
  CODES.topicDenied,
  CODES.groupDenied,
  CODES.clusterDenied,
  CODES.transactionalIdDenied,
  CODES.policyViolation,
])
const CREDENTIALS = new Set<number>([CODES.authentication, CODES.saslFailed])
const FENCED = new Set<number>([CODES.fenced, CODES.fencedInstance, CODES.fatal])
const TOO_LARGE = new Set<number>([CODES.messageTooLarge, CODES.recordListTooLarge])
const UNKNOWN_TOPIC = new Set<number>([
  CODES.unknownTopicOrPartition,
  CODES.unknownPartition,
  CODES.unknownTopic,
])

/** The code that an error has whatever was being done; undefined where that decides. */
function standing(error: ClientError): ErrorCode | undefined {
  if (CREDENTIALS.has(error.code)) return 'log_kafka_credentials'
  if (REFUSED.has(error.code)) return 'log_kafka_denied'
  if (TOO_LARGE.has(error.code)) return 'log_record_too_large'
  if (UNKNOWN_TOPIC.has(error.code)) return 'log_unknown_topic'
  if (error.code === CODES.invalidArgument || error.code === CODES.notConfigured)
    return 'log_kafka_config'
  return undefined
}

const coded = (code: ErrorCode, what: string, error: ClientError): OpportuneError =>
  new OpportuneError(code, what, { kafka: error.code, reason: error.message })

/** Of requests that may be repeated: metadata, offsets, administration, connections. */
export function requestError(error: unknown, what: string): unknown {
  if (!isClientError(error)) return error
  return coded(standing(error) ?? 'log_kafka_unreachable', what, error)
}

/** Whether an error says that somebody else has our name now. */
export const isFenced = (error: unknown): boolean =>
  isClientError(error) && (FENCED.has(error.code) || error.isFatal === true)

/** Whether an error of sending offsets says that the group has given our partitions away. */
export const isExpelled = (error: unknown): boolean =>
  isClientError(error) && error.code === CODES.unknownMember

/**
 * Of the steps of an epoch up to the commit: nothing is visible yet, so all but fencing and missing
 * rights can be aborted and tried again.
 */
export function epochError(error: unknown): unknown {
  if (!isClientError(error)) return error
  const code = standing(error)
  if (isFenced(error))
    return coded('log_fenced', 'A newer owner of this name has taken over.', error)
  if (code === 'log_kafka_denied' || code === 'log_kafka_credentials')
    return coded(code, 'Kafka refused the epoch.', error)
  return coded('log_abortable', 'Kafka cannot commit the epoch.', error)
}

/** Of the commit itself. A timeout is no answer: what it asked for may have taken place. */
export function commitError(error: unknown): unknown {
  if (!isClientError(error)) return error
  if (isFenced(error)) return epochError(error)
  if (error.isTxnRequiresAbort === true) return epochError(error)
  if (error.code !== CODES.timedOut && error.isRetriable === true)
    return coded('log_retriable', 'Kafka asks for the commit again.', error)
  return coded('log_commit_unknown', 'Kafka did not say whether the commit took place.', error)
}

/** Of an append: what is not refused may be repeated, and may then be there twice. */
export function appendError(error: unknown): unknown {
  return requestError(error, 'An append was not acknowledged.')
}
