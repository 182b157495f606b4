/**
 * Growable byte writer and bounds-checked reader for the internal formats.
 *
 * A writer is reused epoch after epoch: `reset` keeps its memory, `view` hands out the bytes without
 * a copy (valid until the next write). Varints are LEB128 over safe integers; signed ones zigzag.
 */
import { OpportuneError } from '../errors.ts'

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
    let rest = value
    while (rest >= 0x80) {
      this.buffer[this.position++] = (rest % 0x80) | 0x80
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80)
    }
    this.buffer[this.position++] = rest
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
    let value = 0
    let scale = 1
    for (let n = 0; n < 8; n++) {
      const b = this.byte()
      value += (b & 0x7f) * scale
      if (b < 0x80) return value
      scale *= 0x80
    }
    throw corrupt('A varint is too long.')
  }

  signed(): number {
    const z = this.varint()
    return z % 2 === 0 ? z / 2 : -(z + 1) / 2
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

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.varint()
    this.need(length)
    const view = this.buffer.subarray(this.position, this.position + length)
    this.position += length
    return view
  }

  private need(bytes: number): void {
    if (this.position + bytes > this.end) throw corrupt('Bytes are missing.')
  }
}

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
