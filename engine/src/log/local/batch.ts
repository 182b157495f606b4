/**
 * Batches: parts of consecutive frames, cut to a caller's limits and handed out without decoding.
 * A batch holds on to its frames and to nothing of the log, so it stays valid after later polls,
 * retention and compaction.
 */
import type { ByteRange, LogBatch, PollLimits, TopicPartition } from '../port.ts'
import type { Frame, Headers } from './frame.ts'
import type { ReadableStore } from './store.ts'

/** The records [from, to) of one frame; `first` is the place of `from` in the batch. */
interface Slice {
  readonly frame: Frame
  readonly from: number
  readonly first: number
  readonly end: number
}

class FrameBatch implements LogBatch {
  readonly topic: string
  readonly partition: number
  readonly length: number
  readonly bytes: number
  readonly nextOffset: number
  readonly #slices: readonly Slice[]
  #current: Slice

  constructor(partition: TopicPartition, slices: readonly Slice[], bytes: number) {
    this.topic = partition.topic
    this.partition = partition.partition
    this.#slices = slices
    this.#current = slices[0] as Slice
    const last = slices.at(-1) as Slice
    this.length = last.end
    this.bytes = bytes
    this.nextOffset = last.frame.offset(last.from + last.end - last.first - 1) + 1
  }

  offset(index: number): number {
    const slice = this.#sliceOf(index)
    return slice.frame.offset(index - slice.first + slice.from)
  }

  timestamp(index: number): number {
    const slice = this.#sliceOf(index)
    return slice.frame.timestamp(index - slice.first + slice.from)
  }

  key(index: number): Uint8Array | null {
    const slice = this.#sliceOf(index)
    return slice.frame.key(index - slice.first + slice.from)
  }

  value(index: number): Uint8Array | null {
    const slice = this.#sliceOf(index)
    return slice.frame.value(index - slice.first + slice.from)
  }

  locate(index: number, range: ByteRange): boolean {
    const slice = this.#sliceOf(index)
    return slice.frame.locate(index - slice.first + slice.from, range)
  }

  headers(index: number): Headers {
    const slice = this.#sliceOf(index)
    return slice.frame.headers(index - slice.first + slice.from)
  }

  // Callers walk a batch from its start, so the slice of the last call is nearly always the one.
  #sliceOf(index: number): Slice {
    const current = this.#current
    if (index >= current.first && index < current.end) return current
    let low = 0
    let high = this.#slices.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#slices[middle] as Slice).end <= index) low = middle + 1
      else high = middle
    }
    const found = this.#slices[low] as Slice
    if (!(index >= found.first && index < found.end))
      throw new RangeError(`no record ${index} in a batch of ${this.length}`)
    this.#current = found
    return found
  }
}

/** All records of consecutive frames, of which there is at least one. */
export function batchOf(partition: TopicPartition, frames: readonly Frame[]): LogBatch {
  let first = 0
  let bytes = 0
  const slices = frames.map((frame) => {
    const slice = { frame, from: 0, first, end: first + frame.count }
    first = slice.end
    bytes += frame.valueBytes
    return slice
  })
  return new FrameBatch(partition, slices, bytes)
}

/** Remembers the run of frames read last, so that small polls do not fetch a large entry again. */
export class Cursor {
  readonly partition: TopicPartition
  readonly #store: ReadableStore
  #run: readonly Frame[] = []
  #runFrom = 0
  #index = 0

  constructor(store: ReadableStore, partition: TopicPartition) {
    this.#store = store
    this.partition = partition
  }

  /** The frame with the first record at or after `offset`. */
  frameAt(offset: number): Frame | undefined {
    const last = this.#run.at(-1)
    if (last === undefined || offset < this.#runFrom || offset >= last.end) {
      this.#run = this.#store.frames(this.partition.topic, this.partition.partition, offset)
      this.#runFrom = offset
      this.#index = 0
      return this.#run[0]
    }
    if (offset < (this.#run[this.#index] as Frame).base) this.#index = 0
    while ((this.#run[this.#index] as Frame).end <= offset) this.#index++
    return this.#run[this.#index]
  }

  /** Lets go of the run once it was handed out whole: a consumer at the end holds no frames. */
  passed(offset: number): void {
    const last = this.#run.at(-1)
    if (last !== undefined && last.end <= offset) this.#run = []
  }
}

type Limits = Pick<PollLimits, 'maxRecords' | 'maxBytes'>

/**
 * Reads from `offset` on.
 * @param atLeastOne hand out a first record that alone is larger than `maxBytes`
 */
export function readBatch(
  cursor: Cursor,
  offset: number,
  limits: Limits,
  atLeastOne: boolean,
): LogBatch | undefined {
  const slices: Slice[] = []
  let count = 0
  let bytes = 0
  let at = offset
  while (count < limits.maxRecords) {
    const frame = cursor.frameAt(at)
    if (frame === undefined) break
    const from = frame.indexOf(at)
    const part = cut(frame, from, {
      maxRecords: limits.maxRecords - count,
      maxBytes: limits.maxBytes - bytes,
    })
    if (part.to === from && atLeastOne && count === 0) {
      part.to = from + 1
      part.bytes = frame.valueSize(from)
    }
    if (part.to === from) break
    slices.push({ frame, from, first: count, end: count + part.to - from })
    count += part.to - from
    bytes += part.bytes
    if (part.to < frame.count) break
    at = frame.end
  }
  if (count === 0) return undefined
  const batch = new FrameBatch(cursor.partition, slices, bytes)
  cursor.passed(batch.nextOffset)
  return batch
}

function cut(frame: Frame, from: number, limits: Limits): { to: number; bytes: number } {
  if (from === 0 && frame.count <= limits.maxRecords && frame.valueBytes <= limits.maxBytes)
    return { to: frame.count, bytes: frame.valueBytes }
  const stop = Math.min(frame.count, from + limits.maxRecords)
  let to = from
  let bytes = 0
  for (; to < stop; to++) {
    const size = frame.valueSize(to)
    if (bytes + size > limits.maxBytes) break
    bytes += size
  }
  return { to, bytes }
}
