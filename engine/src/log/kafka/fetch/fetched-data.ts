/**
 * What one fetch brought for one partition: a run of record batches, of which the committed ones are
 * decoded one by one as they are asked for. Until then only their headers have been looked at.
 *
 * Aborted transactions: the broker lists those that overlap the run. From its first offset to its
 * abort marker all transactional batches of that producer are left out (the algorithm of KIP-98, as
 * consumers have it). Control batches are always left out.
 */
import type { Codecs } from './codecs.ts'
import { CorruptData } from './corrupt.ts'
import { crc32c } from './crc32c.ts'
import type { Aborted } from './fetch-message.ts'
import {
  BATCH_HEADER,
  type BatchHeader,
  checkedRange,
  decodeRecords,
  readBatchHeader,
  type Segment,
} from './record-batch.ts'

export interface DecodeOptions {
  readonly codecs: Codecs
  readonly checkCrc: boolean
  /** How many bytes one batch may unpack to. */
  readonly maxBatchBytes: number
}

export interface RawData {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
  readonly aborted: readonly Aborted[]
}

/** What the headers of a run say. */
export interface Survey {
  readonly headers: readonly BatchHeader[]
  /** The codecs in use, by number. */
  readonly codecs: ReadonlySet<number>
  readonly oldFormat: boolean
}

/**
 * Reads the headers of all whole batches; a last one that is cut off is left to the next fetch.
 * @throws CorruptData
 */
export function survey(data: RawData): Survey {
  const headers: BatchHeader[] = []
  const codecs = new Set<number>()
  let last = -1
  for (let at = data.from; at < data.to; ) {
    const header = readBatchHeader(data.bytes, at, data.to)
    if (header === 'partial') break
    if (header === 'old_format') return { headers, codecs, oldFormat: true }
    if (header.baseOffset <= last) throw new CorruptData('batches whose offsets do not grow')
    last = header.lastOffset
    headers.push(header)
    codecs.add(header.codec)
    at = header.to
  }
  return { headers, codecs, oldFormat: false }
}

export class FetchedData {
  /** Bytes of the whole batches: what this holds of the memory allowed. */
  readonly size: number
  readonly #data: RawData
  readonly #headers: readonly BatchHeader[]
  readonly #options: DecodeOptions
  readonly #abortedNow = new Set<bigint>()
  #nextAborted = 0
  #next = 0
  #passed: number

  /** @param position the offset of the first record wanted, which may be inside the first batch */
  constructor(data: RawData, found: Survey, options: DecodeOptions, position: number) {
    this.#data = data
    this.#headers = found.headers
    this.#options = options
    this.#passed = position
    this.size = (found.headers.at(-1)?.to ?? data.from) - data.from
  }

  /** Everything before this offset was given out or left out. */
  get passed(): number {
    return this.#passed
  }

  /**
   * The next batch with committed records, or undefined at the end of the run.
   * @throws CorruptData; the run is over then
   */
  next(): Segment | undefined {
    while (this.#next < this.#headers.length) {
      const header = this.#headers[this.#next++] as BatchHeader
      const segment = this.#read(header)
      if (header.lastOffset < this.#passed) continue
      this.#passed = header.lastOffset + 1
      if (segment !== undefined) return segment
    }
    return undefined
  }

  #read(header: BatchHeader): Segment | undefined {
    this.#beginAborted(header.lastOffset)
    if (this.#options.checkCrc) this.#check(header)
    if (header.control) {
      if (isAbortMarker(this.#decode(header))) this.#abortedNow.delete(header.producer)
      return undefined
    }
    if (header.transactional && this.#abortedNow.has(header.producer)) return undefined
    return header.count === 0 ? undefined : this.#decode(header)
  }

  #beginAborted(lastOffset: number): void {
    const { aborted } = this.#data
    for (; this.#nextAborted < aborted.length; this.#nextAborted++) {
      const it = aborted[this.#nextAborted] as Aborted
      if (it.firstOffset > lastOffset) return
      this.#abortedNow.add(it.producer)
    }
  }

  #check(header: BatchHeader): void {
    const { from, to } = checkedRange(header)
    if (crc32c(this.#data.bytes, from, to) !== header.crc)
      throw new CorruptData(`a wrong checksum at offset ${header.baseOffset}`)
  }

  #decode(header: BatchHeader): Segment {
    const { bytes } = this.#data
    const from = header.from + BATCH_HEADER
    if (header.codec === 0) return decodeRecords(bytes, from, header.to, header)
    const unpack = this.#options.codecs.get(header.codec)
    if (unpack === undefined) throw new CorruptData(`codec ${header.codec} was not loaded`)
    const unpacked = unpack(bytes.subarray(from, header.to), this.#options.maxBatchBytes)
    return decodeRecords(unpacked, 0, unpacked.length, header)
  }
}

/** A control record's key: a version, then 0 for abort and 1 for commit, of two bytes each. */
function isAbortMarker(control: Segment): boolean {
  const key = control.count === 0 ? null : control.key(0)
  return key !== null && key.length >= 4 && key[2] === 0 && key[3] === 0
}
