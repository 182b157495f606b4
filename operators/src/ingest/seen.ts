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
import {
  asBuffer,
  ByteReader,
  type ByteWriter,
  type Codec,
  days,
  hashPair,
  type Millis,
} from '#engine'
import { type Fingerprint, SeenDay } from './seen-day.ts'

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

/**
 * 64 bits of MurmurHash3. Whoever knows a message's id in advance, as making another one collide with
 * it takes, can suppress the message by sending that very id; a cryptographic hash would not help.
 */
export const fingerprint = (id: string): Fingerprint => hashPair(id, 0)

const printOf = (id: string | Fingerprint): Fingerprint =>
  typeof id === 'string' ? fingerprint(id) : id

const dayOf = (at: Millis): number => Math.max(0, Math.floor(at / days(1)))

export function hasSeen(seen: Seen, id: string | Fingerprint): boolean {
  const print = printOf(id)
  for (let d = seen.days.length - 1; d >= 0; d--)
    if ((seen.days[d] as SeenDay).has(print)) return true
  return false
}

export function seenCount(seen: Seen): number {
  let count = 0
  for (const bucket of seen.days) count += bucket.count
  return count
}

/** Adds an id as of `now`, drops what is past the horizon, and keeps the limit. */
export function addSeen(
  seen: Seen,
  id: string | Fingerprint,
  now: Millis,
  limits: SeenLimits,
): Seen {
  const today = dayOf(now)
  const kept = fresh(seen.days, now, limits)
  const last = kept.at(-1)
  // Task time of a key never goes back; a bucket of a later day can only come from a hand-over.
  const goesOn = last !== undefined && last.day >= today
  const bucket = goesOn ? last : SeenDay.empty(today)
  const next = goesOn ? kept.slice(0, -1) : kept.slice()
  next.push(bucket.with(printOf(id)))
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
    const drop = Math.min(excess, bucket.count)
    excess -= drop
    if (drop < bucket.count) buckets.push(drop === 0 ? bucket : bucket.without(drop))
  }
  return { days: buckets, evicted }
}

/** Both keys' ids; one known to both stays in its later bucket. */
export function uniteSeen(mine: Seen, theirs: Seen, now: Millis, limits: SeenLimits): Seen {
  const latest = new Map<string, readonly [day: number, low: number, high: number]>()
  for (const bucket of [...mine.days, ...theirs.days])
    for (const [low, high] of bucket.ids()) {
      const name = `${low}.${high}`
      const known = latest.get(name)
      if (known === undefined || known[0] < bucket.day) latest.set(name, [bucket.day, low, high])
    }
  const sorted = [...latest.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
  const buckets: SeenDay[] = []
  for (const [day, low, high] of sorted) {
    const last = buckets.at(-1)
    if (last?.day === day) buckets[buckets.length - 1] = last.with([low, high])
    else buckets.push(SeenDay.empty(day).with([low, high]))
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
    for (const bucket of seen.days) bucket.write(out)
  },
  read(bytes) {
    const reader = new ByteReader(asBuffer(bytes))
    const evicted = reader.varint()
    const buckets: SeenDay[] = []
    for (let left = reader.varint(); left > 0; left--) buckets.push(SeenDay.read(reader))
    return { days: buckets, evicted }
  },
}
