/**
 * LZ4 decompression as Kafka uses it: one frame (lz4_Frame_format.md, version 1.6), of blocks
 * (lz4_Block_format.md), linked or independent. Checksums inside the frame are skipped: the record
 * batch around it has one of its own, and the network and the log below theirs.
 *
 * Own code instead of a library because the output has to be bounded (a frame of 1 MB may unpack to
 * 255 MB) and because the N-API binding tried (lz4-napi 2.10) took as long on batches of 16 KB:
 * 23 to 40 us against 19 us, most of it for handing over its buffer.
 */
import { CorruptData } from './corrupt.ts'
import { Output } from './output.ts'

const MAGIC = 0x184d2204
const HAS_DICTIONARY = 0x01
const HAS_CONTENT_CHECKSUM = 0x04
const HAS_CONTENT_SIZE = 0x08
const HAS_BLOCK_CHECKSUMS = 0x10
const STORED = 0x80000000

/** @throws CorruptData where the bytes are not a frame, or unpack to more than `limit` bytes */
export function unpackLz4(frame: Buffer, limit: number): Buffer {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw new CorruptData('no lz4 frame')
  const flags = frame[4] as number
  if (flags >>> 6 !== 1 || (flags & HAS_DICTIONARY) !== 0)
    throw new CorruptData('an lz4 frame of another version or with a dictionary')
  const sized = (flags & HAS_CONTENT_SIZE) !== 0
  if (frame.length < (sized ? 15 : 7)) throw new CorruptData('an lz4 frame that ends in its header')
  const size = sized ? frame.readUInt32LE(6) + frame.readUInt32LE(10) * 2 ** 32 : frame.length * 4
  const output = new Output(size, limit)
  let at = sized ? 15 : 7
  for (;;) {
    if (at + 4 > frame.length) throw new CorruptData('an lz4 frame without an end')
    const word = frame.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const to = at + (word % STORED)
    if (to > frame.length) throw new CorruptData('an lz4 block that ends early')
    if (word >= STORED) output.append(frame, at, to)
    else unpackBlock(frame, at, to, output)
    at = to + ((flags & HAS_BLOCK_CHECKSUMS) !== 0 ? 4 : 0)
  }
  if ((flags & HAS_CONTENT_CHECKSUM) !== 0 && at + 4 > frame.length)
    throw new CorruptData('an lz4 frame without its checksum')
  return output.finish()
}

function unpackBlock(source: Buffer, from: number, to: number, output: Output): void {
  let at = from
  while (at < to) {
    const token = source[at++] as number
    let literals = token >>> 4
    if (literals === 15) {
      for (let byte = 255; byte === 255; literals += byte) {
        if (at >= to) throw new CorruptData('an lz4 length that ends early')
        byte = source[at++] as number
      }
    }
    if (literals > to - at) throw new CorruptData('lz4 literals that end early')
    if (literals > 0) output.append(source, at, at + literals)
    at += literals
    // The last sequence of a block has literals only.
    if (at === to) return
    if (at + 2 > to) throw new CorruptData('an lz4 match that ends early')
    const distance = (source[at] as number) | ((source[at + 1] as number) << 8)
    at += 2
    let length = token & 15
    if (length === 15) {
      for (let byte = 255; byte === 255; length += byte) {
        if (at >= to) throw new CorruptData('an lz4 length that ends early')
        byte = source[at++] as number
      }
    }
    output.repeat(distance, length + 4)
  }
}
