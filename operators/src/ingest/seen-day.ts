/**
 * The message ids that a key saw on one day, as an immutable value that is cheap to add to: all the
 * values that came of one another share one run of bytes, and each counts how far into it is its own.
 * Adding to the newest of them writes behind its end; adding to an older one (its successor was taken
 * back with a dropped record) copies first. So no value ever sees another one's ids.
 */
import type { ByteReader, ByteWriter } from '#engine'

/** 64 bits, as two unsigned words. */
export type Fingerprint = readonly [low: number, high: number]

const ID_BYTES = 8
/** Fewer ids than this are looked through one by one. */
const INDEXED_FROM = 24
/** Below this a loop is cheaper than a view to copy from. */
const COPIED_AT_ONCE = 128

/** What the values share. */
interface Run {
  /** Holds the ids from `from` on, two little-endian words each. */
  bytes: Uint8Array
  from: number
  /** How many ids there is room for; 0: the bytes are somebody else's and are not written to. */
  room: number
  /** Ids in it, of the longest value. */
  used: number
  /** Open addressing by the low word: place in the run plus one; 0: free. Made when it pays. */
  index: Int32Array | null
}

export class SeenDay {
  /** Days since 1970. */
  readonly day: number
  readonly count: number
  readonly #run: Run

  private constructor(day: number, count: number, run: Run) {
    this.day = day
    this.count = count
    this.#run = run
  }

  static empty(day: number): SeenDay {
    return new SeenDay(day, 0, { bytes: NO_BYTES, from: 0, room: 0, used: 0, index: null })
  }

  has(id: Fingerprint): boolean {
    const run = this.#run
    if (run.index !== null) return this.#find(run.index, id)
    for (let place = this.count; place > 0; place--) if (isAt(run, place, id)) return true
    return false
  }

  with(id: Fingerprint): SeenDay {
    const run = this.#run.used === this.count ? this.#run : copyOf(this.#run, 0, this.count)
    if (run.used >= run.room) grow(run)
    const at = run.from + this.count * ID_BYTES
    writeWord(run.bytes, at, id[0])
    writeWord(run.bytes, at + 4, id[1])
    run.used = this.count + 1
    if (run.index !== null && run.used * 2 <= run.index.length) enter(run.index, id[0], run.used)
    else if (run.used >= INDEXED_FROM) run.index = indexOf(run)
    return new SeenDay(this.day, run.used, run)
  }

  /** Without the `count` ids that were added first. */
  without(count: number): SeenDay {
    return new SeenDay(this.day, this.count - count, copyOf(this.#run, count, this.count))
  }

  /** In the order they were added. */
  *ids(): Generator<Fingerprint> {
    const { bytes, from } = this.#run
    for (let i = 0; i < this.count; i++) {
      const at = from + i * ID_BYTES
      yield [readWord(bytes, at), readWord(bytes, at + 4)]
    }
  }

  /** varint day, varint ids, 8 bytes each. */
  write(out: ByteWriter): void {
    out.varint(this.day)
    out.varint(this.count)
    const { bytes, from } = this.#run
    const length = this.count * ID_BYTES
    if (length >= COPIED_AT_ONCE) return out.raw(bytes.subarray(from, from + length))
    out.reserve(length)
    for (let i = from; i < from + length; i++) out.buffer[out.position++] = bytes[i] as number
  }

  /** The bytes stay where they are until something is added: most that is read is looked at once. */
  static read(reader: ByteReader): SeenDay {
    const day = reader.varint()
    const count = reader.varint()
    const from = reader.skip(count * ID_BYTES)
    const run: Run = { bytes: reader.buffer, from, room: 0, used: count, index: null }
    if (count >= INDEXED_FROM) run.index = indexOf(run)
    return new SeenDay(day, count, run)
  }

  #find(index: Int32Array, id: Fingerprint): boolean {
    const mask = index.length - 1
    for (let slot = id[0] & mask; ; slot = (slot + 1) & mask) {
      const place = index[slot] as number
      if (place === 0) return false
      // What lies beyond the count belongs to a successor.
      if (place <= this.count && isAt(this.#run, place, id)) return true
    }
  }
}

const NO_BYTES = new Uint8Array(0)

const readWord = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word
  bytes[at + 1] = word >>> 8
  bytes[at + 2] = word >>> 16
  bytes[at + 3] = word >>> 24
}

/** @param place counted from 1 */
function isAt(run: Run, place: number, id: Fingerprint): boolean {
  const at = run.from + (place - 1) * ID_BYTES
  return readWord(run.bytes, at) === id[0] && readWord(run.bytes, at + 4) === id[1]
}

function copyOf(run: Run, from: number, to: number): Run {
  const room = to - from + 4
  const bytes = new Uint8Array(room * ID_BYTES)
  bytes.set(run.bytes.subarray(run.from + from * ID_BYTES, run.from + to * ID_BYTES))
  const copy: Run = { bytes, from: 0, room, used: to - from, index: null }
  if (copy.used >= INDEXED_FROM) copy.index = indexOf(copy)
  return copy
}

/** Makes room for as many ids again; from now on the bytes are its own. */
function grow(run: Run): void {
  const room = Math.max(4, run.used * 2)
  const bytes = new Uint8Array(room * ID_BYTES)
  const length = run.used * ID_BYTES
  if (length >= COPIED_AT_ONCE) bytes.set(run.bytes.subarray(run.from, run.from + length))
  else for (let i = 0; i < length; i++) bytes[i] = run.bytes[run.from + i] as number
  run.bytes = bytes
  run.from = 0
  run.room = room
}

/** Four places an id at first, two when it is made anew. */
function indexOf(run: Run): Int32Array {
  let size = 64
  while (size < run.used * 4) size *= 2
  const index = new Int32Array(size)
  for (let place = 1; place <= run.used; place++)
    enter(index, readWord(run.bytes, run.from + (place - 1) * ID_BYTES), place)
  return index
}

function enter(index: Int32Array, low: number, place: number): void {
  const mask = index.length - 1
  let slot = low & mask
  while (index[slot] !== 0) slot = (slot + 1) & mask
  index[slot] = place
}
