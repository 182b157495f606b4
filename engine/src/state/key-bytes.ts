/**
 * Keys of the checkpoint as bytes, in an order that equals the order in memory (B3).
 *
 * Rows: {group: 1 byte, key, 0x00}: all slots of a key are one row, so that a cold customer and a
 * checkpoint look into LMDB once and not once per operator. Timer index: {due: 8 bytes, key}. A key is written code unit by code unit in the manner of UTF-8 (a surrogate pair becomes two
 * three-byte sequences, as in CESU-8), whose byte order is the order of UTF-16 code units; U+0000 is
 * followed by 0xff where a terminator could be meant.
 */
import { asBuffer } from '../codec/bytes.ts'
import { OpportuneError } from '../errors.ts'
import { type Millis } from '../time.ts'
import type { DuePosition } from './port.ts'

/** LMDB takes keys up to 1,978 bytes; escapes need some of them. */
export const MAX_KEY_BYTES = 1_024
const TERMINATOR = 0x00
const ESCAPE = 0xff
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** @throws state_key_invalid */
export function checkKey(key: string): void {
  if (key.length === 0) throw invalidKey('is empty', key)
  if (key.length * 3 > MAX_KEY_BYTES && escapedBytes(key) > MAX_KEY_BYTES)
    throw invalidKey(`is longer than ${MAX_KEY_BYTES} bytes`, key)
  if (LONE_SURROGATE.test(key)) throw invalidKey('is not well-formed Unicode', key)
}

const invalidKey = (what: string, key: string): OpportuneError =>
  new OpportuneError('state_key_invalid', `A key ${what}.`, { length: key.length })

function escapedBytes(key: string): number {
  let bytes = 0
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i)
    bytes += unit === 0 ? 2 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
  }
  return bytes
}

/** Builds keys in one buffer; what it returns is valid until the next call. */
export class KeyBytes {
  readonly #buffer = Buffer.alloc(3 * MAX_KEY_BYTES)
  #end = 0

  row(group: number, key: string): Buffer {
    this.#buffer[0] = group
    this.#end = 1
    this.#units(key, true)
    this.#buffer[this.#end++] = TERMINATOR
    return this.#buffer.subarray(0, this.#end)
  }

  timer(due: Millis, key: string): Buffer {
    const high = Math.floor(due / 0x1_0000_0000)
    // The sign bit is turned so that times before 1970 come first.
    this.#buffer.writeUInt32BE((high ^ 0x8000_0000) >>> 0, 0)
    this.#buffer.writeUInt32BE(due - high * 0x1_0000_0000, 4)
    this.#end = 8
    this.#units(key, false)
    return this.#buffer.subarray(0, this.#end)
  }

  #units(text: string, escape: boolean): void {
    const buffer = this.#buffer
    let end = this.#end
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit < 0x80) {
        buffer[end++] = unit
        if (unit === 0 && escape) buffer[end++] = ESCAPE
      } else if (unit < 0x800) {
        buffer[end++] = 0xc0 | (unit >> 6)
        buffer[end++] = 0x80 | (unit & 0x3f)
      } else {
        buffer[end++] = 0xe0 | (unit >> 12)
        buffer[end++] = 0x80 | ((unit >> 6) & 0x3f)
        buffer[end++] = 0x80 | (unit & 0x3f)
      }
    }
    this.#end = end
  }
}

export const parseRowKey = (bytes: Uint8Array): readonly [group: number, key: string] => [
  bytes[0] as number,
  readUnits(bytes, 1, bytes.length - 1),
]

export function parseTimerKey(bytes: Uint8Array): DuePosition {
  const view = asBuffer(bytes)
  const high = (view.readUInt32BE(0) ^ 0x8000_0000) | 0
  return {
    due: high * 0x1_0000_0000 + view.readUInt32BE(4),
    key: readUnits(bytes, 8, bytes.length, false),
  }
}

function readUnits(bytes: Uint8Array, from: number, to: number, escaped = true): string {
  let text = ''
  for (let i = from; i < to; ) {
    const a = bytes[i++] as number
    if (a < 0x80) {
      if (a === 0 && escaped) i++
      text += String.fromCharCode(a)
    } else if (a < 0xe0) {
      text += String.fromCharCode(((a & 0x1f) << 6) | ((bytes[i++] as number) & 0x3f))
    } else {
      const b = bytes[i++] as number
      const c = bytes[i++] as number
      text += String.fromCharCode(((a & 0x0f) << 12) | ((b & 0x3f) << 6) | (c & 0x3f))
    }
  }
  return text
}

/** The order of values in a checkpoint. */
export function compareStored(
  a: readonly [slot: string, group: number, key: string, ...rest: unknown[]],
  b: readonly [slot: string, group: number, key: string, ...rest: unknown[]],
): number {
  if (a[1] !== b[1]) return a[1] - b[1]
  if (a[2] !== b[2]) return a[2] < b[2] ? -1 : 1
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0
}

export function compareDue(a: DuePosition, b: DuePosition): number {
  if (a.due !== b.due) return a.due - b.due
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}
