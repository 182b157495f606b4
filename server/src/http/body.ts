/** From the bytes of a request to the text of one JSON value, within a limit on the unpacked size. */
import { isUtf8 } from 'node:buffer'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { OpportuneError } from '#engine'

const unzip = promisify(gunzip)

const tooLarge = (limit: number): OpportuneError =>
  new OpportuneError('http_body_too_large', `The limit here is ${limit} bytes, unpacked.`, {
    limit,
  })

/**
 * The body without its content encoding.
 * @throws http_encoding, http_body_corrupt, http_body_too_large (also for a small bomb: unpacking
 *   stops at the limit)
 */
export async function unpack(
  body: Buffer,
  encoding: string | undefined,
  limit: number,
): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? 'identity'
  if (name === 'identity' || name === '') {
    if (body.length > limit) throw tooLarge(limit)
    return body
  }
  if (name !== 'gzip' && name !== 'x-gzip')
    throw new OpportuneError('http_encoding', 'Only gzip is unpacked here.')
  try {
    return await unzip(body, { maxOutputLength: limit })
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(limit)
    throw new OpportuneError('http_body_corrupt', 'The gzip stream is damaged or cut off.')
  }
}

/**
 * The text of a body that is one JSON value.
 * @throws http_malformed_json, without the parser's message: it quotes the text
 */
export function jsonText(body: Uint8Array): string {
  if (!isUtf8(body)) throw new OpportuneError('http_malformed_json', 'It is not UTF-8.')
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  try {
    JSON.parse(text)
  } catch {
    throw new OpportuneError('http_malformed_json', 'It does not parse as JSON.')
  }
  return text
}

/** True for `application/json`, `text/json` and any `+json`, with or without parameters. */
export const isJsonType = (contentType: string | undefined): boolean =>
  /^\s*(?:application\/json|text\/json|[^;\s]+\+json)\s*(?:;|$)/i.test(contentType ?? '')
