/**
 * From the bytes of a record to a validated call, or to the reason why not (ING-4). Pure: the only
 * time it knows is the one passed in. It runs for every event, so the checks are written by hand;
 * call-schema.ts declares the same shape and a property test holds the two together.
 *
 * V1 Every input gives a result: an event, or a code of the closed list in `reasons.ts` and the
 *    name of a field. Nothing a producer sends makes it throw.
 * V2 Event time is Segment's: receivedAt - (sentAt - originalTimestamp); without sentAt the timestamp
 *    itself, without timestamp receivedAt. A message that says when an earlier collector received it
 *    is corrected against that. Ours is what the event keeps as `receivedAt`.
 * V3 A timestamp that cannot be read, or whose corrected time lies outside [2000, 2100), is refused
 *    and not replaced by receivedAt: a replaced one would turn a wrongly formatted import into
 *    activity of today. The record can be redriven after a fix. A device whose clock is off by
 *    decades passes, because its sentAt is off by as much. The near future is the engine's to clamp.
 * V4 Without a messageId the id is SHA-256 of the canonical call (keys sorted; without sentAt,
 *    receivedAt, writeKey), and the event says so. Equal calls without id and time are one event.
 * V5 IP address, user agent, address book of the device and the like are not taken over: of the
 *    context only what operators use is kept.
 */

import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { asBuffer, type Millis } from '#engine'
import type { CallType, CustomerEvent, Json, JsonObject } from '../contract.ts'
import { isCallType, MAX_ID, MAX_MESSAGE_ID, MAX_NAME } from './call-schema.ts'
import { isCloudEvent, type RawCall, unwrapCloudEvent } from './cloud-events.ts'
import { parseIsoTime } from './iso-time.ts'
import type { Rejection } from './reasons.ts'
import { scan } from './scan.ts'

export type ParseResult =
  | { readonly ok: true; readonly event: CustomerEvent }
  | { readonly ok: false; readonly code: Rejection; readonly detail: string }

export interface ParseOptions {
  /** Bytes a record may have: 32 KB for a call over HTTP, 1 MB (default) on a topic. */
  readonly maxBytes?: number
}

export const HTTP_MAX_BYTES = 32 * 1024
const TOPIC_MAX_BYTES = 1024 * 1024

const EARLIEST = Date.UTC(2000, 0, 1)
const LATEST = Date.UTC(2100, 0, 1)
const NOTHING: JsonObject = {}

/** Carries a refusal out of the field readers; never leaves this file. */
class Refused {
  readonly code: Rejection
  readonly detail: string
  constructor(code: Rejection, detail: string) {
    this.code = code
    this.detail = detail
  }
}

/** @param receivedAt when the record came in by our clock (append time of the raw topic) */
export function parseEvent(
  bytes: Uint8Array,
  receivedAt: Millis,
  options: ParseOptions = {},
): ParseResult {
  try {
    return { ok: true, event: readCall(parseJson(bytes, options), receivedAt) }
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code, detail: error.detail }
    throw error
  }
}

/** The same for a call that is parsed already (a batch's element). Takes it over: may change it. */
export function parseCall(raw: unknown, receivedAt: Millis): ParseResult {
  try {
    return { ok: true, event: readCall(checkedObject(raw), receivedAt) }
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code, detail: error.detail }
    throw error
  }
}

function parseJson(bytes: Uint8Array, options: ParseOptions): RawCall {
  if (bytes.length > (options.maxBytes ?? TOPIC_MAX_BYTES))
    throw new Refused('record_too_large', '')
  if (!isUtf8(bytes)) throw new Refused('invalid_utf8', '')
  let parsed: unknown
  try {
    parsed = JSON.parse(asBuffer(bytes).toString('utf8'))
  } catch {
    // The parser's message quotes the text, which may be personal.
    throw new Refused('invalid_json', '')
  }
  return checkedObject(parsed)
}

function checkedObject(parsed: unknown): RawCall {
  if (!isObject(parsed)) throw new Refused('not_an_object', '')
  const refused = scan(parsed)
  if (refused !== null) throw new Refused(refused, '')
  if (!isCloudEvent(parsed)) return parsed
  const call = unwrapCloudEvent(parsed)
  if (typeof call === 'string') throw new Refused(call, '')
  return call
}

function readCall(raw: RawCall, receivedAt: Millis): CustomerEvent {
  const type = raw['type']
  if (!isCallType(type)) throw new Refused('unknown_type', 'type')
  const userId = id(raw['userId'], 'userId')
  const anonymousId = id(raw['anonymousId'], 'anonymousId')
  const previousId = type === 'alias' ? id(raw['previousId'], 'previousId') : null
  if (type === 'alias') {
    if (previousId === null) throw new Refused('id_missing', 'previousId')
    if (userId === null) throw new Refused('id_missing', 'userId')
  } else if (userId === null && anonymousId === null) throw new Refused('id_missing', 'userId')
  const at = eventTime(raw, receivedAt)
  const sent = messageId(raw['messageId'])
  return {
    messageId: sent ?? derivedMessageId(raw),
    derivedId: sent === null,
    type,
    name: eventName(type, raw),
    userId,
    anonymousId,
    previousId,
    at,
    receivedAt,
    properties: object(raw['properties'], 'properties') ?? NOTHING,
    traits: object(raw['traits'], 'traits') ?? NOTHING,
    context: context(type, raw),
    hops: 0,
  }
}

const isObject = (value: unknown): value is RawCall =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function object(value: unknown, field: string): JsonObject | null {
  if (value === undefined || value === null) return null
  if (!isObject(value)) throw new Refused('wrong_type', field)
  return value as JsonObject
}

function text(value: unknown, field: string): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw new Refused('wrong_type', field)
  return value
}

function id(value: unknown, field: string): string | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new Refused('wrong_type', field)
    return String(value)
  }
  if (typeof value !== 'string') throw new Refused('wrong_type', field)
  if (value.trim() === '') throw new Refused('id_empty', field)
  if (value.length > MAX_ID) throw new Refused('id_too_long', field)
  if (!isCleanText(value)) throw new Refused('id_characters', field)
  return value
}

/** No control characters, no half surrogate pair: they would not survive as a key in UTF-8. */
function isCleanText(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c < 0x20 || c === 0x7f) return false
    if (c >= 0xd800 && c <= 0xdfff) {
      const next = value.charCodeAt(i + 1)
      if (c > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false
      i++
    }
  }
  return true
}

function messageId(value: unknown): string | null {
  const given = text(value, 'messageId')
  if (given !== null && (given.length === 0 || given.length > MAX_MESSAGE_ID))
    throw new Refused('message_id_length', 'messageId')
  return given
}

function eventName(type: CallType, raw: RawCall): string {
  if (type === 'track') {
    const name = text(raw['event'], 'event')?.trim() ?? ''
    if (name === '' || name.length > MAX_NAME) throw new Refused('event_name', 'event')
    return name
  }
  if (type !== 'page' && type !== 'screen') return ''
  const name = text(raw['name'], 'name') ?? ''
  if (name.length > MAX_NAME) throw new Refused('event_name', 'name')
  return name
}

function time(value: unknown, field: string): Millis | null {
  const given = text(value, field)
  if (given === null) return null
  const at = parseIsoTime(given)
  if (Number.isNaN(at)) throw new Refused('timestamp_invalid', field)
  return at
}

/** V2 and V3. */
function eventTime(raw: RawCall, receivedAt: Millis): Millis {
  const stamp = time(raw['timestamp'], 'timestamp')
  const original = time(raw['originalTimestamp'], 'originalTimestamp') ?? stamp
  const sentAt = time(raw['sentAt'], 'sentAt')
  const arrived = time(raw['receivedAt'], 'receivedAt') ?? receivedAt
  const skewed = original ?? arrived
  const at = original === null || sentAt === null ? skewed : arrived - (sentAt - original)
  if (at < EARLIEST) throw new Refused('timestamp_too_old', 'timestamp')
  if (at >= LATEST) throw new Refused('timestamp_too_new', 'timestamp')
  return at
}

const KEPT_CONTEXT = ['locale', 'timezone', 'campaign', 'active', 'traits', 'groupId'] as const

/** V5. A group call's groupId stands where Segment puts it for other calls: in the context. */
function context(type: CallType, raw: RawCall): JsonObject {
  const given = object(raw['context'], 'context')
  const group = type === 'group' ? id(raw['groupId'], 'groupId') : null
  if (type === 'group' && group === null) throw new Refused('group_id_missing', 'groupId')
  if (given === null) return group === null ? NOTHING : { groupId: group }
  const kept: { [k: string]: Json } = {}
  for (const key of KEPT_CONTEXT) {
    const value = given[key]
    if (value !== undefined && value !== null) kept[key] = value
  }
  const device = part(given, 'device', ['type', 'token'])
  if (device !== null) kept['device'] = device
  const page = part(given, 'page', ['path', 'title'])
  if (page !== null) kept['page'] = page
  if (group !== null) kept['groupId'] = group
  return kept
}

/** The named fields of an inner object of the context; null where there is none of them. */
function part(given: JsonObject, key: string, fields: readonly string[]): JsonObject | null {
  const inner: unknown = given[key]
  if (!isObject(inner)) return null
  const kept: { [k: string]: Json } = {}
  let any = false
  for (const field of fields) {
    const value = inner[field]
    if (typeof value !== 'string') continue
    kept[field] = value
    any = true
  }
  return any ? kept : null
}

const NOT_IDENTIFYING = new Set(['sentAt', 'receivedAt', 'writeKey', 'messageId'])

/** V4: 128 bits of SHA-256, marked so that it is not taken for a producer's id. */
function derivedMessageId(raw: RawCall): string {
  const call = Object.fromEntries(Object.entries(raw).filter(([key]) => !NOT_IDENTIFYING.has(key)))
  const digest = createHash('sha256').update(canonical(call)).digest('hex')
  return `sha256:${digest.slice(0, 32)}`
}

/** JSON with sorted keys. The depth is bounded by `scan`. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value ?? null)
  const keys = Object.keys(value).sort()
  return `{${keys.map((k) => `${JSON.stringify(k)}:${canonical(value[k])}`).join(',')}}`
}
