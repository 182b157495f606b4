import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  hash53,
  hashPair,
  KEY_GROUPS,
  keyGroup,
  murmur3,
  murmur3Latin1,
  murmur128Latin1,
} from './hash.ts'

const QUICK_FOX = 'The quick brown fox jumps over the lazy dog'

describe('murmur3 x86 32', () => {
  // Widely published values, e.g. in the Wikipedia article on MurmurHash.
  test.each([
    ['', 0x00000000, 0x00000000],
    ['', 0x00000001, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0x00000000, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0x00000000, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    [QUICK_FOX, 0x00000000, 0x2e4ff723],
    [QUICK_FOX, 0x9747b28c, 0x2fa826cd],
  ])('of %j with seed %i', (text, seed, expected) => {
    expect(murmur3(text, seed)).toBe(expected)
  })

  test('passes the verification value of SMHasher', () => {
    expect(verification(4, (bytes, seed) => [murmur3Latin1(bytes, seed)])).toBe(0xb0f57ee3)
  })
})

test('murmur3 x86 128 passes the verification value of SMHasher', () => {
  expect(verification(16, murmur128Latin1)).toBe(0xb3ece62a)
})

test('text is hashed as its UTF-8 bytes, whatever the script', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, seed) => {
      const bytes = Buffer.from(text, 'utf8').toString('latin1')
      expect(murmur3(text, seed)).toBe(murmur3Latin1(bytes, seed))
      expect(hashPair(text, seed)).toEqual(murmur128Latin1(bytes, seed).slice(0, 2))
    }),
  )
})

test('hash53 is an exact non-negative integer below 2^53 and depends on the seed', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer(), (text, seed) => {
      const hash = hash53(text, seed)
      expect(Number.isSafeInteger(hash) && hash >= 0).toBe(true)
      expect(hash53(text, seed + 1)).not.toBe(hash)
    }),
  )
})

test('hash53 uses its high bits: 20,000 serial ids differ in either half', () => {
  const halves = [new Set<number>(), new Set<number>()] as const
  for (let i = 0; i < 20_000; i++) {
    const hash = hash53(`event-${i}`, 0)
    halves[0].add(hash % 0x1_0000_0000)
    halves[1].add(Math.floor(hash / 0x1_0000_0000))
  }
  // Expected distinct values: 19,999.95 of 2^32 and 19,905 of 2^21.
  expect(halves[0].size).toBeGreaterThan(19_990)
  expect(halves[1].size).toBeGreaterThan(19_850)
})

test('key groups are 0..255, fixed for ever, and evenly filled by serial keys', () => {
  expect(['', 'customer-1', 'Zoë', '𝒳'].map(keyGroup)).toEqual([0, 164, 26, 206])
  const filled = Array.from({ length: KEY_GROUPS }, () => 0)
  for (let i = 0; i < 25_600; i++) {
    const group = keyGroup(`customer-${i}`)
    filled[group] = (filled[group] ?? 0) + 1
  }
  expect(Math.min(...filled)).toBeGreaterThan(60)
  expect(Math.max(...filled)).toBeLessThan(145)
})

/**
 * SMHasher's verification: hash {}, {0}, {0,1}, ... {0..254} with seeds 256 - length, then the
 * concatenated hashes with seed 0; the first 4 bytes of that.
 */
function verification(
  width: number,
  hash: (bytes: string, seed: number) => readonly number[],
): number {
  const all = Buffer.alloc(256 * width)
  let key = ''
  for (let i = 0; i < 256; i++) {
    hash(key, 256 - i).forEach((w, n) => {
      all.writeUInt32LE(w, i * width + n * 4)
    })
    key += String.fromCharCode(i)
  }
  return hash(all.toString('latin1'), 0)[0] as number
}
