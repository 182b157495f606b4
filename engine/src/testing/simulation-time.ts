/** Time that only moves when it is told to: what waits is run in the order (instant, asked for). */
import { assert } from '../errors.ts'
import type { Scheduler } from '../log/local/scheduler.ts'
import type { Millis } from '../time.ts'

interface Waiting {
  readonly at: Millis
  readonly run: () => void
}

export class VirtualTime implements Scheduler {
  now: Millis
  readonly #waiting: Waiting[] = []

  constructor(now: Millis) {
    this.now = now
  }

  after(ms: Millis, run: () => void): () => void {
    const waiting = { at: this.now + ms, run }
    // Behind everything that is due at the same instant.
    const behind = this.#waiting.findIndex(({ at }) => at > waiting.at)
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, waiting)
    return () => {
      const place = this.#waiting.indexOf(waiting)
      if (place >= 0) this.#waiting.splice(place, 1)
    }
  }

  advance(to: Millis): void {
    assert(to >= this.now, 'time does not go back')
    for (
      let next = this.#waiting[0];
      next !== undefined && next.at <= to;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift()
      this.now = next.at
      next.run()
    }
    this.now = to
  }
}
