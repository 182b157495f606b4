/**
 * Snappy decompression: the block format (google/snappy, format_description.txt), and the framing of
 * xerial's library that Java producers put around blocks. librdkafka and most others send one bare
 * block. Own code for the same reasons as lz4.ts.
 */
import { CorruptData } from './corrupt.ts'
import { Output } from './output.ts'

/** 0x82 "SNAPPY" 0x00, then two versions of four bytes. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16

/** @throws CorruptData where the bytes do not decode, or unpack to more than `limit` bytes */
export function unpackSnappy(bytes: Buffer, limit: number): Buffer {
  if (bytes.length < XERIAL_HEADER || !bytes.subarray(0, XERIAL.length).equals(XERIAL)) {
    const size = preamble(bytes, 0, bytes.length)
    const output = new Output(size.value, limit)
    unpackBlock(bytes, size.next, bytes.length, { output, size: size.value })
    return output.finish()
  }
  const output = new Output(bytes.length * 4, limit)
  for (let at = XERIAL_HEADER; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new CorruptData('a snappy chunk that ends early')
    const from = at + 4
    const to = from + bytes.readUInt32BE(at)
    if (to > bytes.length) throw new CorruptData('a snappy chunk that ends early')
    const size = preamble(bytes, from, to)
    unpackBlock(bytes, size.next, to, { output, size: size.value })
    at = to
  }
  return output.finish()
}

/** The size when unpacked, in front of each block. */
function preamble(bytes: Buffer, from: number, to: number): { value: number; next: number } {
  let value = 0
  for (let at = from; at < Math.min(to, from + 5); at++) {
    const byte = bytes[at] as number
    value += (byte & 0x7f) * 2 ** (7 * (at - from))
    if (byte < 0x80) return { value, next: at + 1 }
  }
  throw new CorruptData('a snappy block without a size')
}

interface Block {
  readonly output: Output
  readonly size: number
}

function unpackBlock(source: Buffer, from: number, to: number, block: Block): void {
  const { output } = block
  const start = output.length
  let at = from
  while (at < to) {
    const tag = source[at++] as number
    const kind = tag & 3
    if (kind === 0) {
      let length = tag >>> 2
      const extra = Math.max(0, length - 59)
      if (extra > to - at) throw new CorruptData('a snappy literal that ends early')
      if (extra > 0) {
        length = source.readUIntLE(at, extra)
        at += extra
      }
      const end = at + length + 1
      if (end > to) throw new CorruptData('a snappy literal that ends early')
      output.append(source, at, end)
      at = end
      continue
    }
    const width = kind === 3 ? 4 : kind
    if (width > to - at) throw new CorruptData('a snappy copy that ends early')
    const distance =
      kind === 1 ? ((tag >>> 5) << 8) | (source[at] as number) : source.readUIntLE(at, width)
    // A copy reaches back within its own block only.
    if (distance > output.length - start) throw new CorruptData('a snappy copy from another block')
    output.repeat(distance, kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1)
    at += width
  }
  if (output.length - start !== block.size) throw new CorruptData('a snappy block of another size')
}
