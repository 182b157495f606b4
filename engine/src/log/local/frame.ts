/**
 * Frames: the packed form in which the in-process logs keep the records of one write.
 *
 * A frame is one run of bytes: header, columns of fixed width, payload. It owns nothing else, so it
 * can be stored, cached and handed out without being decoded; record `i` is found through the
 * columns and its key and value become views only when asked for.
 *
 *   0 u32 CRC-32 of everything after it   4 u32 length   8 u8 version   9 u8 flags   12 u32 records
 *  16 f64 offset of record 0             24 f64 time of the append (ms)
 *  32 f64 timestamp of record 0 (ms)     40 u32 sum of value sizes      44 u32 offsets spanned
 *  48 columns: u32 key end, u32 value end, [u32 headers end], [u32 offset - base], [f64 timestamp]
 *
 * Ends count from the start of the payload; their top bit says that the key or value is null.
 * Columns in brackets exist only where a flag says so. All numbers are little endian.
 *
 * Invariants: offsets grow strictly within a frame; `base` changes only through `place`, before the
 * frame is visible to anybody. Unsealed frames (in memory) have no CRC.
 */
import { crc32 } from 'node:zlib'
import { asBuffer } from '../../codec/bytes.ts'
import { assert, OpportuneError } from '../../errors.ts'
import type { ByteRange, OutgoingRecord } from '../port.ts'
import { headersSize, readHeaders, writeHeaders } from './headers.ts'

const HEADER_BYTES = 48
const VERSION = 1
const NULL_BIT = 0x80000000
const END_MASK = 0x7fffffff
const HAS_HEADERS = 1
const HAS_GAPS = 2
const HAS_TIMES = 4

/** Records of one write are cut into frames of about this many bytes. */
const FRAME_BYTES = 1 << 20

export type Headers = readonly (readonly [string, Uint8Array])[]

export class Frame {
  readonly bytes: Uint8Array
  /** Size in bytes. */
  readonly length: number
  readonly count: number
  /** Sum of the value sizes in bytes. */
  readonly valueBytes: number
  /** ms since 1970. */
  readonly appendedAt: number
  /** Offsets from `base` to the last record, both included. */
  readonly span: number
  readonly #buffer: Buffer
  readonly #view: DataView
  readonly #flags: number
  readonly #firstTime: number
  readonly #valueEnds: number
  readonly #headerEnds: number
  readonly #offsets: number
  readonly #times: number
  readonly #payload: number
  #base: number

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.bytes = bytes
    this.#buffer = asBuffer(bytes)
    this.#view = view
    this.length = bytes.byteLength
    this.#flags = view.getUint8(9)
    const count = view.getUint32(12, true)
    this.count = count
    this.#base = view.getFloat64(16, true)
    this.appendedAt = view.getFloat64(24, true)
    this.#firstTime = view.getFloat64(32, true)
    this.valueBytes = view.getUint32(40, true)
    this.span = view.getUint32(44, true)
    this.#valueEnds = HEADER_BYTES + 4 * count
    this.#headerEnds = this.#valueEnds + 4 * count
    this.#offsets = this.#headerEnds + (this.#flags & HAS_HEADERS ? 4 * count : 0)
    this.#times = this.#offsets + (this.#flags & HAS_GAPS ? 4 * count : 0)
    this.#payload = this.#times + (this.#flags & HAS_TIMES ? 8 * count : 0)
  }

  /** Offset of the first record. */
  get base(): number {
    return this.#base
  }

  /** The offset after the last record. */
  get end(): number {
    return this.#base + this.span
  }

  /** Gives the frame its offsets; only while nobody else can see it. */
  place(base: number): void {
    this.#base = base
    this.#view.setFloat64(16, base, true)
  }

  /** Writes the checksum; call after `place`. */
  seal(): void {
    this.#view.setUint32(0, crc32(this.bytes.subarray(4)), true)
  }

  offset(index: number): number {
    return this.#flags & HAS_GAPS
      ? this.#base + this.#view.getUint32(this.#offsets + 4 * index, true)
      : this.#base + index
  }

  /** The first index whose offset is at or after `offset`; `count` where there is none. */
  indexOf(offset: number): number {
    if (offset <= this.#base) return 0
    if (!(this.#flags & HAS_GAPS)) return Math.min(offset - this.#base, this.count)
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.offset(middle) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  timestamp(index: number): number {
    return this.#flags & HAS_TIMES
      ? this.#view.getFloat64(this.#times + 8 * index, true)
      : this.#firstTime
  }

  key(index: number): Uint8Array | null {
    const end = this.#view.getUint32(HEADER_BYTES + 4 * index, true)
    return end >= NULL_BIT ? null : this.#bytesBetween(this.#recordStart(index), end)
  }

  value(index: number): Uint8Array | null {
    const end = this.#view.getUint32(this.#valueEnds + 4 * index, true)
    return end >= NULL_BIT ? null : this.#bytesBetween(this.#keyEnd(index), end)
  }

  /** Points `range` at what `value` would give a view of; false where it is null. */
  locate(index: number, range: ByteRange): boolean {
    const end = this.#view.getUint32(this.#valueEnds + 4 * index, true)
    if (end >= NULL_BIT) return false
    range.buffer = this.#buffer
    range.from = this.#payload + this.#keyEnd(index)
    range.to = this.#payload + end
    return true
  }

  valueSize(index: number): number {
    const end = this.#view.getUint32(this.#valueEnds + 4 * index, true)
    return end >= NULL_BIT ? 0 : end - this.#keyEnd(index)
  }

  headers(index: number): Headers {
    if (!(this.#flags & HAS_HEADERS)) return []
    const start = this.#view.getUint32(this.#valueEnds + 4 * index, true) & END_MASK
    const end = this.#view.getUint32(this.#headerEnds + 4 * index, true)
    return start === end ? [] : readHeaders(this.#bytesBetween(start, end))
  }

  #keyEnd(index: number): number {
    return this.#view.getUint32(HEADER_BYTES + 4 * index, true) & END_MASK
  }

  #recordStart(index: number): number {
    if (index === 0) return 0
    return this.#flags & HAS_HEADERS
      ? this.#view.getUint32(this.#headerEnds + 4 * (index - 1), true)
      : this.#view.getUint32(this.#valueEnds + 4 * (index - 1), true) & END_MASK
  }

  #bytesBetween(start: number, end: number): Uint8Array {
    return new Uint8Array(
      this.bytes.buffer as ArrayBuffer,
      this.bytes.byteOffset + this.#payload + start,
      end - start,
    )
  }
}

/**
 * Reads the frames that stand back to back in `bytes`, checking their checksums.
 * @throws log_corrupt, frame_version
 */
export function parseFrames(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: Frame[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const length = at + HEADER_BYTES <= bytes.byteLength ? view.getUint32(at + 4, true) : 0
    if (length < HEADER_BYTES || at + length > bytes.byteLength)
      throw new OpportuneError('log_corrupt', 'A frame has an impossible length.', { length, at })
    const frame = bytes.subarray(at, at + length)
    if (crc32(frame.subarray(4)) !== view.getUint32(at, true))
      throw new OpportuneError('log_corrupt', 'A frame fails its checksum.', { length, at })
    const version = view.getUint8(at + 8)
    if (version > VERSION)
      throw new OpportuneError('frame_version', 'A log frame is of a later version.', { version })
    frames.push(new Frame(frame))
    at += length
  }
  return frames
}

export interface PackOptions {
  /** The time of the append in ms since 1970; also the timestamp of records that bring none. */
  readonly now: number
  readonly maxRecordBytes: number
}

/**
 * Copies records into frames. Nothing is copied before every size is known to be allowed.
 * @throws log_record_too_large
 */
export function pack(records: readonly OutgoingRecord[], options: PackOptions): Frame[] {
  const cuts: number[] = []
  let frameBytes = 0
  for (let i = 0; i < records.length; i++) {
    const bytes = recordSize(records[i] as OutgoingRecord)
    if (bytes > options.maxRecordBytes)
      throw new OpportuneError('log_record_too_large', `Record ${i} of the write is too large.`, {
        bytes,
        limit: options.maxRecordBytes,
      })
    if (frameBytes > 0 && frameBytes + bytes > FRAME_BYTES) {
      cuts.push(i)
      frameBytes = 0
    }
    frameBytes += bytes
  }
  if (records.length === 0) return []
  if (cuts.length === 0) return [packFrame(records, undefined, options.now)]
  return [0, ...cuts].map((from, i) =>
    packFrame(records.slice(from, cuts[i]), undefined, options.now),
  )
}

/** Packs records that already have offsets (growing strictly); the frame is placed. */
export function packWithOffsets(
  records: readonly OutgoingRecord[],
  offsets: readonly number[],
  appendedAt: number,
): Frame {
  const frame = packFrame(records, offsets, appendedAt)
  frame.place(offsets[0] as number)
  return frame
}

function recordSize(record: OutgoingRecord): number {
  const plain = (record.key?.byteLength ?? 0) + (record.value?.byteLength ?? 0)
  return record.headers === undefined ? plain : plain + headersSize(record.headers)
}

interface Shape {
  readonly flags: number
  readonly payload: number
  readonly valueBytes: number
  readonly firstTime: number
}

function measure(
  records: readonly OutgoingRecord[],
  offsets: readonly number[] | undefined,
  now: number,
): Shape {
  const firstTime = records[0]?.timestamp ?? now
  let flags = 0
  let payload = 0
  let valueBytes = 0
  for (const record of records) {
    payload += recordSize(record)
    valueBytes += record.value?.byteLength ?? 0
    if (record.headers !== undefined && record.headers.length > 0) flags |= HAS_HEADERS
    if ((record.timestamp ?? now) !== firstTime) flags |= HAS_TIMES
  }
  const span = offsets === undefined ? 0 : (offsets.at(-1) as number) - (offsets[0] as number) + 1
  if (offsets !== undefined && span !== records.length) flags |= HAS_GAPS
  return { flags, payload, valueBytes, firstTime }
}

function packFrame(
  records: readonly OutgoingRecord[],
  offsets: readonly number[] | undefined,
  now: number,
): Frame {
  const count = records.length
  const shape = measure(records, offsets, now)
  const width =
    8 +
    (shape.flags & HAS_HEADERS ? 4 : 0) +
    (shape.flags & HAS_GAPS ? 4 : 0) +
    (shape.flags & HAS_TIMES ? 8 : 0)
  const payloadStart = HEADER_BYTES + count * width
  const length = payloadStart + shape.payload
  assert(shape.payload < NULL_BIT, 'a frame stays below 2 GiB')
  // Slow buffers own their memory: a frame kept for long must not pin a shared pool slab, and a
  // small one is not worth an allocation of its own.
  const bytes = length < 2048 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  view.setUint32(0, 0, true)
  view.setUint32(4, length, true)
  view.setUint32(8, VERSION | (shape.flags << 8), true)
  view.setUint32(12, count, true)
  view.setFloat64(16, 0, true)
  view.setFloat64(24, now, true)
  view.setFloat64(32, shape.firstTime, true)
  view.setUint32(40, shape.valueBytes, true)
  const base = offsets?.[0] ?? 0
  view.setUint32(44, offsets === undefined ? count : (offsets.at(-1) as number) - base + 1, true)
  fillPayload(records, { view, bytes, payloadStart, flags: shape.flags })
  let column = HEADER_BYTES + count * (shape.flags & HAS_HEADERS ? 12 : 8)
  if (shape.flags & HAS_GAPS && offsets !== undefined) {
    for (let i = 0; i < count; i++)
      view.setUint32(column + 4 * i, (offsets[i] as number) - base, true)
    column += 4 * count
  }
  if (shape.flags & HAS_TIMES)
    for (let i = 0; i < count; i++)
      view.setFloat64(column + 8 * i, records[i]?.timestamp ?? now, true)
  return new Frame(bytes)
}

interface Target {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly payloadStart: number
  readonly flags: number
}

function fillPayload(records: readonly OutgoingRecord[], target: Target): void {
  const { view, bytes, payloadStart } = target
  const count = records.length
  const valueEnds = HEADER_BYTES + 4 * count
  const headerEnds = valueEnds + 4 * count
  let at = 0
  for (let i = 0; i < count; i++) {
    const record = records[i] as OutgoingRecord
    if (record.key !== null) {
      bytes.set(record.key, payloadStart + at)
      at += record.key.byteLength
    }
    view.setUint32(HEADER_BYTES + 4 * i, record.key === null ? at + NULL_BIT : at, true)
    if (record.value !== null) {
      bytes.set(record.value, payloadStart + at)
      at += record.value.byteLength
    }
    view.setUint32(valueEnds + 4 * i, record.value === null ? at + NULL_BIT : at, true)
    if (target.flags & HAS_HEADERS) {
      if (record.headers !== undefined && record.headers.length > 0)
        at += writeHeaders(record.headers, bytes.subarray(payloadStart + at))
      view.setUint32(headerEnds + 4 * i, at, true)
    }
  }
}
