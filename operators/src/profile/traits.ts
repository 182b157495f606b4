/**
 * Who the customer is (PRO-1), from identify traits, `context.traits` of other calls, the context's
 * locale and timezone, and the device's push token.
 *
 * P11 Of each field the latest value by event time stands (at one instant the greater text); null
 *     takes a value back. The acquisition source is the earliest one named.
 *
 * Convention, snake_case and camelCase alike:
 *   first_name, last_name, name (whole; its first word where first_name is not given), email, phone,
 *   address.city, address.state, address.country or the same on top level (region for state), locale,
 *   timezone, preferred_channel, acquisition_source, created_at (ISO 8601), contact_preferences (a
 *   list or text of email_only, weekly_digest, product_updates_only), consents (see consents.ts).
 */
import type { ByteReader, ByteWriter, Millis } from '#engine'
import type { CustomerEvent, Json, JsonObject } from '../contract.ts'
import { textOf } from '../ingest/fields.ts'
import { parseIsoTime } from '../ingest/iso-time.ts'
import { readOptional, writeOptional } from './parts-codec.ts'

export const TRAIT_FIELDS = [
  'first_name',
  'last_name',
  'email',
  'phone',
  'city',
  'region',
  'country',
  'locale',
  'timezone',
  'push_token',
  'preferred_channel',
  'contact_preferences',
  'acquisition_source',
] as const
export type TraitField = (typeof TRAIT_FIELDS)[number]

/** A value (null: taken back) and when it was said. */
export type Said = readonly [value: string | null, at: Millis]
export type Traits = { readonly [F in TraitField]?: Said }

export const NO_TRAITS: Traits = {}

const MAX_TEXT = 254

/** Which of two statements stands. The acquisition source is a first touch: the earlier one. */
function standing(field: TraitField, a: Said, b: Said): Said {
  if (a[1] === b[1]) return (a[0] ?? '') >= (b[0] ?? '') ? a : b
  const later = a[1] > b[1] ? a : b
  return field === 'acquisition_source' ? (later === a ? b : a) : later
}

export const uniteTraits = (mine: Traits, theirs: Traits): Traits => {
  const united: { [F in TraitField]?: Said } = { ...mine }
  for (const field of TRAIT_FIELDS) {
    const said = theirs[field]
    if (said === undefined) continue
    const known = united[field]
    united[field] = known === undefined ? said : standing(field, known, said)
  }
  return united
}

/** Adds what one event says; the same object where it says nothing. */
export function hearTraits(traits: Traits, event: CustomerEvent): Traits {
  const heard = traitsIn(event)
  if (heard.length === 0) return traits
  const next: { [F in TraitField]?: Said } = { ...traits }
  for (const [field, value] of heard) {
    const said: Said = [value, event.at]
    const known = next[field]
    next[field] = known === undefined ? said : standing(field, known, said)
  }
  return next
}

type Heard = [field: TraitField, value: string | null][]

function traitsIn(event: CustomerEvent): Heard {
  const heard: Heard = []
  const traits = event.type === 'identify' ? event.traits : event.context['traits']
  if (isObject(traits)) traitsOf(traits, heard)
  const { locale, timezone, campaign, device } = event.context
  hear(heard, 'locale', locale)
  hear(heard, 'timezone', timezone)
  if (isObject(campaign)) hear(heard, 'acquisition_source', campaign['source'] ?? undefined)
  if (isObject(device)) hear(heard, 'push_token', device['token'])
  return heard
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function hear(heard: Heard, field: TraitField, value: Json | undefined): void {
  if (value === null) heard.push([field, null])
  else if (typeof value === 'string' && value.trim() !== '')
    heard.push([field, value.trim().slice(0, field === 'push_token' ? 1_024 : MAX_TEXT)])
}

const first = (from: JsonObject, ...keys: string[]): Json | undefined => {
  for (const key of keys) if (from[key] !== undefined) return from[key]
  return undefined
}

function traitsOf(traits: JsonObject, heard: Heard): void {
  const whole = textOf(traits, 'name')?.trim().split(/\s+/)
  hear(heard, 'first_name', first(traits, 'first_name', 'firstName') ?? whole?.[0])
  hear(heard, 'last_name', first(traits, 'last_name', 'lastName') ?? whole?.slice(1).join(' '))
  const email = first(traits, 'email', 'email_address')
  // Something without an at sign is a mistake of a form, and no reason to forget the address.
  if (typeof email !== 'string' || email.includes('@')) hear(heard, 'email', email)
  hear(heard, 'phone', traits['phone'])
  const address = isObject(traits['address']) ? traits['address'] : {}
  hear(heard, 'city', first(address, 'city') ?? first(traits, 'city'))
  hear(heard, 'region', first(address, 'state', 'region') ?? first(traits, 'region', 'state'))
  hear(heard, 'country', first(address, 'country') ?? first(traits, 'country'))
  hear(heard, 'locale', traits['locale'])
  hear(heard, 'timezone', first(traits, 'timezone', 'time_zone', 'timeZone'))
  hear(heard, 'push_token', first(traits, 'push_token', 'pushToken'))
  hear(heard, 'preferred_channel', first(traits, 'preferred_channel', 'preferredChannel'))
  hear(heard, 'acquisition_source', first(traits, 'acquisition_source', 'acquisitionSource'))
  const preferences = first(traits, 'contact_preferences', 'contactPreferences')
  if (Array.isArray(preferences)) {
    const known = preferences.filter((p): p is string => typeof p === 'string')
    // An empty list takes all of them back.
    heard.push(['contact_preferences', known.length === 0 ? null : known.sort().join(' ')])
  } else hear(heard, 'contact_preferences', preferences)
}

/** The `created_at` trait of an identify call; null where there is none. */
export function createdAt(event: CustomerEvent): Millis | null {
  if (event.type !== 'identify') return null
  const text = textOf(event.traits, 'created_at', 'createdAt')
  const at = text === null ? Number.NaN : parseIsoTime(text)
  return Number.isNaN(at) ? null : at
}

export const traitOf = (traits: Traits, field: TraitField): string | null =>
  traits[field]?.[0] ?? null

/** Which fields are there, one bit each, and their values; a time is told from the one before it. */
export function writeTraits(traits: Traits, out: ByteWriter): void {
  let there = 0
  for (let i = 0; i < TRAIT_FIELDS.length; i++)
    if (traits[TRAIT_FIELDS[i] as TraitField] !== undefined) there |= 1 << i
  out.varint(there)
  let before = 0
  for (const field of TRAIT_FIELDS) {
    const said = traits[field]
    if (said === undefined) continue
    writeOptional(said[0], out)
    out.signed(said[1] - before)
    before = said[1]
  }
}

export function readTraits(reader: ByteReader): Traits {
  const there = reader.varint()
  const traits: { [F in TraitField]?: Said } = {}
  let at = 0
  for (let i = 0; i < TRAIT_FIELDS.length; i++) {
    if ((there & (1 << i)) === 0) continue
    const value = readOptional(reader)
    at += reader.signed()
    traits[TRAIT_FIELDS[i] as TraitField] = [value, at]
  }
  return traits
}
