/** Frames of one partition in offset order, grown at the end and shortened at the front. */
import type { Frame } from './frame.ts'

/** Dropped places are given back once they are this many and at least half of the list. */
const SHRINK_AT = 64

export class FrameList {
  #frames: Frame[] = []
  #head = 0

  get size(): number {
    return this.#frames.length - this.#head
  }

  get first(): Frame | undefined {
    return this.#frames[this.#head]
  }

  push(frame: Frame): void {
    this.#frames.push(frame)
  }

  shift(): Frame | undefined {
    const frame = this.#frames[this.#head]
    if (frame === undefined) return undefined
    this.#head++
    if (this.#head >= SHRINK_AT && this.#head * 2 >= this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
    return frame
  }

  /** At most `count` frames, from the first one that ends after `offset`. */
  from(offset: number, count: number): readonly Frame[] {
    let low = this.#head
    let high = this.#frames.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#frames[middle] as Frame).end <= offset) low = middle + 1
      else high = middle
    }
    return this.#frames.slice(low, low + count)
  }

  all(): readonly Frame[] {
    return this.#frames.slice(this.#head)
  }

  replace(frames: readonly Frame[]): void {
    this.#frames = [...frames]
    this.#head = 0
  }
}
