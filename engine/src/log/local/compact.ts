/**
 * What compaction keeps, for any store: the last record of each key, every record without a key, and
 * a tombstone until one pass has seen it as the last word on its key.
 *
 * Memory is bounded: the index takes keys until its budget is used up, and a pass rewrites only what
 * the index has covered; the next pass goes on from there. Offsets of kept records stay.
 */
import type { OutgoingRecord } from '../port.ts'
import { type Frame, packWithOffsets } from './frame.ts'

/** What one entry of a Map of short strings costs beside the characters, roughly, in bytes. */
const ENTRY_BYTES = 80

/** A frame holds the distance of an offset from its first one in 32 bits. */
const MAX_SPAN = 0x7fffffff

export class KeyIndex {
  readonly #last = new Map<string, number>()
  readonly #budget: number
  #used = 0

  /** @param budget memory in bytes that the index may take */
  constructor(budget: number) {
    this.#budget = budget
  }

  get full(): boolean {
    return this.#used >= this.#budget
  }

  add(frame: Frame): void {
    for (let i = 0; i < frame.count; i++) {
      const key = frame.key(i)
      if (key === null) continue
      const name = nameOf(key)
      if (!this.#last.has(name)) this.#used += name.length + ENTRY_BYTES
      this.#last.set(name, frame.offset(i))
    }
  }

  superseded(key: Uint8Array, offset: number): boolean {
    return (this.#last.get(nameOf(key)) ?? -1) > offset
  }
}

// Latin-1 maps bytes to characters one to one, so distinct keys have distinct names.
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

/** Survivors of many small frames are packed together up to this many bytes. */
const PACK_BYTES = 256 << 10

/**
 * Rewrites consecutive frames without what a later record replaced, packing what stays more tightly.
 * @param cleanedTo tombstones before this offset were kept by an earlier pass and go now
 * @returns the very same array where nothing goes
 */
export function survivors(
  frames: readonly Frame[],
  index: KeyIndex,
  cleanedTo: number,
): readonly Frame[] {
  const packer = new Packer()
  let dropped = 0
  for (const frame of frames)
    for (let i = 0; i < frame.count; i++) {
      const key = frame.key(i)
      const offset = frame.offset(i)
      const value = frame.value(i)
      const old = key !== null && value === null && offset < cleanedTo
      if (old || (key !== null && index.superseded(key, offset))) dropped++
      else
        packer.add(
          frame,
          { key, value, timestamp: frame.timestamp(i), headers: frame.headers(i) },
          offset,
        )
    }
  return dropped === 0 ? frames : packer.finish()
}

class Packer {
  readonly #packed: Frame[] = []
  #records: OutgoingRecord[] = []
  #offsets: number[] = []
  #bytes = 0
  #appendedAt = 0

  add(from: Frame, record: OutgoingRecord, offset: number): void {
    const first = this.#offsets[0] ?? offset
    if (this.#bytes >= PACK_BYTES || offset - first > MAX_SPAN) this.#flush()
    this.#records.push(record)
    this.#offsets.push(offset)
    this.#bytes += (record.key?.byteLength ?? 0) + (record.value?.byteLength ?? 0)
    this.#appendedAt = Math.max(this.#appendedAt, from.appendedAt)
  }

  finish(): readonly Frame[] {
    this.#flush()
    return this.#packed
  }

  #flush(): void {
    if (this.#records.length > 0)
      this.#packed.push(packWithOffsets(this.#records, this.#offsets, this.#appendedAt))
    this.#records = []
    this.#offsets = []
    this.#bytes = 0
    this.#appendedAt = 0
  }
}
