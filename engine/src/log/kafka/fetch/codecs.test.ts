import * as zlib from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Codecs, codecName, loadZstdWasm, type Unpack } from './codecs.ts'
import { CorruptData } from './corrupt.ts'
import { unpackLz4 } from './lz4.ts'
import { packLz4, packSnappy, packXerial } from './packing.fixture.ts'
import { unpackSnappy } from './snappy.ts'

const MOST = 1 << 20

/** Text with repetitions near and far, runs, and noise. */
const content = fc
  .array(
    fc.oneof(
      fc.string({ maxLength: 30 }).map((it) => Buffer.from(it)),
      fc.uint8Array({ maxLength: 80 }).map((it) => Buffer.from(it)),
      fc.tuple(fc.nat(255), fc.nat(400)).map(([byte, size]) => Buffer.alloc(size, byte)),
      fc
        .nat(50)
        .map((n) => Buffer.from('one of a few sentences that come again and again '.repeat(n))),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat([...parts, ...parts.slice(0, 3)]))

/** What the tools of the formats' authors made of this: 200 times `aaaaaaaaaabbbbbbbbbb`. */
const TEXT = Buffer.from('aaaaaaaaaabbbbbbbbbb'.repeat(200))
const BY_TOOLS = {
  /** lz4 1.9.4, `-BD`: linked blocks, a checksum of the content */
  lz4: 'BCJNGGRApygAAAAVYQEAFWIBAAUTABVhEwAPFAD///////////////////9wUGJiYmJiAAAAAMFqojQ=',
  /** `-B4 -BX`: a checksum of each block as well */
  lz4Checked:
    'BCJNGHRAvSgAAAAVYQEAFWIBAAUTABVhEwAPFAD///////////////////9wUGJiYmJiWcpZiAAAAADBaqI0',
  /** zstd 1.5.4 from a pipe: a frame that does not tell its size */
  zstd: 'KLUv/QRYnQIAFtkPBOAPgVENAA0ADQBVVVVVVVVVVVVVVVUlqqqqqqqqqqqqqqqqKlVVVVVVVVVVVVVVVTVVVVVVVVVVVVVVVVUFgZCYEeAfABGc8AfVarWjgCpxe+Xz',
} as const

const fromTool = (name: keyof typeof BY_TOOLS): Buffer => Buffer.from(BY_TOOLS[name], 'base64')

describe.each([
  ['lz4', unpackLz4, packLz4],
  ['snappy', unpackSnappy, packSnappy],
  ['snappy in the frames of Java', unpackSnappy, (bytes: Buffer) => packXerial(bytes, 100)],
] as const)('%s', (_name, unpack, pack) => {
  test('gives back what was packed', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        expect(unpack(pack(bytes), MOST).equals(bytes)).toBe(true)
      }),
    )
    const large = Buffer.concat(
      Array.from({ length: 40 }, (_, i) => Buffer.alloc(5_000 + i, `${i} `)),
    )
    expect(unpack(pack(large), MOST).equals(large)).toBe(true)
  })

  test('bytes that end early, or were flipped, are damage or other bytes within the limit', () => {
    const packed = pack(Buffer.from('abcabcabcabcabcabcabc, and abcabcabc again'.repeat(3)))
    const limit = 4_096
    const check = (bytes: Buffer): void => {
      try {
        expect(unpack(bytes, limit).length).toBeLessThanOrEqual(limit)
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptData)
      }
    }
    for (let end = 0; end < packed.length; end++) check(packed.subarray(0, end))
    for (let bit = 0; bit < packed.length * 8; bit++) {
      const flipped = Buffer.from(packed)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      check(flipped)
    }
  })

  test('stops at the limit', () => {
    const packed = pack(Buffer.alloc(10_000, 'x'))
    expect(() => unpack(packed, 9_999)).toThrow(CorruptData)
    expect(unpack(packed, 10_000).length).toBe(10_000)
  })
})

test('lz4 of the reference tool: linked blocks, checksums of blocks and content', () => {
  expect(unpackLz4(fromTool('lz4'), MOST).equals(TEXT)).toBe(true)
  expect(unpackLz4(fromTool('lz4Checked'), MOST).equals(TEXT)).toBe(true)
})

describe('zstd by WebAssembly', () => {
  test('reads a frame of the reference tool that does not tell its size, within the limit', async () => {
    const unpack = (await loadZstdWasm()) as Unpack
    expect(unpack(fromTool('zstd'), MOST).equals(TEXT)).toBe(true)
    expect(unpack(fromTool('zstd'), TEXT.length).equals(TEXT)).toBe(true)
    expect(() => unpack(fromTool('zstd'), TEXT.length - 1)).toThrow(CorruptData)
  })

  test('damage and early ends are told, without an endless loop', async () => {
    const unpack = (await loadZstdWasm()) as Unpack
    const packed = fromTool('zstd')
    const damaged = (bytes: Buffer): boolean => {
      try {
        unpack(bytes, MOST)
        return false
      } catch (error) {
        if (error instanceof CorruptData) return true
        throw error
      }
    }
    let noticed = 0
    for (let at = 0; at < packed.length; at++) {
      if (at > 0) expect(damaged(packed.subarray(0, at))).toBe(true)
      const flipped = Buffer.from(packed)
      flipped[at] = (flipped[at] as number) ^ 0x10
      if (damaged(flipped)) noticed++
    }
    expect(noticed).toBeGreaterThan(packed.length / 2)
    expect(unpack(packed, MOST).equals(TEXT)).toBe(true)
  })
})

describe('the table of codecs', () => {
  test('has all five of Kafka, zstd once it was loaded', async () => {
    const codecs = new Codecs()
    expect(codecs.get(4)).toBeUndefined()
    expect([0, 1, 2, 3, 4].map(codecName)).toEqual(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    expect(await Promise.all([0, 1, 2, 3, 4].map((id) => codecs.load(id)))).not.toContain(false)
    expect(codecs.get(4)?.(fromTool('zstd'), MOST).equals(TEXT)).toBe(true)
    expect(codecs.get(1)?.(zlib.gzipSync(TEXT), MOST).equals(TEXT)).toBe(true)
    expect(() => codecs.get(1)?.(zlib.gzipSync(TEXT), 100)).toThrow(CorruptData)
    expect(() => codecs.get(1)?.(TEXT, MOST)).toThrow(CorruptData)
  })

  test('says no to a codec that is not there, and to numbers Kafka does not have', async () => {
    const codecs = new Codecs({ zstd: async () => undefined })
    expect(await codecs.load(4)).toBe(false)
    expect(await codecs.load(6)).toBe(false)
    expect(codecName(6)).toBeUndefined()
  })
})
