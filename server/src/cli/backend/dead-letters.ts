/**
 * Dead letters out of their topic, and back into the router (ING-4).
 *
 * A letter is named by where it stands in its topic: `partition-offset`. What the router refused goes
 * back as the bytes it was. What an operator refused stands in the inbox's own form and becomes the
 * call it came from: same message id, so that an event that did count in part is not counted twice.
 */
import { OpportuneError, type DeadLetter as StoredLetter } from '#engine'
import type { CustomerEvent } from '#operators'
import { TOPICS } from '../../app/topology.ts'
import type { DeadLetter, DeadLetterPage, RedriveResult } from '../../http/views.ts'
import { newestFirst, partitionsOf, type ReadableLog, type StoredRecord } from './newest.ts'
import type { DeadLetterFilter, RedriveWhat } from './port.ts'

export async function deadLetters(
  log: ReadableLog,
  filter: DeadLetterFilter,
): Promise<DeadLetterPage> {
  const { limit, cursor, code } = filter
  const page: DeadLetter[] = []
  // One more than asked for tells whether there is a next page.
  for await (const letter of letters(log, cursor))
    if (code === null || letter.code === code) {
      page.push(letter)
      if (page.length > limit) break
    }
  const more = page.length > limit
  const dead_letters = page.slice(0, limit)
  return { dead_letters, next_cursor: more ? (dead_letters.at(-1)?.id ?? null) : null }
}

/** Sends letters through the router again; `append` resolves when they are durable. */
export async function redrive(
  log: ReadableLog,
  what: RedriveWhat,
  append: (calls: readonly Uint8Array[]) => Promise<void>,
): Promise<RedriveResult> {
  const asked = 'ids' in what ? new Set(what.ids) : null
  const calls: Uint8Array[] = []
  const limit = 'ids' in what ? what.ids.length : what.limit
  for await (const letter of letters(log, null)) {
    if (asked === null ? letter.code !== (what as { code: string }).code : !asked.has(letter.id))
      continue
    const call = callOf(letter)
    if (call === null) continue
    asked?.delete(letter.id)
    calls.push(call)
    if (calls.length >= limit) break
  }
  // The oldest first: as they came in, so they come again.
  if (calls.length > 0) await append(calls.reverse())
  return { redriven: calls.length, unknown: [...(asked ?? [])] }
}

async function* letters(log: ReadableLog, cursor: string | null): AsyncGenerator<DeadLetter> {
  const from = cursor === null ? null : placeOf(cursor)
  const partitions = await partitionsOf(log, TOPICS.deadLetters)
  const last = from === null ? partitions - 1 : Math.min(from.partition, partitions - 1)
  for (let partition = last; partition >= 0; partition--) {
    const before = partition === from?.partition ? from.offset : undefined
    const at = { topic: TOPICS.deadLetters, partition }
    for await (const record of newestFirst(log, at, before)) yield shown(record)
  }
}

function placeOf(id: string): { readonly partition: number; readonly offset: number } {
  const [, partition, offset] = /^(\d{1,6})-(\d{1,15})$/.exec(id) ?? []
  if (partition === undefined || offset === undefined)
    throw new OpportuneError(
      'http_invalid_request',
      'The cursor is not one of a page of dead letters.',
    )
  return { partition: Number(partition), offset: Number(offset) }
}

function shown(record: StoredRecord): DeadLetter {
  const letter = JSON.parse(Buffer.from(record.value).toString('utf8')) as StoredLetter
  return {
    id: `${record.partition}-${record.offset}`,
    code: letter.code,
    detail: letter.reason,
    at: letter.at,
    source: { topic: letter.topic, partition: letter.partition, offset: letter.offset },
    size: Buffer.byteLength(letter.bytes, 'base64'),
    bytes_base64: letter.bytes,
  }
}

/** The raw call to send again; null where the letter is about none (a link between ids). */
function callOf(letter: DeadLetter): Uint8Array | null {
  const bytes = Buffer.from(letter.bytes_base64, 'base64')
  const { topic } = letter.source
  if (topic === TOPICS.events || topic === TOPICS.import) return bytes
  const event = eventIn(bytes)
  return event === null ? null : Buffer.from(JSON.stringify(rawCall(event)))
}

/** The event in an inbox record, or standing alone. */
function eventIn(bytes: Buffer): CustomerEvent | null {
  let content: unknown
  try {
    content = JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
  const inner = isObject(content) && isObject(content['event']) ? content['event'] : content
  return isObject(inner) &&
    typeof inner['messageId'] === 'string' &&
    typeof inner['at'] === 'number'
    ? (inner as unknown as CustomerEvent)
    : null
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

function rawCall(event: CustomerEvent): Readonly<Record<string, unknown>> {
  const { type, name, messageId, userId, anonymousId, previousId } = event
  return {
    type,
    ...(type === 'track' ? { event: name } : name === '' ? {} : { name }),
    messageId,
    ...(userId === null ? {} : { userId }),
    ...(anonymousId === null ? {} : { anonymousId }),
    ...(previousId === null ? {} : { previousId }),
    timestamp: new Date(event.at).toISOString(),
    properties: event.properties,
    traits: event.traits,
    context: event.context,
  }
}
