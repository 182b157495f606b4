/**
 * The envelope that every trained model is stored in, whatever its kind: one JSON file whose `version`
 * is the SHA-256 of everything else in it.
 *
 * A1 Reading never throws on bad bytes: a refusal is data with a stable code.
 * A2 No change to a file changes what is served: it is refused, or it was only white space.
 * A3 The hash is over sorted keys without white space, so a formatter may touch the file.
 * A4 A newer format is told apart from damage, because the remedy differs.
 */
import { createHash } from 'node:crypto'
import { assert, type ErrorCode } from '#engine'

/** Files of another type are not ours. */
const ARTEFACT_TYPE = 'opportune-model'

/** The newest format that this release reads and the one that it writes. */
export const ARTEFACT_FORMAT = 1

/** Far above any model of this product, far below what would hurt a process. */
export const LARGEST_ARTEFACT_BYTES = 4 * 1024 * 1024

export type ModelRefusalCode = Extract<
  ErrorCode,
  | 'model_truncated'
  | 'model_corrupt'
  | 'model_foreign'
  | 'model_format_newer'
  | 'model_schema'
  | 'model_feature_unknown'
  | 'model_not_finite'
  | 'model_too_large'
  | 'model_missing'
>

export interface ModelRefusal {
  readonly ok: false
  readonly code: ModelRefusalCode
  /** What was seen, for people; no values of the file beyond short names. */
  readonly reason: string
}

export const refuse = (code: ModelRefusalCode, reason: string): ModelRefusal => ({
  ok: false,
  code,
  reason,
})

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** An object whose `version` was found to be the hash of the rest. */
export type Opened = { readonly ok: true; readonly content: JsonObject } | ModelRefusal

/** Opens an artefact of one kind and checks its hash; the kind's own fields are the caller's to check. */
export function openArtefact(bytes: Uint8Array, kind: string): Opened {
  if (bytes.length > LARGEST_ARTEFACT_BYTES)
    return refuse('model_too_large', `${bytes.length} bytes, limit ${LARGEST_ARTEFACT_BYTES}`)
  const parsed = parse(bytes)
  if (!parsed.ok) return parsed
  const content = parsed.content
  if (content['type'] !== ARTEFACT_TYPE) return refuse('model_foreign', 'no artefact type')
  const format = content['format']
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1)
    return refuse('model_foreign', 'no artefact format')
  if (format > ARTEFACT_FORMAT)
    return refuse('model_format_newer', `format ${format}, this release reads ${ARTEFACT_FORMAT}`)
  if (content['version'] !== contentHash(content))
    return refuse('model_corrupt', 'the content does not match its version hash')
  if (content['kind'] !== kind) return refuse('model_foreign', `not of kind ${kind}`)
  return parsed
}

function parse(bytes: Uint8Array): Opened {
  if (beginsForeign(bytes)) return refuse('model_foreign', 'it does not begin as an artefact does')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuse('model_corrupt', 'not UTF-8')
  }
  try {
    return { ok: true, content: JSON.parse(text) as JsonObject }
  } catch {
    return endsInside(text)
      ? refuse('model_truncated', `ends inside its content after ${bytes.length} bytes`)
      : refuse('model_corrupt', 'not JSON')
  }
}

const WHITE_SPACE = new Set([0x09, 0x0a, 0x0d, 0x20])
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const OPENING = 0x7b

/**
 * Whether the first bytes are those of another kind of file: an image, an archive, a page. Told apart
 * from a cut because copying such a file again does not help. Nothing at all is a cut.
 */
function beginsForeign(bytes: Uint8Array): boolean {
  let at = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? BYTE_ORDER_MARK.length : 0
  while (WHITE_SPACE.has(bytes[at] ?? -1)) at++
  return at < bytes.length && bytes[at] !== OPENING
}

/** Whether JSON text stops before its outermost bracket closes: a cut, rather than a changed, file. */
function endsInside(text: string): boolean {
  let depth = 0
  let quoted = false
  let opened = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{' || c === '[') {
      depth++
      opened = true
    } else if (c === '}' || c === ']') depth--
  }
  return quoted || depth > 0 || !opened
}

/** Hex SHA-256 of the content without its `version`. */
function contentHash(content: JsonObject): string {
  const { version: _, ...rest } = content
  return createHash('sha256').update(canonical(rest)).digest('hex')
}

/** Keys sorted, no white space; numbers as JSON.stringify writes them, which round-trips exactly. */
function canonical(value: Json): string {
  if (typeof value !== 'object' || value === null) {
    assert(typeof value !== 'number' || Number.isFinite(value), 'JSON has no such number')
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(',')}]`
  const object = value as JsonObject
  const fields = Object.keys(object)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(object[key] as Json)}`)
  return `{${fields.join(',')}}`
}

/** The content with type, format and version filled in. */
export function sealArtefact(content: JsonObject): JsonObject {
  const whole: JsonObject = { type: ARTEFACT_TYPE, format: ARTEFACT_FORMAT, ...content }
  return { ...whole, version: contentHash(whole) }
}

/** The file: indented for people, short lists on one line, ASCII, a newline at the end. */
export function artefactBytes(content: JsonObject): Uint8Array {
  const ascii = `${print(content, '')}\n`.replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return new TextEncoder().encode(ascii)
}

const LINE = 100

function print(value: Json, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const items = value.map((item: Json) => print(item, inner))
    const flat = `[${items.join(', ')}]`
    const fits = indent.length + flat.length < LINE - 40 && !flat.includes('\n')
    return fits ? flat : `[\n${items.map((item) => inner + item).join(',\n')}\n${indent}]`
  }
  const object = value as JsonObject
  const fields = Object.keys(object).map(
    (key) => `${inner}${JSON.stringify(key)}: ${print(object[key] as Json, inner)}`,
  )
  return fields.length === 0 ? '{}' : `{\n${fields.join(',\n')}\n${indent}}`
}
