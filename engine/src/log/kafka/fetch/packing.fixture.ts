/**
 * Compression for tests, simple but true to the formats: greedy matches over a table of four-byte
 * prefixes. Only what the decoders must understand is written, in more ways than one encoder would.
 */

interface Sequence {
  readonly literals: Buffer
  /** 0: none, at the end. */
  readonly distance: number
  readonly length: number
}

/** Cuts bytes into literals and repetitions, as LZ77 does. */
function sequences(bytes: Buffer, longest: number): Sequence[] {
  const found: Sequence[] = []
  const seen = new Map<number, number>()
  let from = 0
  let at = 0
  // The formats want the last bytes of a block as literals.
  while (at + 12 < bytes.length) {
    const word = bytes.readUInt32LE(at)
    const before = seen.get(word)
    seen.set(word, at)
    if (before === undefined || at - before > 0xffff) {
      at++
      continue
    }
    let length = 4
    const most = Math.min(longest, bytes.length - 5 - at)
    while (length < most && bytes[before + length] === bytes[at + length]) length++
    found.push({ literals: bytes.subarray(from, at), distance: at - before, length })
    at += length
    from = at
  }
  found.push({ literals: bytes.subarray(from), distance: 0, length: 0 })
  return found
}

const BLOCK = 64 * 1024

/** A frame of independent blocks; a block that does not shrink is stored. */
export function packLz4(bytes: Buffer): Buffer {
  // Version 1, independent blocks; 64 KB blocks; a header checksum that readers may ignore.
  const parts: Buffer[] = [Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])]
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK)
    const packed = lz4Block(block)
    const stored = packed.length >= block.length
    const size = Buffer.alloc(4)
    size.writeUInt32LE((stored ? block.length : packed.length) + (stored ? 0x80000000 : 0))
    parts.push(size, stored ? block : packed)
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

function lz4Block(block: Buffer): Buffer {
  const parts: Buffer[] = []
  for (const { literals, distance, length } of sequences(block, 0x10000)) {
    const match = distance === 0 ? 0 : length - 4
    parts.push(
      Buffer.from([(Math.min(15, literals.length) << 4) | Math.min(15, match)]),
      lz4Rest(literals.length),
      literals,
    )
    if (distance > 0) parts.push(Buffer.from([distance & 0xff, distance >> 8]), lz4Rest(match))
  }
  return Buffer.concat(parts)
}

function lz4Rest(length: number): Buffer {
  if (length < 15) return Buffer.alloc(0)
  const rest = length - 15
  return Buffer.from([...Array<number>(Math.floor(rest / 255)).fill(255), rest % 255])
}

/** One bare block, as librdkafka sends it. */
export function packSnappy(bytes: Buffer): Buffer {
  const parts: Buffer[] = [varint(bytes.length)]
  for (const { literals, distance, length } of sequences(bytes, 64)) {
    if (literals.length > 0) parts.push(snappyLiteral(literals))
    if (distance === 0) continue
    if (length <= 11 && distance < 2048)
      parts.push(Buffer.from([((distance >> 8) << 5) | ((length - 4) << 2) | 1, distance & 0xff]))
    else parts.push(Buffer.from([((length - 1) << 2) | 2, distance & 0xff, distance >> 8]))
  }
  return Buffer.concat(parts)
}

/** The framing of xerial's library, which Java producers use, over blocks of `size` bytes. */
export function packXerial(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = [Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex')]
  for (let at = 0; at < bytes.length; at += size) {
    const block = packSnappy(bytes.subarray(at, at + size))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

function snappyLiteral(literals: Buffer): Buffer {
  const length = literals.length - 1
  if (length < 60) return Buffer.concat([Buffer.from([length << 2]), literals])
  const width = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3
  const head = Buffer.alloc(1 + width)
  head[0] = (59 + width) << 2
  head.writeUIntLE(length, 1, width)
  return Buffer.concat([head, literals])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80)
  return Buffer.from([...bytes, left])
}
