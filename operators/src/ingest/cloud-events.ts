/**
 * CloudEvents 1.0, structured mode: the envelope is taken off and a Segment call remains (ING-2).
 *
 * - `data` that is itself a call (its `type` is one of the six) is taken as it is.
 * - Else, where the envelope's `type` is a call type or ends in one after a dot
 *   (`com.shop.identify`), `data` is the body of that call.
 * - Else it is a track call named by the envelope's `type`, `data` are its properties, and `subject`
 *   is the userId unless `data` carries ids of its own.
 *
 * `time` fills a missing timestamp. Source and id together name an event (spec, "id"), so both make
 * the messageId where `data` has none.
 */
import { CALL_TYPES, isCallType } from './call-schema.ts'
import type { Rejection } from './reasons.ts'

export type RawCall = { [key: string]: unknown }

export const isCloudEvent = (raw: RawCall): boolean => typeof raw['specversion'] === 'string'

const isObject = (value: unknown): value is RawCall =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

export function unwrapCloudEvent(envelope: RawCall): RawCall | Rejection {
  if (envelope['specversion'] !== '1.0') return 'cloudevent_version'
  const { id, source, type, data } = envelope
  if (!isText(id) || !isText(source) || !isText(type) || !isObject(data)) return 'cloudevent_data'
  const call = callOf(type, data, envelope)
  const time = envelope['time'] ?? null
  if ((call['timestamp'] ?? null) === null && time !== null) call['timestamp'] = time
  if ((call['messageId'] ?? null) === null) call['messageId'] = messageId(source, id)
  return call
}

function callOf(type: string, data: RawCall, envelope: RawCall): RawCall {
  if (isCallType(data['type'])) return data
  const named = CALL_TYPES.find((t) => type === t || type.endsWith(`.${t}`))
  if (named !== undefined) return { ...data, type: named }
  const userId = data['userId'] ?? (data['anonymousId'] ? null : (envelope['subject'] ?? null))
  return {
    type: 'track',
    event: type,
    userId,
    anonymousId: data['anonymousId'] ?? null,
    context: data['context'] ?? null,
    properties: data,
  }
}

/** Within the 100 characters of a messageId: a long source gives way from its front. */
const messageId = (source: string, id: string): string =>
  source.length + id.length < 100 ? `${source} ${id}` : id
