/**
 * How much a worker takes in one epoch. Results do not depend on it (E5); latency and cost do: an
 * epoch's commit and the encoding of each state it changed are paid once, however many records it had.
 *
 * While there is more than one epoch's worth to read, epochs grow until they take `EPOCH_MS`, and
 * shrink when they take longer. A worker that keeps up never comes near the limits: it takes what is
 * there.
 */
import type { LogBatch } from '../log/port.ts'
import type { Millis } from '../time.ts'

export interface SliceLimits {
  readonly maxRecords: number
  /** Bytes of the values read, all partitions together. */
  readonly maxBytes: number
}

/** How long an epoch should be processed while catching up. */
export const EPOCH_MS: Millis = 100

const MIN: SliceLimits = { maxRecords: 256, maxBytes: 64 << 10 }
/** 64 times the least: 16,384 frames of an inbox never come to that, their bytes do. */
const MAX_SCALE = 256
const FIRST_SCALE = 16

export class SliceSize {
  #scale = FIRST_SCALE

  get limits(): SliceLimits {
    return {
      maxRecords: Math.floor(MIN.maxRecords * this.#scale),
      maxBytes: Math.floor(MIN.maxBytes * this.#scale),
    }
  }

  /**
   * Takes note of an epoch.
   * @param took by the processing alone: where the log is what takes long, smaller epochs would only
   *   give it more to do
   * @param timersLeft whether timers are due that had to wait for the next epoch
   */
  learn(took: Millis, batches: readonly LogBatch[], timersLeft: boolean): void {
    if (took > EPOCH_MS) this.#scale = Math.max(1, (this.#scale * EPOCH_MS) / took)
    else if (took < EPOCH_MS / 2 && (timersLeft || this.#full(batches)))
      this.#scale = Math.min(MAX_SCALE, this.#scale * 2)
  }

  /** Whether there was probably more to read: a batch ends where the next record would not fit. */
  #full(batches: readonly LogBatch[]): boolean {
    const { maxRecords, maxBytes } = this.limits
    let records = 0
    let bytes = 0
    for (const batch of batches) {
      records += batch.length
      bytes += batch.bytes
    }
    return records >= maxRecords / 2 || bytes >= maxBytes / 2
  }
}
