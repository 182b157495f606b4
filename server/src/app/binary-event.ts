/**
 * CloudEvents 1.0 in binary mode on Kafka (Kafka protocol binding, 3.2): attributes stand in headers
 * named `ce_*`, the data in the value. They become structured events in JSON, which is what the router
 * reads, and what a dead letter keeps: so nothing of an event is lost when it is sent again.
 */
import { isJsonType, jsonText } from '../http/body.ts'
import { objectText } from '../http/json-text.ts'

type Headers = readonly (readonly [string, Uint8Array])[]

const PREFIX = 'ce_'
const CONTENT_TYPE = 'content-type'

/** @returns the bytes as they are, where the headers name no CloudEvent in binary mode */
export function withEnvelope(bytes: Buffer, headers: Headers): Buffer {
  if (headers.length === 0 || !headers.some(([name]) => name === `${PREFIX}specversion`))
    return bytes
  const attributes = new Map<string, string>()
  let contentType: string | undefined
  for (const [name, value] of headers) {
    const text = Buffer.from(value).toString('utf8')
    if (name.toLowerCase() === CONTENT_TYPE) contentType = text
    else if (/^ce_[a-z0-9]+$/.test(name))
      attributes.set(name.slice(PREFIX.length), JSON.stringify(text))
  }
  // Neither is an attribute: both are said by the record itself.
  attributes.delete('data')
  attributes.delete('datacontenttype')
  if (contentType !== undefined) attributes.set('datacontenttype', JSON.stringify(contentType))
  const text = contentType === undefined || isJsonType(contentType) ? json(bytes) : undefined
  if (text === undefined) attributes.set('data_base64', JSON.stringify(bytes.toString('base64')))
  else attributes.set('data', text)
  return Buffer.from(objectText(attributes))
}

/** Undefined: it is not JSON, whatever it is said to be. */
function json(bytes: Buffer): string | undefined {
  try {
    return jsonText(bytes)
  } catch {
    return undefined
  }
}
