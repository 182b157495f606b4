/**
 * Record batches, format 2 (kafka.apache.org/documentation/#recordbatch): the header, and the records
 * as columns of positions in the (unpacked) bytes. Nothing is copied; keys, values and headers are
 * views made when they are asked for.
 *
 * Every varint and every size is checked against the bytes there are, and a record has to end where
 * its own size says: bytes that were damaged give `CorruptData`, never a read elsewhere. Damage that
 * keeps the framing intact is only seen with the checksum on.
 */
import type { ByteRange } from '../../port.ts'
import { CorruptData } from './corrupt.ts'

/** Bytes in front of the records. */
export const BATCH_HEADER = 61
/** Offset and length, which the length itself does not count. */
const PREFIX = 12
/** The smallest record: its size and six fields of a byte each. */
const SMALLEST_RECORD = 7

export interface BatchHeader {
  /** Where the batch is in its response. */
  readonly from: number
  readonly to: number
  readonly baseOffset: number
  /** The last offset the batch stands for; compaction may have removed the record. */
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly crc: number
  readonly codec: number
  readonly transactional: boolean
  readonly control: boolean
  /** The time of the append, which then counts for all records, or undefined. */
  readonly appendTime: number | undefined
  readonly baseTimestamp: number
  readonly producer: bigint
  readonly count: number
}

/** `partial`: the bytes end inside the batch, as the last batch of a fetch may. */
export type HeaderResult = BatchHeader | 'partial' | 'old_format'

const int64 = (bytes: Buffer, at: number): number =>
  bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)

/** @throws CorruptData where the header contradicts itself */
export function readBatchHeader(bytes: Buffer, from: number, end: number): HeaderResult {
  if (end - from < PREFIX) return 'partial'
  const length = bytes.readInt32BE(from + 8)
  // Formats 0 and 1 have the magic byte at the same place, and are shorter.
  if (length < 5) throw new CorruptData(`a batch of ${length} bytes`)
  if (end - from > PREFIX + 4) {
    const magic = bytes[from + 16] as number
    if (magic < 2) return 'old_format'
    if (magic > 2) throw new CorruptData(`a batch of format ${magic}`)
  }
  const to = from + PREFIX + length
  if (to > end) return 'partial'
  if (length < BATCH_HEADER - PREFIX) throw new CorruptData(`a batch of ${length} bytes`)
  const baseOffset = int64(bytes, from)
  const lastDelta = bytes.readInt32BE(from + 23)
  const count = bytes.readInt32BE(from + 57)
  if (baseOffset < 0 || lastDelta < 0 || count < 0 || count > lastDelta + 1)
    throw new CorruptData('a batch with impossible offsets')
  const attributes = bytes.readInt16BE(from + 21)
  return {
    from,
    to,
    baseOffset,
    lastOffset: baseOffset + lastDelta,
    leaderEpoch: bytes.readInt32BE(from + 12),
    crc: bytes.readUInt32BE(from + 17),
    codec: attributes & 7,
    transactional: (attributes & 0x10) !== 0,
    control: (attributes & 0x20) !== 0,
    appendTime: (attributes & 8) !== 0 ? int64(bytes, from + 35) : undefined,
    baseTimestamp: int64(bytes, from + 27),
    producer: bytes.readBigInt64BE(from + 43),
    count,
  }
}

/** What of a batch its checksum covers: everything behind it. */
export const checkedRange = (header: BatchHeader): { from: number; to: number } => ({
  from: header.from + 21,
  to: header.to,
})

const COLUMNS = 6
const KEY = 0
const KEY_SIZE = 1
const VALUE = 2
const VALUE_SIZE = 3
const HEADERS = 4
const DELTA = 5

/** The records of one batch. Sizes of null keys and values are -1. */
export class Segment {
  readonly bytes: Buffer
  readonly count: number
  /** Sum of the value sizes. */
  readonly valueBytes: number
  readonly #columns: Int32Array
  readonly #times: Float64Array
  readonly #baseOffset: number

  constructor(bytes: Buffer, header: BatchHeader, columns: Columns) {
    this.bytes = bytes
    this.count = header.count
    this.valueBytes = columns.valueBytes
    this.#columns = columns.positions
    this.#times = columns.times
    this.#baseOffset = header.baseOffset
  }

  offset(index: number): number {
    return this.#baseOffset + (this.#columns[index * COLUMNS + DELTA] as number)
  }

  timestamp(index: number): number {
    return this.#times[index] as number
  }

  valueSize(index: number): number {
    return Math.max(0, this.#columns[index * COLUMNS + VALUE_SIZE] as number)
  }

  key(index: number): Uint8Array | null {
    return this.#view(index * COLUMNS + KEY)
  }

  value(index: number): Uint8Array | null {
    return this.#view(index * COLUMNS + VALUE)
  }

  locate(index: number, range: ByteRange): boolean {
    const at = index * COLUMNS
    const size = this.#columns[at + VALUE_SIZE] as number
    if (size < 0) return false
    range.buffer = this.bytes
    range.from = this.#columns[at + VALUE] as number
    range.to = range.from + size
    return true
  }

  headers(index: number): readonly (readonly [string, Uint8Array])[] {
    const cursor = new Cursor(this.bytes, this.#columns[index * COLUMNS + HEADERS] as number)
    const count = cursor.varint()
    const headers: (readonly [string, Uint8Array])[] = []
    for (let i = 0; i < count; i++) {
      const nameSize = cursor.varint()
      const name = this.bytes.toString('utf8', cursor.at, cursor.at + nameSize)
      cursor.at += nameSize
      // A header without a value reads as an empty one: the port has no null there.
      const size = Math.max(0, cursor.varint())
      headers.push([name, this.bytes.subarray(cursor.at, cursor.at + size)])
      cursor.at += size
    }
    return headers
  }

  /** The first record at or after `offset`; `count` where there is none. */
  indexOf(offset: number): number {
    if (offset <= this.#baseOffset) return 0
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.offset(middle) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #view(at: number): Uint8Array | null {
    const size = this.#columns[at + 1] as number
    if (size < 0) return null
    const from = this.#columns[at] as number
    return this.bytes.subarray(from, from + size)
  }
}

interface Columns {
  readonly positions: Int32Array
  readonly times: Float64Array
  readonly valueBytes: number
}

/**
 * Decodes the records in bytes [from, to), which are unpacked.
 * @throws CorruptData where they do not follow the format
 */
export function decodeRecords(
  bytes: Buffer,
  from: number,
  to: number,
  header: BatchHeader,
): Segment {
  const { count } = header
  if (count > (to - from) / SMALLEST_RECORD) throw new CorruptData('more records than bytes')
  const positions = new Int32Array(count * COLUMNS)
  const times = new Float64Array(count)
  const { appendTime, baseTimestamp, baseOffset, lastOffset } = header
  const lastDelta = lastOffset - baseOffset
  const cursor = new Cursor(bytes, from)
  let valueBytes = 0
  let before = -1
  for (let index = 0, column = 0; index < count; index++, column += COLUMNS) {
    const size = cursor.varint()
    const end = cursor.at + size
    if (size < SMALLEST_RECORD - 1 || end > to) throw new CorruptData('a record of impossible size')
    cursor.at++
    const time = baseTimestamp + cursor.varlong()
    const delta = cursor.varint()
    if (delta <= before || delta > lastDelta) throw new CorruptData('offsets that do not grow')
    before = delta
    const keySize = cursor.varint()
    const key = cursor.at
    if (keySize > 0) cursor.at += keySize
    // A size may lie; looking no further than the record's end keeps the next reads inside.
    if (cursor.at >= end) throw new CorruptData('a key that ends outside of its record')
    const valueSize = cursor.varint()
    const value = cursor.at
    if (valueSize > 0) {
      cursor.at += valueSize
      valueBytes += valueSize
    }
    if (cursor.at >= end) throw new CorruptData('a value that ends outside of its record')
    positions[column + KEY] = key
    positions[column + KEY_SIZE] = keySize
    positions[column + VALUE] = value
    positions[column + VALUE_SIZE] = valueSize
    positions[column + HEADERS] = cursor.at
    positions[column + DELTA] = delta
    times[index] = appendTime ?? time
    if (bytes[cursor.at] === 0) cursor.at++
    else cursor.skipHeaders(end)
    if (cursor.at !== end) throw new CorruptData('a record that does not end where it says')
  }
  if (cursor.at !== to) throw new CorruptData('bytes behind the last record')
  return new Segment(bytes, header, { positions, times, valueBytes })
}

/** Reads signed (zigzag) varints. Reading behind the end gives 0, and the sizes then do not fit. */
class Cursor {
  at: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  varint(): number {
    const bytes = this.#bytes
    let byte = bytes[this.at++] ?? 0
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      byte = bytes[this.at++] ?? 0
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new CorruptData('a varint of more than five bytes')
  }

  /** Exact for deltas below 2^52, in ms some 142,000 years. */
  varlong(): number {
    const bytes = this.#bytes
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const byte = bytes[this.at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      scale *= 128
    }
    throw new CorruptData('a varint of more than ten bytes')
  }

  /** Moves behind the headers of a record that ends at `end`. */
  skipHeaders(end: number): void {
    const count = this.varint()
    if (count < 0 || count > end - this.at) throw new CorruptData('an impossible count of headers')
    for (let i = 0; i < count; i++) {
      const name = this.varint()
      if (name < 0 || name >= end - this.at) throw new CorruptData('a header of impossible size')
      this.at += name
      const size = this.varint()
      if (size > end - this.at) throw new CorruptData('a header of impossible size')
      if (size > 0) this.at += size
    }
  }
}
