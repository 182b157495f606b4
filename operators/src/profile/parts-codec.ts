/** What the parts of a stored profile have in common: numbers, texts that may be missing, buckets. */
import type { ByteReader, ByteWriter } from '#engine'
import type { Buckets } from './buckets.ts'

/** Twice as much is still exact, with a bit left for telling integers from others. */
const LARGEST = 2 ** 50

/** Any finite number: integers, as nearly all are, in a few bytes. */
export function writeNumber(value: number, out: ByteWriter): void {
  if (Number.isInteger(value) && value < LARGEST && value > -LARGEST) out.signed(value * 2)
  else {
    out.signed(1)
    out.double(value)
  }
}

export function readNumber(reader: ByteReader): number {
  const twice = reader.signed()
  return twice === 1 ? reader.double() : twice / 2
}

export function writeOptional(value: string | null, out: ByteWriter): void {
  out.byte(value === null ? 0 : 1)
  if (value !== null) out.text(value)
}

export const readOptional = (reader: ByteReader): string | null =>
  reader.byte() === 0 ? null : reader.text()

export function writeList<T>(
  list: readonly T[],
  out: ByteWriter,
  write: (item: T, out: ByteWriter) => void,
): void {
  out.varint(list.length)
  for (const item of list) write(item, out)
}

export function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T): T[] {
  const list: T[] = []
  for (let left = reader.varint(); left > 0; left--) list.push(read(reader))
  return list
}

/**
 * Writes as `write` does, and the same value again without working it out anew. For parts that are
 * written with every event of a customer and change with few of them. Only saves work: what is kept
 * goes with the value.
 */
export function remembering<T extends object>(
  write: (value: T, out: ByteWriter) => void,
): (value: T, out: ByteWriter) => void {
  const known = new WeakMap<T, Uint8Array>()
  return (value, out) => {
    const bytes = known.get(value)
    if (bytes !== undefined) return out.raw(bytes)
    const from = out.position
    write(value, out)
    known.set(value, Uint8Array.prototype.slice.call(out.buffer, from, out.position))
    return undefined
  }
}

/** Rows of `width`; a bucket's number is told from the one before it. */
export function writeBuckets(buckets: Buckets, width: number, out: ByteWriter): void {
  out.varint(buckets.length / width)
  let before = 0
  for (let at = 0; at < buckets.length; at += width) {
    const bucket = buckets[at] as number
    out.signed(bucket - before)
    before = bucket
    for (let i = 1; i < width; i++) out.signed(buckets[at + i] as number)
  }
}

export function readBuckets(reader: ByteReader, width: number): Buckets {
  const buckets: number[] = []
  let bucket = 0
  for (let left = reader.varint(); left > 0; left--) {
    bucket += reader.signed()
    buckets.push(bucket)
    for (let i = 1; i < width; i++) buckets.push(reader.signed())
  }
  return buckets
}
