/**
 * What was read of one partition and not yet handed out: batches of the source, cut and joined to the
 * caller's limits without copying a record.
 */
import type { ByteRange, LogBatch, PollLimits } from '../port.ts'
import { writersHeaders, writersTime } from './record-time.ts'

type Limits = Pick<PollLimits, 'maxRecords' | 'maxBytes'>

/** The records [from, from + end - first) of a source's batch; `first` is their place in the whole. */
interface Slice {
  readonly batch: LogBatch
  readonly from: number
  readonly first: number
  readonly end: number
}

/** Slices of consecutive batches as one, with the writers' times. */
class JoinedBatch implements LogBatch {
  readonly topic: string
  readonly partition: number
  readonly length: number
  readonly nextOffset: number
  readonly bytes: number
  readonly #slices: readonly Slice[]
  #current: Slice

  constructor(slices: readonly Slice[], bytes: number) {
    const last = slices.at(-1) as Slice
    const { batch } = last
    this.topic = batch.topic
    this.partition = batch.partition
    this.length = last.end
    const to = last.from + last.end - last.first
    this.nextOffset = to === batch.length ? batch.nextOffset : batch.offset(to - 1) + 1
    this.bytes = bytes
    this.#slices = slices
    this.#current = slices[0] as Slice
  }

  offset(index: number): number {
    const { batch, from, first } = this.#sliceOf(index)
    return batch.offset(index - first + from)
  }

  timestamp(index: number): number {
    const { batch, from, first } = this.#sliceOf(index)
    return writersTime(batch, index - first + from)
  }

  key(index: number): Uint8Array | null {
    const { batch, from, first } = this.#sliceOf(index)
    return batch.key(index - first + from)
  }

  value(index: number): Uint8Array | null {
    const { batch, from, first } = this.#sliceOf(index)
    return batch.value(index - first + from)
  }

  locate(index: number, range: ByteRange): boolean {
    const { batch, from, first } = this.#sliceOf(index)
    return batch.locate(index - first + from, range)
  }

  headers(index: number): readonly (readonly [string, Uint8Array])[] {
    const { batch, from, first } = this.#sliceOf(index)
    return writersHeaders(batch, index - first + from)
  }

  // Callers walk a batch from its start, so the slice of the last call is nearly always the one.
  #sliceOf(index: number): Slice {
    const current = this.#current
    if (index >= current.first && index < current.end) return current
    const found = this.#slices.find((slice) => index >= slice.first && index < slice.end)
    if (found === undefined) throw new RangeError(`no record ${index} in a batch of ${this.length}`)
    this.#current = found
    return found
  }
}

const EMPTY = Buffer.alloc(0)

export class Shelf {
  readonly #range: ByteRange = { buffer: EMPTY, from: 0, to: 0 }
  #batches: LogBatch[] = []
  /** Records of the first batch that are handed out already. */
  #taken = 0
  /** Records and value bytes that wait. */
  records = 0
  bytes = 0
  /** Behind what waits there is nothing up to here: the position, once all of it was handed out. */
  passedTo = 0

  /**
   * Records before `from` are dropped: Kafka stores batches whole, and a position may be the middle of
   * one.
   */
  put(batch: LogBatch, from: number): void {
    let skip = 0
    while (skip < batch.length && batch.offset(skip) < from) skip++
    if (skip === batch.length) return
    // Only what a position begins with can be cut at its start, and then nothing waits before it.
    if (skip > 0 && this.#batches.length === 0) this.#taken = skip
    this.#batches.push(batch)
    this.records += batch.length - skip
    this.bytes += skip === 0 ? batch.bytes : this.#sizeOf(batch, skip, batch.length)
  }

  clear(): void {
    this.#batches = []
    this.#taken = 0
    this.records = 0
    this.bytes = 0
    this.passedTo = 0
  }

  /** @param atLeastOne hand out a first record that alone is larger than `maxBytes` */
  take(limits: Limits, atLeastOne: boolean): LogBatch | undefined {
    const slices: Slice[] = []
    let count = 0
    let bytes = 0
    while (count < limits.maxRecords) {
      const batch = this.#batches[0]
      if (batch === undefined) break
      const from = this.#taken
      const left = { maxRecords: limits.maxRecords - count, maxBytes: limits.maxBytes - bytes }
      const part = this.#fit(batch, left, atLeastOne && count === 0)
      if (part.to === from) break
      slices.push({ batch, from, first: count, end: count + part.to - from })
      count += part.to - from
      bytes += part.bytes
      this.#taken = part.to
      if (part.to < batch.length) break
      this.#batches.shift()
      this.#taken = 0
    }
    if (count === 0) return undefined
    this.records -= count
    this.bytes -= bytes
    return new JoinedBatch(slices, bytes)
  }

  /** How far into `batch` the limits reach, and the bytes up to there. */
  #fit(batch: LogBatch, limits: Limits, atLeastOne: boolean): { to: number; bytes: number } {
    const from = this.#taken
    if (from === 0 && batch.length <= limits.maxRecords && batch.bytes <= limits.maxBytes)
      return { to: batch.length, bytes: batch.bytes }
    const stop = Math.min(batch.length, from + limits.maxRecords)
    let bytes = 0
    let to = from
    for (; to < stop; to++) {
      const size = this.#sizeOf(batch, to, to + 1)
      if (bytes + size > limits.maxBytes && !(atLeastOne && to === from)) break
      bytes += size
    }
    return { to, bytes }
  }

  #sizeOf(batch: LogBatch, from: number, to: number): number {
    let bytes = 0
    for (let i = from; i < to; i++)
      if (batch.locate(i, this.#range)) bytes += this.#range.to - this.#range.from
    return bytes
  }
}
