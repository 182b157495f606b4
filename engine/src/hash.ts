/**
 * Non-cryptographic hashes over strings: which key group a key belongs to, and short fingerprints of
 * longer ids. MurmurHash3 (Austin Appleby, public domain), x86 32-bit and 128-bit variants, over a
 * string's bytes in UTF-8; the same on every machine and for ever, because key groups name where
 * state lives and fingerprints are stored.
 *
 * Not for anything an adversary may choose freely: colliding inputs of MurmurHash3 are easy to make.
 */

/** Key groups are fixed: state, changelog keys and savepoints carry the group, partitions may change. */
export const KEY_GROUPS = 256

/** The key's group, 0..255. */
export const keyGroup = (key: string): number => murmur3(key, 0) & (KEY_GROUPS - 1)

/** MurmurHash3_x86_32 of the UTF-8 bytes of `text`; an unsigned 32-bit number. */
export const murmur3 = (text: string, seed: number): number => murmur3Latin1(byteString(text), seed)

/** MurmurHash3_x86_128 of the UTF-8 bytes of `text`: the first two of its four words, unsigned. */
export function hashPair(text: string, seed: number): readonly [number, number] {
  const [a, b] = murmur128Latin1(byteString(text), seed)
  return [a, b]
}

/**
 * A 53-bit hash (0 .. 2^53 - 1, exact in a number) from the first 64 bits of MurmurHash3_x86_128.
 * Among n distinct texts a collision is expected with a chance of about n^2 / 2^54.
 */
export function hash53(text: string, seed: number): number {
  const [a, b] = murmur128Latin1(byteString(text), seed)
  return (b & 0x1fffff) * 0x1_0000_0000 + a
}

/**
 * The UTF-8 bytes of `text` as a string of the same bytes (each char 0..255). Keys are nearly always
 * ASCII, for which that is the string itself: hashing char codes beats encoding into a buffer.
 */
function byteString(text: string): string {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) >= 0x80) return Buffer.from(text, 'utf8').toString('latin1')
  return text
}

const word = (s: string, i: number): number =>
  s.charCodeAt(i) |
  (s.charCodeAt(i + 1) << 8) |
  (s.charCodeAt(i + 2) << 16) |
  (s.charCodeAt(i + 3) << 24)

/** The last, incomplete word of at most 4 bytes; 0 where there is none. */
function partialWord(s: string, from: number): number {
  const to = Math.min(s.length, from + 4)
  let k = 0
  for (let i = to - 1; i >= from; i--) k = (k << 8) | s.charCodeAt(i)
  return k
}

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits))

function finish(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** @param s a byte string: every char code below 256 */
export function murmur3Latin1(s: string, seed: number): number {
  const whole = s.length & ~3
  let h = seed | 0
  for (let i = 0; i < whole; i += 4) {
    const k = Math.imul(rotate(Math.imul(word(s, i), 0xcc9e2d51), 15), 0x1b873593)
    h = (Math.imul(rotate(h ^ k, 13), 5) + 0xe6546b64) | 0
  }
  const tail = partialWord(s, whole)
  h ^= Math.imul(rotate(Math.imul(tail, 0xcc9e2d51), 15), 0x1b873593)
  return finish(h ^ s.length) >>> 0
}

const C1 = 0x239b961b
const C2 = 0xab0e9789 | 0
const C3 = 0x38b34ae5
const C4 = 0xa1e38b93 | 0

const mix1 = (k: number): number => Math.imul(rotate(Math.imul(k, C1), 15), C2)
const mix2 = (k: number): number => Math.imul(rotate(Math.imul(k, C2), 16), C3)
const mix3 = (k: number): number => Math.imul(rotate(Math.imul(k, C3), 17), C4)
const mix4 = (k: number): number => Math.imul(rotate(Math.imul(k, C4), 18), C1)

/** @param s a byte string: every char code below 256. @returns four unsigned words */
export function murmur128Latin1(s: string, seed: number): [number, number, number, number] {
  const whole = s.length & ~15
  let h1 = seed | 0
  let h2 = seed | 0
  let h3 = seed | 0
  let h4 = seed | 0
  for (let i = 0; i < whole; i += 16) {
    h1 = (Math.imul((rotate(h1 ^ mix1(word(s, i)), 19) + h2) | 0, 5) + 0x561ccd1b) | 0
    h2 = (Math.imul((rotate(h2 ^ mix2(word(s, i + 4)), 17) + h3) | 0, 5) + 0x0bcaa747) | 0
    h3 = (Math.imul((rotate(h3 ^ mix3(word(s, i + 8)), 15) + h4) | 0, 5) + 0x96cd1c35) | 0
    h4 = (Math.imul((rotate(h4 ^ mix4(word(s, i + 12)), 13) + h1) | 0, 5) + 0x32ac3b17) | 0
  }
  h4 ^= mix4(partialWord(s, whole + 12))
  h3 ^= mix3(partialWord(s, whole + 8))
  h2 ^= mix2(partialWord(s, whole + 4))
  h1 ^= mix1(partialWord(s, whole))
  const n = s.length
  h1 = ((h1 ^ n) + (h2 ^ n) + (h3 ^ n) + (h4 ^ n)) | 0
  h2 = ((h2 ^ n) + h1) | 0
  h3 = ((h3 ^ n) + h1) | 0
  h4 = ((h4 ^ n) + h1) | 0
  h1 = finish(h1)
  h2 = finish(h2)
  h3 = finish(h3)
  h4 = finish(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  return [h1 >>> 0, (h2 + h1) >>> 0, (h3 + h1) >>> 0, (h4 + h1) >>> 0]
}
