/**
 * One record of an audit chain as it stands in its topic: `{"h":{...},"b":"...","x":"..."}`.
 *
 * `h` is the header, `b` the body's exact text (a JSON document as it was first written, kept as a
 * string so that no parser between here and a verifier can respell it), `x` the record's own hash:
 * SHA-256(canonical header, SHA-256(body)). `x` adds no strength - who changes a record can compute
 * it anew - but with it a damaged record is told apart from a forged one, and the first bad record is
 * named exactly.
 *
 * There is one way to write a record. What does not read back to the same bytes was altered, even
 * where it means the same.
 */
import { createHash } from 'node:crypto'

/** No personal data: `pid` is the random pseudonym of a subject, or null where none was issued. */
export interface AuditHeader {
  /** `<topic>/<partition>`: what one task writes, in order. */
  readonly chain: string
  /** 0, 1, 2, ... within the chain, without gaps. */
  readonly seq: number
  /** Hash of the record before, hexadecimal; 64 zeros in front of the first. */
  readonly prev: string
  /** Task time, ms since 1970. */
  readonly now: number
  readonly kind: string
  readonly pid: string | null
  /** Ids of records that this one continues, overrides or reports on (AUD-3). */
  readonly refs: readonly string[]
}

export interface AuditRecord {
  readonly header: AuditHeader
  readonly body: string
  readonly hash: string
}

export const GENESIS = '0'.repeat(64)
/** Bounds what a reader keeps of one header. */
const MAX_REFS = 64

/** The bytes that are hashed: these fields, in this order, without spaces. */
function canonicalHeader(header: AuditHeader): string {
  const { chain, seq, prev, now, kind, pid, refs } = header
  return JSON.stringify({ chain, seq, prev, now, kind, pid, refs })
}

export const recordHash = (header: AuditHeader, body: string): string =>
  hashOf(canonicalHeader(header), body)

function hashOf(header: string, body: string): string {
  const inner = createHash('sha256').update(body, 'utf8').digest()
  return createHash('sha256').update(header, 'utf8').update(inner).digest('hex')
}

const spell = (header: string, body: string, hash: string): Buffer =>
  Buffer.from(`{"h":${header},"b":${JSON.stringify(body)},"x":"${hash}"}`)

/** Hashes and writes a record; on the way of every decision, so the header is spelt only once. */
export function writeRecord(
  header: AuditHeader,
  body: string,
): { readonly hash: string; readonly bytes: Buffer } {
  const spelt = canonicalHeader(header)
  const hash = hashOf(spelt, body)
  return { hash, bytes: spell(spelt, body, hash) }
}

export const encodeRecord = (record: AuditRecord): Buffer =>
  spell(canonicalHeader(record.header), record.body, record.hash)

/** The record in `bytes`; undefined where they are not exactly what `encodeRecord` writes. */
export function decodeRecord(bytes: Uint8Array): AuditRecord | undefined {
  const record = parseRecord(bytes)
  if (record === undefined) return undefined
  return encodeRecord(record).equals(bytes) ? record : undefined
}

function parseRecord(bytes: Uint8Array): AuditRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
  if (!isObject(value) || !isHeader(value['h'])) return undefined
  const { h: header, b: body, x: hash } = value
  return typeof body === 'string' && isHash(hash) ? { header, body, hash } : undefined
}

function isHeader(value: unknown): value is AuditHeader {
  if (!isObject(value)) return false
  const { chain, seq, prev, now, kind, pid, refs } = value
  return (
    typeof chain === 'string' &&
    Number.isSafeInteger(seq) &&
    isHash(prev) &&
    Number.isSafeInteger(now) &&
    typeof kind === 'string' &&
    (pid === null || typeof pid === 'string') &&
    Array.isArray(refs) &&
    refs.length <= MAX_REFS &&
    refs.every((ref) => typeof ref === 'string')
  )
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isHash = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
