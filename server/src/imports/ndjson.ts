/**
 * Tracking calls, one JSON object a line, handed on in file order.
 *
 * Only what stops a line from being an object is rejected here; whether the object is a valid call is
 * the router's to say, so that a file and the HTTP interface are judged by one rule. With a rebase
 * the file is read twice: first for its last timestamp.
 */
import { isUtf8 } from 'node:buffer'
import type { ImportInput } from './input.ts'
import { isTooLong, type Line, toLines } from './lines.ts'
import { isoTime, shiftFor } from './rebase.ts'
import {
  BATCH_RECORDS,
  type ImportedCall,
  type ImportRecord,
  type RecordBatches,
  type RejectionCode,
  rejection,
} from './records.ts'

/** Times of a call that move together. */
const TIME_FIELDS = ['timestamp', 'originalTimestamp', 'sentAt', 'receivedAt']

const ISO_WITH_ZONE =
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/

const BOM = '\uFEFF'

function parseLine(line: Line): ImportedCall | RejectionCode {
  if (isTooLong(line)) return 'too_large'
  if (!isUtf8(line.bytes)) return 'not_utf8'
  const text = line.bytes.toString()
  if (text.length > 2 * MAX_DEPTH && isDeeper(text, MAX_DEPTH)) return 'too_deep'
  let value: unknown
  try {
    value = JSON.parse(line.number === 1 && text.startsWith(BOM) ? text.slice(1) : text)
  } catch {
    return 'not_json'
  }
  // Written again it would be null, and pass for a value that was left out.
  if (MAY_OVERFLOW.test(text) && !allFinite(value)) return 'bad_number'
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as ImportedCall) : 'not_an_object'
}

/** Much more than the router takes, and less than what ends a recursion. */
const MAX_DEPTH = 1_000

/** Whether brackets outside of strings open more than `most` deep. */
function isDeeper(text: string, most: number): boolean {
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{' || c === '[') {
      if (++depth > most) return true
    } else if (c === '}' || c === ']') depth--
  }
  return false
}

/** The only numbers that JSON can spell and this machine cannot hold. */
const MAY_OVERFLOW = /\d[eE]\+?\d{3}|\d{309}/

function allFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every(allFinite)
}

/** ms since 1970; undefined unless the value is an ISO time with a zone, which alone is unambiguous. */
function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !ISO_WITH_ZONE.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}

function shifted(call: ImportedCall, shift: number): ImportedCall {
  if (shift === 0) return call
  // Written in place: copying would turn a key named __proto__ from data into a prototype.
  const target = call as Record<string, unknown>
  for (const field of TIME_FIELDS) {
    const time = timeOf(call[field])
    if (time !== undefined) target[field] = isoTime(time + shift)
  }
  return call
}

async function lastTimestamp(input: ImportInput): Promise<number> {
  let latest = Number.NEGATIVE_INFINITY
  for await (const lines of toLines(input.chunks()))
    for (const line of lines) {
      const call = parseLine(line)
      if (typeof call === 'string') continue
      latest = Math.max(latest, timeOf(call['timestamp']) ?? latest)
    }
  return latest
}

export async function* readNdjson(input: ImportInput): RecordBatches {
  const shift = input.rebase === undefined ? 0 : shiftFor(await lastTimestamp(input), input.rebase)
  let batch: ImportRecord[] = []
  for await (const lines of toLines(input.chunks()))
    for (const line of lines) {
      if (line.size === 0) continue
      const call = parseLine(line)
      batch.push(
        typeof call === 'string'
          ? rejection(line.number, call, line.bytes, line.size)
          : { kind: 'call', line: line.number, call: shifted(call, shift) },
      )
      if (batch.length < BATCH_RECORDS) continue
      yield batch
      batch = []
    }
  if (batch.length > 0) yield batch
}
