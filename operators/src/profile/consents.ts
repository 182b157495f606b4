/**
 * What the customer agreed to, per channel and topic (PRO-1, CON-1), with who said so, when, how and
 * under which wording: the proof that consent rules ask for.
 *
 * P12 The later explicit act wins per channel and topic; at one instant the withdrawal does. A
 *     withdrawal of all topics of a channel (topic `*`) beats what is older than it on every topic.
 *     Only withdrawals can be of all topics: agreement is per topic.
 *
 * Convention:
 *   identify trait `consents`: {channel: true | false | {topic: true | false | {granted, source, by,
 *     wording_version}}}; a bare boolean means topic `marketing`, save that false means every topic.
 *   track `Consent Given` / `Consent Withdrawn`: properties channel, topic (default `marketing`;
 *     withdrawn: default all), source, by, wording_version. A withdrawal without channel means all
 *     channels; agreement without channel is none.
 *   track `Unsubscribed` and `Email Marked as Spam`: email, all topics, withdrawn (CON-2).
 */
import type { ByteReader, ByteWriter, Millis } from '#engine'
import type { Channel, CustomerEvent, JsonObject } from '../contract.ts'
import { textOf } from '../ingest/fields.ts'
import type { EventKind } from '../ingest/vocabulary.ts'
import { readList, writeList } from './parts-codec.ts'

export interface Consent {
  readonly channel: Channel
  /** `*`: every topic (withdrawals only). */
  readonly topic: string
  readonly granted: boolean
  readonly at: Millis
  /** Who acted: `customer`, or the id of who acted for them. */
  readonly by: string
  /** How: the form, page or call it came from. */
  readonly source: string
  /** Version of the wording agreed to; '' where not given. */
  readonly wording: string
}

/** By channel and topic, sorted. */
export type Consents = readonly Consent[]
export const NO_CONSENTS: Consents = []

const CHANNELS: readonly Channel[] = ['email', 'sms', 'whatsapp', 'push', 'in_app', 'web']
const TOPIC = /^[a-z0-9_-]{1,40}$/
const ALL = '*'
/** More topics than any preference page has. */
const MAX_CONSENTS = 64

const isChannel = (value: unknown): value is Channel => CHANNELS.includes(value as Channel)
const nameOf = (consent: Consent): string => `${consent.channel} ${consent.topic}`

/** P12, with an order over all else so that no two acts are ever a draw. */
function standing(a: Consent, b: Consent): Consent {
  if (a.at !== b.at) return a.at > b.at ? a : b
  if (a.granted !== b.granted) return a.granted ? b : a
  return JSON.stringify(a) >= JSON.stringify(b) ? a : b
}

export function uniteConsents(mine: Consents, theirs: Consents): Consents {
  if (theirs.length === 0) return mine
  const byName = new Map(mine.map((consent) => [nameOf(consent), consent]))
  for (const consent of theirs) {
    const known = byName.get(nameOf(consent))
    byName.set(nameOf(consent), known === undefined ? consent : standing(known, consent))
  }
  const sorted = [...byName.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  return sorted.length <= MAX_CONSENTS ? sorted : bounded(sorted)
}

/** Withdrawals are never forgotten for lack of room before agreements are. */
function bounded(consents: Consent[]): Consents {
  const kept = consents.toSorted((a, b) => Number(a.granted) - Number(b.granted) || b.at - a.at)
  return kept.slice(0, MAX_CONSENTS).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

export const hearConsents = (
  consents: Consents,
  event: CustomerEvent,
  kind: EventKind,
): Consents => {
  const heard = consentsIn(event, kind)
  return heard.length === 0 ? consents : uniteConsents(consents, heard)
}

/** What counts for a topic of a channel: the later act of the topic's own and the one on all. */
export function consentFor(consents: Consents, channel: Channel, topic: string): Consent | null {
  let found: Consent | null = null
  for (const consent of consents)
    if (consent.channel === channel && (consent.topic === topic || consent.topic === ALL))
      found = found === null ? consent : standing(found, consent)
  return found
}

function consentsIn(event: CustomerEvent, kind: EventKind): Consent[] {
  switch (kind) {
    case 'identify':
      return isObject(event.traits['consents']) ? fromTrait(event, event.traits['consents']) : []
    case 'consent_given':
    case 'consent_withdrawn':
      return fromEvent(event, kind === 'consent_given')
    case 'unsubscribed':
    case 'email_complained':
      return [
        act(event, { channel: 'email', topic: ALL, granted: false, ...saidIn(event.properties) }),
      ]
    default:
      return []
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Said {
  readonly by: string
  readonly source: string
  readonly wording: string
}

const saidIn = (from: JsonObject): Said => ({
  by: textOf(from, 'by', 'actor')?.slice(0, 80) ?? 'customer',
  source: textOf(from, 'source', 'form', 'method')?.slice(0, 80) ?? '',
  wording: textOf(from, 'wording_version', 'wordingVersion', 'wording')?.slice(0, 40) ?? '',
})

const act = (event: CustomerEvent, said: Omit<Consent, 'at' | 'source'> & Said): Consent => ({
  channel: said.channel,
  topic: said.topic,
  granted: said.granted,
  at: event.at,
  by: said.by,
  source: said.source === '' ? event.name || event.type : said.source,
  wording: said.wording,
})

function fromEvent(event: CustomerEvent, granted: boolean): Consent[] {
  const { properties } = event
  const topic = textOf(properties, 'topic') ?? (granted ? 'marketing' : ALL)
  if (!TOPIC.test(topic) && (granted || topic !== ALL)) return []
  const channel = properties['channel'] ?? null
  const channels = channel === null && !granted ? CHANNELS : [channel].filter(isChannel)
  return channels.map((c) => act(event, { channel: c, topic, granted, ...saidIn(properties) }))
}

function fromTrait(event: CustomerEvent, trait: JsonObject): Consent[] {
  const heard: Consent[] = []
  for (const channel of CHANNELS) {
    const said: unknown = trait[channel]
    if (typeof said === 'boolean') {
      const topic = said ? 'marketing' : ALL
      heard.push(act(event, { channel, topic, granted: said, ...saidIn({}) }))
    }
    if (!isObject(said)) continue
    for (const [topic, value] of Object.entries(said)) {
      const granted = isObject(value) ? value['granted'] : value
      if (typeof granted !== 'boolean' || !TOPIC.test(topic)) continue
      heard.push(act(event, { channel, topic, granted, ...saidIn(isObject(value) ? value : {}) }))
    }
  }
  return heard
}

const GRANTED = 1
const BY_ANOTHER = 2

export function writeConsents(consents: Consents, out: ByteWriter): void {
  writeList(consents, out, (consent) => {
    const byAnother = consent.by !== 'customer'
    out.byte((consent.granted ? GRANTED : 0) | (byAnother ? BY_ANOTHER : 0))
    out.byte(CHANNELS.indexOf(consent.channel))
    out.text(consent.topic)
    out.signed(consent.at)
    if (byAnother) out.text(consent.by)
    out.text(consent.source)
    out.text(consent.wording)
  })
}

export const readConsents = (reader: ByteReader): Consents =>
  readList(reader, () => {
    const flags = reader.byte()
    return {
      channel: CHANNELS[reader.byte()] as Channel,
      topic: reader.text(),
      granted: (flags & GRANTED) !== 0,
      at: reader.signed(),
      by: (flags & BY_ANOTHER) === 0 ? 'customer' : reader.text(),
      source: reader.text(),
      wording: reader.text(),
    }
  })
