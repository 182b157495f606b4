/**
 * Growable byte writer and bounds-checked reader for the internal formats.
 *
 * A writer is reused epoch after epoch: `reset` keeps its memory, `view` hands out the bytes without
 * a copy (valid until the next write). Varints are LEB128 over safe integers; signed ones zigzag.
 */
import { OpportuneError } from '../errors.ts'

/** A varint's first four bytes hold 28 bits; both halves of a safe integer are then 32-bit ones. */
const LOW_BITS = 28
const LOW = 2 ** LOW_BITS
const GOES_ON = -0x8000_0000

const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

const corrupt = (what: string): OpportuneError => new OpportuneError('frame_corrupt', what)

export class ByteWriter {
  buffer: Buffer
  position = 0

  constructor(initialBytes = 1024) {
    this.buffer = Buffer.allocUnsafe(initialBytes)
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const needed = this.position + bytes
    if (needed <= this.buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.position)
    this.buffer = grown
  }

  byte(value: number): void {
    this.reserve(1)
    this.buffer[this.position++] = value
  }

  /** Unsigned safe integer. */
  varint(value: number): void {
    this.reserve(8)
    const buffer = this.buffer
    let at = this.position
    let rest = value
    if (value >= LOW) {
      // Divided once: a remainder of two doubles for every seven bits is a call into the C library.
      rest = Math.floor(value / LOW)
      const low = value - rest * LOW
      buffer[at++] = (low & 0x7f) | 0x80
      buffer[at++] = ((low >>> 7) & 0x7f) | 0x80
      buffer[at++] = ((low >>> 14) & 0x7f) | 0x80
      buffer[at++] = (low >>> 21) | 0x80
    }
    while (rest >= 0x80) {
      buffer[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buffer[at++] = rest
    this.position = at
  }

  /** Signed safe integer. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  double(value: number): void {
    this.reserve(8)
    this.position = this.buffer.writeDoubleLE(value, this.position)
  }

  /** Length-prefixed UTF-8. */
  text(value: string): void {
    const length = value.length
    if (length < 64) {
      this.reserve(3 * length + 1)
      const at = this.position + 1
      let position = at
      const buffer = this.buffer
      let i = 0
      for (; i < length; i++) {
        const c = value.charCodeAt(i)
        if (c >= 0x80) break
        buffer[position++] = c
      }
      if (i === length) {
        buffer[at - 1] = length
        this.position = position
        return
      }
    }
    const bytes = Buffer.byteLength(value, 'utf8')
    this.varint(bytes)
    this.reserve(bytes)
    this.position += this.buffer.write(value, this.position, 'utf8')
  }

  /** Room for a length that `endValue` writes once what follows is known. @returns where it is */
  beginValue(): number {
    this.reserve(1)
    return this.position++
  }

  /**
   * Puts the length of everything written since `beginValue` in front of it. One byte is kept free,
   * for values are mostly short; a longer length moves the value.
   */
  endValue(begun: number): void {
    const start = begun + 1
    const length = this.position - start
    if (length < 0x80) {
      this.buffer[begun] = length
      return
    }
    const prefix = varintBytes(length)
    // Room first: growing the buffer keeps only what lies before `position`.
    this.reserve(prefix + 8)
    this.buffer.copyWithin(begun + prefix, start, start + length)
    this.position = begun
    this.varint(length)
    this.position = begun + prefix + length
  }

  /** Length-prefixed bytes. */
  bytes(value: Uint8Array): void {
    this.varint(value.length)
    this.raw(value)
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length)
    this.buffer.set(value, this.position)
    this.position += value.length
  }

  reset(): void {
    this.position = 0
  }

  /** What was written, without a copy; valid until the next write. */
  view(): Buffer {
    return this.buffer.subarray(0, this.position)
  }

  /** A copy of what was written. */
  copy(): Buffer {
    return Buffer.from(this.view())
  }
}

export class ByteReader {
  buffer: Buffer
  position: number
  end: number

  constructor(bytes: Uint8Array) {
    this.buffer = asBuffer(bytes)
    this.position = 0
    this.end = bytes.length
  }

  get done(): boolean {
    return this.position >= this.end
  }

  byte(): number {
    const value = this.buffer[this.position]
    if (value === undefined || this.position >= this.end) throw corrupt('A byte is missing.')
    this.position++
    return value
  }

  varint(): number {
    const low = this.#bits()
    if (low >= 0) return low
    const high = this.#bits()
    if (high >= 0) return high * LOW + (low & (LOW - 1))
    throw corrupt('A varint is too long.')
  }

  signed(): number {
    const z = this.varint()
    if (z < 0x8000_0000) return (z >>> 1) ^ -(z & 1)
    const half = Math.floor(z / 2)
    return half * 2 === z ? half : -half - 1
  }

  double(): number {
    this.need(8)
    const value = this.buffer.readDoubleLE(this.position)
    this.position += 8
    return value
  }

  text(): string {
    const length = this.varint()
    this.need(length)
    const start = this.position
    this.position += length
    // Short keys are nearly always ASCII; latin1 decoding is several times cheaper than UTF-8.
    for (let i = start; i < this.position; i++)
      if ((this.buffer[i] as number) >= 0x80)
        return this.buffer.toString('utf8', start, this.position)
    return this.buffer.toString('latin1', start, this.position)
  }

  /** Reads [from, to) of a buffer from now on: a reader that is kept need not be made anew. */
  over(buffer: Buffer, from: number, to: number): void {
    this.buffer = buffer
    this.position = from
    this.end = to
  }

  /** Steps over `length` bytes. @returns where they begin */
  skip(length: number): number {
    this.need(length)
    const start = this.position
    this.position = start + length
    return start
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.varint()
    this.need(length)
    const view = this.buffer.subarray(this.position, this.position + length)
    this.position += length
    return view
  }

  /** Up to 28 bits of a varint; negative where it goes on after them. */
  #bits(): number {
    const { buffer, end } = this
    let at = this.position
    let bits = 0
    for (let shift = 0; shift < LOW_BITS; shift += 7) {
      if (at >= end) throw corrupt('A byte is missing.')
      const b = buffer[at++] as number
      bits |= (b & 0x7f) << shift
      if (b < 0x80) {
        this.position = at
        return bits
      }
    }
    this.position = at
    return bits | GOES_ON
  }

  private need(bytes: number): void {
    if (this.position + bytes > this.end) throw corrupt('Bytes are missing.')
  }
}

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
