/**
 * The newest frames of all partitions, kept in memory so that consumers that keep up read what was
 * just committed without going through LMDB. First in, first out, bounded in bytes; always a
 * gapless end of each partition.
 */
import type { Frame } from '../local/frame.ts'
import { FrameList } from '../local/frame-list.ts'

const RUN = 16

/** What a frame costs beside its bytes, roughly: objects, a view, places in two lists. */
const FRAME_COST = 400

export class TailCache {
  readonly #limit: number
  /** In order of arrival; the lists shrink at the front in the same order. */
  readonly #arrivals: FrameList[] = []
  #head = 0
  #bytes = 0

  /** @param limit bytes of frames to keep; 0 keeps none */
  constructor(limit: number) {
    this.#limit = limit
  }

  push(list: FrameList, frames: readonly Frame[]): void {
    for (const frame of frames) {
      list.push(frame)
      this.#arrivals.push(list)
      this.#bytes += frame.length + FRAME_COST
    }
    while (this.#bytes > this.#limit && this.#head < this.#arrivals.length) this.#evict()
    if (this.#head > 1024 && this.#head * 2 > this.#arrivals.length) {
      this.#arrivals.splice(0, this.#head)
      this.#head = 0
    }
  }

  /** Frames from `offset` on, or undefined where the cache does not reach back that far. */
  find(list: FrameList, offset: number): readonly Frame[] | undefined {
    const { first } = list
    if (first === undefined || offset < first.base) return undefined
    return list.from(offset, RUN)
  }

  /** Forgets a partition, after its stored records were changed. */
  forget(list: FrameList): void {
    for (let frame = list.shift(); frame !== undefined; frame = list.shift())
      this.#bytes -= frame.length + FRAME_COST
  }

  #evict(): void {
    const list = this.#arrivals[this.#head++]
    // A forgotten list has fewer frames than arrivals; its old arrivals then evict nothing or a
    // newer frame of the same list, which is only a little early.
    const frame = list?.shift()
    if (frame !== undefined) this.#bytes -= frame.length + FRAME_COST
  }
}
