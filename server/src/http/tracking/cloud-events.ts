/**
 * CloudEvents 1.0 over HTTP: the three content modes of the HTTP protocol binding (section 3) become
 * structured events in JSON, the form in which the raw topic holds them; the router takes the
 * envelope off. Structured and batched events keep their characters.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { OpportuneError } from '#engine'
import { isJsonType, jsonText } from '../body.ts'
import { elements, kindOf, objectText } from '../json-text.ts'
import { checkLimits } from './segment.ts'

/** What a consumer should at least accept (CloudEvents 1.0, "Size Limits"). */
export const EVENT_BYTES = 64 * 1024

const PREFIX = 'ce-'
const REQUIRED = ['specversion', 'id', 'source', 'type'] as const

/**
 * The records of a request.
 * @throws http_malformed_json, http_malformed_batch, http_batch_too_long, http_body_too_large,
 *   http_not_a_cloudevent
 */
export function takeCloudEvents(headers: IncomingHttpHeaders, body: Buffer): Uint8Array[] {
  const contentType = headers['content-type']?.trim().toLowerCase() ?? ''
  if (contentType.startsWith('application/cloudevents-batch')) {
    requireJson(contentType)
    const text = jsonText(body)
    if (kindOf(text) !== 'array')
      throw new OpportuneError('http_malformed_batch', 'A batch of CloudEvents is a list.')
    const events = elements(text)
    checkLimits(events, EVENT_BYTES)
    return events.map((it) => Buffer.from(it))
  }
  if (body.length > EVENT_BYTES)
    throw new OpportuneError('http_body_too_large', `An event may have ${EVENT_BYTES} bytes.`)
  if (contentType.startsWith('application/cloudevents')) {
    requireJson(contentType)
    return [Buffer.from(jsonText(body))]
  }
  return [Buffer.from(structured(headers, body))]
}

function requireJson(contentType: string): void {
  if (!isJsonType(contentType))
    throw new OpportuneError('http_content_type', 'CloudEvents are read in their JSON format.')
}

/** Binary mode (3.1): attributes are headers, the body is the data. */
function structured(headers: IncomingHttpHeaders, body: Buffer): string {
  const attributes = new Map<string, string>()
  for (const [header, value] of Object.entries(headers)) {
    const name = header.slice(PREFIX.length)
    if (!header.startsWith(PREFIX) || !/^[a-z0-9]+$/.test(name)) continue
    if (typeof value === 'string') attributes.set(name, JSON.stringify(attribute(value)))
  }
  if (REQUIRED.some((name) => !attributes.has(name)))
    throw new OpportuneError('http_not_a_cloudevent', 'A required attribute is missing.')
  // Neither is an attribute: the content type is the header of its own, and the data is the body.
  attributes.delete('data')
  const contentType = headers['content-type']
  if (contentType === undefined) attributes.delete('datacontenttype')
  else attributes.set('datacontenttype', JSON.stringify(contentType))
  if (isJsonType(contentType)) attributes.set('data', jsonText(body))
  else if (body.length > 0) attributes.set('data_base64', JSON.stringify(body.toString('base64')))
  return objectText(attributes)
}

/** A header's value decoded as 3.1.3.2 asks: first unquoted, then one round of percent-decoding. */
function attribute(value: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)
  const plain = quoted === null ? value : (quoted[1] ?? '').replaceAll(/\\(.)/g, '$1')
  try {
    return plain.replaceAll(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent)
  } catch {
    throw new OpportuneError('http_not_a_cloudevent', 'An attribute is not percent-encoded UTF-8.')
  }
}
