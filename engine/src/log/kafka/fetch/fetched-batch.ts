/**
 * Batches of the log port over decoded segments: cut to a caller's limits, without copying. A batch
 * holds on to the responses behind its segments and to nothing else, so it stays valid for as long
 * as somebody has it.
 */
import type { ByteRange, LogBatch, TopicPartition } from '../../port.ts'
import type { Segment } from './record-batch.ts'

/** The records of one segment from `from` on; `first` is their place in the batch, `end` where they end. */
export interface Slice {
  readonly segment: Segment
  readonly from: number
  readonly first: number
  readonly end: number
}

export class FetchedBatch implements LogBatch {
  readonly topic: string
  readonly partition: number
  readonly length: number
  readonly bytes: number
  readonly nextOffset: number
  readonly #slices: readonly Slice[]
  #current: Slice

  /** @param slices at least one, each with at least one record */
  constructor(at: TopicPartition, slices: readonly Slice[], bytes: number) {
    this.topic = at.topic
    this.partition = at.partition
    this.#slices = slices
    this.#current = slices[0] as Slice
    const last = slices.at(-1) as Slice
    this.length = last.end
    this.bytes = bytes
    this.nextOffset = last.segment.offset(last.from + last.end - last.first - 1) + 1
  }

  offset(index: number): number {
    const slice = this.#sliceOf(index)
    return slice.segment.offset(index - slice.first + slice.from)
  }

  timestamp(index: number): number {
    const slice = this.#sliceOf(index)
    return slice.segment.timestamp(index - slice.first + slice.from)
  }

  key(index: number): Uint8Array | null {
    const slice = this.#sliceOf(index)
    return slice.segment.key(index - slice.first + slice.from)
  }

  value(index: number): Uint8Array | null {
    const slice = this.#sliceOf(index)
    return slice.segment.value(index - slice.first + slice.from)
  }

  locate(index: number, range: ByteRange): boolean {
    const slice = this.#sliceOf(index)
    return slice.segment.locate(index - slice.first + slice.from, range)
  }

  headers(index: number): readonly (readonly [string, Uint8Array])[] {
    const slice = this.#sliceOf(index)
    return slice.segment.headers(index - slice.first + slice.from)
  }

  // Callers walk a batch from its start, so the slice of the last call is nearly always the one.
  #sliceOf(index: number): Slice {
    const current = this.#current
    if (index >= current.first && index < current.end) return current
    const found = this.#slices.find((slice) => index < slice.end)
    if (found === undefined || index < found.first)
      throw new RangeError(`no record ${index} in a batch of ${this.length}`)
    this.#current = found
    return found
  }
}

/** Cuts segments to limits; one record is taken even when it alone is over `maxBytes`. */
export class Cutter {
  readonly #slices: Slice[] = []
  readonly #maxRecords: number
  readonly #maxBytes: number
  #count = 0
  #bytes = 0

  constructor(maxRecords: number, maxBytes: number) {
    this.#maxRecords = maxRecords
    this.#maxBytes = maxBytes
  }

  get full(): boolean {
    return this.#count >= this.#maxRecords || (this.#count > 0 && this.#bytes >= this.#maxBytes)
  }

  /** @returns the index behind the last record taken */
  take(segment: Segment, from: number): number {
    const to = this.#cut(segment, from)
    if (to > from) {
      const first = this.#count
      this.#count += to - from
      this.#slices.push({ segment, from, first, end: this.#count })
    }
    return to
  }

  /** @returns undefined where nothing was taken */
  batch(at: TopicPartition): FetchedBatch | undefined {
    return this.#count === 0 ? undefined : new FetchedBatch(at, this.#slices, this.#bytes)
  }

  #cut(segment: Segment, from: number): number {
    const left = this.#maxRecords - this.#count
    const room = this.#maxBytes - this.#bytes
    if (from === 0 && segment.count <= left && segment.valueBytes <= room) {
      this.#bytes += segment.valueBytes
      return segment.count
    }
    const stop = Math.min(segment.count, from + left)
    let to = from
    let taken = 0
    for (; to < stop; to++) {
      const size = segment.valueSize(to)
      const first = this.#count === 0 && to === from
      if (taken + size > room && !first) break
      taken += size
    }
    this.#bytes += taken
    return to
  }
}
