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

/**
 * Rewrites a frame without what a later record replaced.
 * @param cleanedTo tombstones before this offset were kept by an earlier pass and go now
 * @returns the same frame where nothing goes, undefined where nothing stays
 */
export function survivors(frame: Frame, index: KeyIndex, cleanedTo: number): Frame | undefined {
  const records: OutgoingRecord[] = []
  const offsets: number[] = []
  for (let i = 0; i < frame.count; i++) {
    const key = frame.key(i)
    const offset = frame.offset(i)
    const value = frame.value(i)
    if (key !== null && index.superseded(key, offset)) continue
    if (key !== null && value === null && offset < cleanedTo) continue
    records.push({ key, value, timestamp: frame.timestamp(i), headers: frame.headers(i) })
    offsets.push(offset)
  }
  if (records.length === frame.count) return frame
  return records.length === 0 ? undefined : packWithOffsets(records, offsets, frame.appendedAt)
}
