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

/** What the values share. */
interface Run {
  /** Two little-endian words an id. */
  bytes: DataView
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
    return new SeenDay(day, 0, {
      bytes: viewOf(new Uint8Array(4 * ID_BYTES)),
      used: 0,
      index: null,
    })
  }

  has(id: Fingerprint): boolean {
    const { bytes, index } = this.#run
    if (index !== null) return this.#find(index, id)
    const [low, high] = id
    for (let at = (this.count - 1) * ID_BYTES; at >= 0; at -= ID_BYTES)
      if (bytes.getUint32(at, true) === low && bytes.getUint32(at + 4, true) === high) return true
    return false
  }

  with(id: Fingerprint): SeenDay {
    const run = this.#run.used === this.count ? this.#run : copyOf(this.#run, 0, this.count)
    const at = this.count * ID_BYTES
    if (at === run.bytes.byteLength) grow(run)
    run.bytes.setUint32(at, id[0], true)
    run.bytes.setUint32(at + 4, id[1], true)
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
    const { bytes } = this.#run
    for (let at = 0; at < this.count * ID_BYTES; at += ID_BYTES)
      yield [bytes.getUint32(at, true), bytes.getUint32(at + 4, true)]
  }

  /** varint day, varint ids, 8 bytes each. */
  write(out: ByteWriter): void {
    out.varint(this.day)
    out.varint(this.count)
    const { buffer, byteOffset } = this.#run.bytes
    out.raw(new Uint8Array(buffer, byteOffset, this.count * ID_BYTES))
  }

  static read(reader: ByteReader): SeenDay {
    const day = reader.varint()
    const count = reader.varint()
    const from = reader.skip(count * ID_BYTES)
    // A copy of its own: the bytes read are a view into whatever was stored with them.
    const bytes = Uint8Array.prototype.slice.call(reader.buffer, from, from + count * ID_BYTES)
    const run: Run = { bytes: viewOf(bytes), used: count, index: null }
    if (count >= INDEXED_FROM) run.index = indexOf(run)
    return new SeenDay(day, count, run)
  }

  #find(index: Int32Array, [low, high]: Fingerprint): boolean {
    const { bytes } = this.#run
    const mask = index.length - 1
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const place = index[slot] as number
      if (place === 0) return false
      // What lies beyond the count belongs to a successor.
      if (place > this.count) continue
      const at = (place - 1) * ID_BYTES
      if (bytes.getUint32(at, true) === low && bytes.getUint32(at + 4, true) === high) return true
    }
  }
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function copyOf(run: Run, from: number, to: number): Run {
  const { buffer, byteOffset } = run.bytes
  const bytes = new Uint8Array(buffer, byteOffset + from * ID_BYTES, (to - from) * ID_BYTES).slice()
  const copy: Run = { bytes: viewOf(bytes), used: to - from, index: null }
  if (copy.used >= INDEXED_FROM) copy.index = indexOf(copy)
  return copy
}

function grow(run: Run): void {
  const { buffer, byteOffset, byteLength } = run.bytes
  const grown = new Uint8Array(Math.max(4 * ID_BYTES, byteLength * 2))
  grown.set(new Uint8Array(buffer, byteOffset, byteLength))
  run.bytes = viewOf(grown)
}

/** Four places an id at first, two when it is made anew. */
function indexOf(run: Run): Int32Array {
  let size = 64
  while (size < run.used * 4) size *= 2
  const index = new Int32Array(size)
  for (let place = 1; place <= run.used; place++)
    enter(index, run.bytes.getUint32((place - 1) * ID_BYTES, true), place)
  return index
}

function enter(index: Int32Array, low: number, place: number): void {
  const mask = index.length - 1
  let slot = low & mask
  while (index[slot] !== 0) slot = (slot + 1) & mask
  index[slot] = place
}
