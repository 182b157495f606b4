/**
 * One assigned partition: where its reader is, what was fetched ahead, and when it may be fetched.
 *
 * `position` is what was given out, `fetchFrom` what to ask the broker for; between the two lie the
 * runs fetched ahead. A seek empties them and raises `generation`; an answer to a request of an older
 * generation is not for this partition any more, whatever it says.
 */
import type { PollLimits, TopicPartition } from '../../port.ts'
import type { SourceEvent } from '../source.ts'
import { CorruptData } from './corrupt.ts'
import { Cutter } from './fetched-batch.ts'
import type { FetchedData } from './fetched-data.ts'
import type { Segment } from './record-batch.ts'

type Limits = Pick<PollLimits, 'maxRecords' | 'maxBytes'>

export class AssignedPartition {
  /** As the log names it. */
  readonly at: TopicPartition
  /** As the cluster names its topic. */
  readonly topic: string
  paused = true
  /** Nothing is fetched any more until a seek: out of range, or failed. */
  stopped = false
  /** No fetch before this time, after errors. */
  notBefore = 0
  /** Errors in a row, and since when, in ms of the injected clock. */
  failures = 0
  failingSince = 0
  /** Of the batch before `fetchFrom`, -1 where that was not read. */
  lastEpoch = -1
  /** Batches in a row that did not decode. */
  damages = 0
  /** More than the usual to ask for, while not even one batch fits into that; else 0. */
  maxBytes = 0
  /** Bytes of the runs that wait here. */
  buffered = 0
  generation = 0
  /** Since when the cluster does not know this partition, in ms of the injected clock. */
  unknownSince: number | undefined
  #position: number
  #fetchFrom: number
  readonly #runs: FetchedData[] = []
  #segment: Segment | undefined
  #index = 0
  /** Everything before this offset was given out or has no records. */
  #passedTo = 0

  constructor(at: TopicPartition, topic: string, position: number) {
    this.at = { topic: at.topic, partition: at.partition }
    this.topic = topic
    this.#position = position
    this.#fetchFrom = position
  }

  /** The offset behind what was given out. */
  get position(): number {
    return this.#position
  }

  get fetchFrom(): number {
    return this.#fetchFrom
  }

  get ready(): boolean {
    return !this.paused && this.#runs.length > 0
  }

  seek(position: number): void {
    this.#position = position
    this.rewind()
    this.stopped = false
    this.failures = 0
    this.damages = 0
    this.notBefore = 0
  }

  /** Drops what was fetched ahead: it is fetched again, from the position. */
  rewind(): void {
    this.generation++
    this.#fetchFrom = this.#position
    this.lastEpoch = -1
    this.#runs.length = 0
    this.buffered = 0
    this.#segment = undefined
    this.#passedTo = 0
  }

  accept(run: FetchedData, next: number, epoch: number): void {
    this.#runs.push(run)
    this.buffered += run.size
    this.#fetchFrom = next
    this.lastEpoch = epoch
  }

  /**
   * Moves what fits the limits into `events`.
   * @returns records and bytes taken
   * @throws CorruptData where a batch does not decode; what was before it has been given out
   */
  take(limits: Limits, events: SourceEvent[]): Limits {
    const cutter = new Cutter(limits.maxRecords, limits.maxBytes)
    let failure: CorruptData | undefined
    try {
      while (!cutter.full && this.#advance()) {
        const segment = this.#segment as Segment
        const to = cutter.take(segment, this.#index)
        if (to === this.#index) break
        this.#index = to
        if (to === segment.count) this.#segment = undefined
      }
    } catch (error) {
      if (!(error instanceof CorruptData)) throw error
      failure = error
    }
    const batch = cutter.batch(this.at)
    if (batch !== undefined) {
      events.push({ kind: 'records', batch })
      this.#position = batch.nextOffset
    }
    if (failure !== undefined) throw failure
    this.#pass(events)
    return { maxRecords: batch?.length ?? 0, maxBytes: batch?.bytes ?? 0 }
  }

  /** Makes `#segment` one with a record at `#index`; false where nothing is there. */
  #advance(): boolean {
    while (this.#segment === undefined) {
      const run = this.#runs[0]
      if (run === undefined) return false
      const segment = run.next()
      if (segment === undefined) {
        this.#passedTo = run.passed
        this.#runs.shift()
        this.buffered -= run.size
        this.damages = 0
        continue
      }
      const index = segment.indexOf(this.#position)
      this.#passedTo = run.passed
      if (index === segment.count) continue
      this.#segment = segment
      this.#index = index
    }
    return true
  }

  /** Tells of offsets without records behind what was given out. */
  #pass(events: SourceEvent[]): void {
    if (this.#segment !== undefined || this.#passedTo <= this.#position) return
    this.#position = this.#passedTo
    events.push({ kind: 'passed', ...this.at, offset: this.#position })
  }
}
