/**
 * Segment's Tracking API: from the text of a call or a batch to the records of the raw topic.
 * https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
 *
 * What is inside an event is the router's to judge, for every source alike: here an event is only
 * stamped. Its fields keep the producer's own characters (json-text.ts), except that
 * - `type` becomes the one of the address it was sent to (a batch's events name their own),
 * - `receivedAt` is set, `writeKey` is taken off,
 * - a batch's `sentAt` is given to each event: it says when this very request was made, an event's
 *   own is from an earlier attempt,
 * - a batch's `context` and `integrations` are merged under the event's own, key by key.
 *
 * An element that is no object passes as it is and becomes a dead letter with its reason.
 */
import { OpportuneError } from '#engine'
import { elements, kindOf, members, objectText, stringOf } from '../json-text.ts'

export type CallType = 'track' | 'identify' | 'page' | 'screen' | 'group' | 'alias'

export const CALL_BYTES = 32 * 1024
export const BATCH_BYTES = 500 * 1024
export const BATCH_EVENTS = 2_500
/** A batch's context is copied into each event; this bounds what one request may so become. */
const STAMPED_BYTES = 8 * 1024 * 1024

/** A request's events before they are received: their stamp is the last thing they get. */
export interface Taken {
  /** The key in the body, one of the two ways to send it. */
  readonly writeKey: string | null
  /** @throws http_body_too_large where merging makes too much of it */
  stamp(receivedAt: number): Uint8Array[]
}

/** @param text JSON that parses */
export function takeCall(text: string, type: CallType): Taken {
  if (kindOf(text) !== 'object') return { writeKey: null, stamp: () => [Buffer.from(text)] }
  const call = members(text)
  return {
    writeKey: stringOf(call.get('writeKey')),
    stamp(receivedAt) {
      call.set('type', JSON.stringify(type))
      return [stamped(call, receivedAt)]
    },
  }
}

/**
 * @param text JSON that parses
 * @throws http_malformed_batch, http_batch_too_long, http_body_too_large (an event over 32 KB)
 */
export function takeBatch(text: string): Taken {
  const batch = kindOf(text) === 'object' ? members(text) : new Map<string, string>()
  const list = batch.get('batch')
  if (list === undefined || kindOf(list) !== 'array')
    throw new OpportuneError('http_malformed_batch', 'The list is missing.')
  const events = elements(list)
  checkLimits(events)
  return {
    writeKey: stringOf(batch.get('writeKey')),
    stamp: (receivedAt) => stampAll(events, batch, receivedAt),
  }
}

export function checkLimits(events: readonly string[], eventBytes = CALL_BYTES): void {
  if (events.length > BATCH_EVENTS)
    throw new OpportuneError('http_batch_too_long', `It has ${events.length}.`, {
      events: events.length,
    })
  const index = events.findIndex(
    (it) => it.length * 3 > eventBytes && Buffer.byteLength(it) > eventBytes,
  )
  if (index >= 0)
    throw new OpportuneError('http_body_too_large', `Event ${index} is over ${eventBytes} bytes.`, {
      index,
    })
}

function stampAll(
  events: readonly string[],
  batch: ReadonlyMap<string, string>,
  receivedAt: number,
): Uint8Array[] {
  const context = objectMembers(batch.get('context'))
  const integrations = objectMembers(batch.get('integrations'))
  const sentAt = given(batch.get('sentAt'))
  const records: Uint8Array[] = []
  let bytes = 0
  for (const text of events) {
    if (kindOf(text) !== 'object') records.push(Buffer.from(text))
    else {
      const event = members(text)
      mergeUnder(event, 'context', context)
      mergeUnder(event, 'integrations', integrations)
      if (sentAt !== null) event.set('sentAt', sentAt)
      records.push(stamped(event, receivedAt))
    }
    bytes += records.at(-1)?.length ?? 0
    if (bytes > STAMPED_BYTES)
      throw new OpportuneError(
        'http_body_too_large',
        `With the batch's context in each event it is over ${STAMPED_BYTES} bytes.`,
      )
  }
  return records
}

/** `null` means absent, as Segment's own libraries send it. */
const given = (text: string | undefined): string | null =>
  text === undefined || text === 'null' ? null : text

function objectMembers(text: string | undefined): Map<string, string> | null {
  const value = given(text)
  if (value === null || kindOf(value) !== 'object') return null
  const found = members(value)
  return found.size === 0 ? null : found
}

function mergeUnder(
  event: Map<string, string>,
  field: string,
  base: ReadonlyMap<string, string> | null,
): void {
  if (base === null) return
  const own = given(event.get(field))
  // A value of another type is left for validation to name.
  if (own !== null && kindOf(own) !== 'object') return
  event.set(field, objectText(new Map([...base, ...(own === null ? [] : members(own))])))
}

function stamped(event: Map<string, string>, receivedAt: number): Uint8Array {
  event.delete('writeKey')
  event.set('receivedAt', `"${new Date(receivedAt).toISOString()}"`)
  return Buffer.from(objectText(event))
}
