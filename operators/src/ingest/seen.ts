/**
 * The message ids a key has seen: 64-bit hashes in day buckets. An immutable value with a binary form
 * of 8 bytes an id.
 *
 * S1 An id is remembered for at least the horizon after it was last added, by task time, and
 *    forgotten within a day after that.
 * S2 At most `limit` ids a key. Beyond it the oldest eighth goes, and `evicted` counts them: a
 *    duplicate of one of them would pass.
 * S3 Uniting two values is commutative and associative up to S2.
 */
import { hash } from 'node:crypto'
import { asBuffer, ByteReader, type ByteWriter, type Codec, days, type Millis } from '#engine'

export interface SeenDay {
  /** Days since 1970. */
  readonly day: number
  /** Low and high word of each hash, one after the other. */
  readonly words: readonly number[]
}

export interface Seen {
  /** Oldest first. */
  readonly days: readonly SeenDay[]
  readonly evicted: number
}

export const NOTHING_SEEN: Seen = { days: [], evicted: 0 }

export interface SeenLimits {
  readonly horizon: Millis
  readonly limit: number
}

/** 64 bits of SHA-256: ids are the producer's choice, so nobody may be able to make two collide. */
function wordsOf(id: string): readonly [low: number, high: number] {
  const digest = hash('sha256', id, 'buffer')
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}

const dayOf = (at: Millis): number => Math.max(0, Math.floor(at / days(1)))

export function hasSeen(seen: Seen, id: string): boolean {
  const [low, high] = wordsOf(id)
  for (let d = seen.days.length - 1; d >= 0; d--) {
    const words = (seen.days[d] as SeenDay).words
    for (let i = 0; i < words.length; i += 2)
      if (words[i] === low && words[i + 1] === high) return true
  }
  return false
}

export const seenCount = (seen: Seen): number =>
  seen.days.reduce((sum, bucket) => sum + bucket.words.length / 2, 0)

/** Adds an id as of `now`, drops what is past the horizon, and keeps the limit. */
export function addSeen(seen: Seen, id: string, now: Millis, limits: SeenLimits): Seen {
  const today = dayOf(now)
  const [low, high] = wordsOf(id)
  const kept = fresh(seen.days, now, limits)
  const last = kept.at(-1)
  // Task time of a key never goes back; a bucket of a later day can only come from a hand-over.
  const next: SeenDay[] =
    last !== undefined && last.day >= today
      ? [...kept.slice(0, -1), { day: last.day, words: [...last.words, low, high] }]
      : [...kept, { day: today, words: [low, high] }]
  return bounded({ days: next, evicted: seen.evicted }, limits.limit)
}

function fresh(buckets: readonly SeenDay[], now: Millis, limits: SeenLimits): readonly SeenDay[] {
  const oldest = dayOf(now - limits.horizon)
  return buckets.length === 0 || (buckets[0] as SeenDay).day >= oldest
    ? buckets
    : buckets.filter((bucket) => bucket.day >= oldest)
}

function bounded(seen: Seen, limit: number): Seen {
  const count = seenCount(seen)
  if (count <= limit) return seen
  let excess = count - limit + Math.floor(limit / 8)
  const evicted = seen.evicted + excess
  const buckets: SeenDay[] = []
  for (const bucket of seen.days) {
    const drop = Math.min(excess, bucket.words.length / 2)
    excess -= drop
    if (drop * 2 < bucket.words.length)
      buckets.push({ day: bucket.day, words: bucket.words.slice(drop * 2) })
  }
  return { days: buckets, evicted }
}

/** Both keys' ids; one known to both stays in its later bucket. */
export function uniteSeen(mine: Seen, theirs: Seen, now: Millis, limits: SeenLimits): Seen {
  const latest = new Map<string, readonly [day: number, low: number, high: number]>()
  for (const { day, words } of [...mine.days, ...theirs.days])
    for (let i = 0; i < words.length; i += 2) {
      const low = words[i] as number
      const high = words[i + 1] as number
      const name = `${low}.${high}`
      const known = latest.get(name)
      if (known === undefined || known[0] < day) latest.set(name, [day, low, high])
    }
  const sorted = [...latest.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
  const buckets: { day: number; words: number[] }[] = []
  for (const [day, low, high] of sorted) {
    if (buckets.at(-1)?.day !== day) buckets.push({ day, words: [] })
    buckets.at(-1)?.words.push(low, high)
  }
  const united = { days: fresh(buckets, now, limits), evicted: mine.evicted + theirs.evicted }
  return bounded(united, limits.limit)
}

/** varint evicted, varint days; a day: varint day, varint ids, 8 bytes each (little endian). */
export const seenCodec: Codec<Seen> = {
  name: 'seen-ids',
  write(seen: Seen, out: ByteWriter) {
    out.varint(seen.evicted)
    out.varint(seen.days.length)
    for (const { day, words } of seen.days) {
      out.varint(day)
      out.varint(words.length / 2)
      out.reserve(words.length * 4)
      for (const word of words) out.position = out.buffer.writeUInt32LE(word, out.position)
    }
  },
  read(bytes) {
    const reader = new ByteReader(asBuffer(bytes))
    const evicted = reader.varint()
    const buckets: SeenDay[] = []
    for (let left = reader.varint(); left > 0; left--) {
      const day = reader.varint()
      const count = reader.varint()
      const words: number[] = []
      for (let i = 0; i < count * 2; i++) {
        words.push(reader.buffer.readUInt32LE(reader.position))
        reader.position += 4
      }
      buckets.push({ day, words })
    }
    return { days: buckets, evicted }
  },
}
