/**
 * Task time: the minimum over upstream tasks of their in-band marks, never going back.
 *
 * C1 An upstream that has not spoken holds time at BEGINNING.
 * C2 An upstream whose mark is END (idle, ended) does not hold time back; when it speaks again its
 *    mark counts again, but time stays where it is: its records may be late.
 * C3 With every upstream at END, time stays.
 * C4 The instant from which timers fire live is the latest `liveFrom` of all upstreams.
 */
import { BEGINNING, END, type Millis } from '../time.ts'

export class TaskClock {
  now: Millis = BEGINNING
  liveFrom: Millis = BEGINNING
  readonly #names: readonly string[]
  readonly #index: ReadonlyMap<string, number>
  readonly #marks: number[]
  readonly #liveFrom: number[]

  constructor(upstream: readonly string[]) {
    this.#names = upstream
    this.#index = new Map(upstream.map((name, i) => [name, i]))
    this.#marks = upstream.map(() => BEGINNING)
    // Until an upstream speaks its timers' mode is unknown; time cannot pass without it anyway.
    this.#liveFrom = upstream.map(() => BEGINNING)
  }

  /** The upstream's number, or -1 for one whose marks do not count (loops, broadcasts). */
  upstream(name: string): number {
    return this.#index.get(name) ?? -1
  }

  observeLive(upstream: number, liveFrom: Millis): void {
    if (upstream < 0 || this.#liveFrom[upstream] === liveFrom) return
    this.#liveFrom[upstream] = liveFrom
    this.liveFrom = Math.max(...this.#liveFrom)
  }

  /** @returns whether time moved */
  observe(upstream: number, mark: Millis): boolean {
    const marks = this.#marks
    if (upstream < 0 || marks[upstream] === mark) return false
    marks[upstream] = mark
    let least = END
    for (let i = 0; i < marks.length; i++) {
      const m = marks[i] as number
      if (m < least) least = m
    }
    if (least === END || least <= this.now) return false
    this.now = least
    return true
  }

  snapshot(): ClockSnapshot {
    return {
      now: this.now,
      marks: Object.fromEntries(this.#names.map((n, i) => [n, this.#marks[i] as number])),
      liveFrom: Object.fromEntries(this.#names.map((n, i) => [n, this.#liveFrom[i] as number])),
    }
  }

  restore(from: ClockSnapshot): void {
    this.now = from.now
    for (const [i, name] of this.#names.entries()) {
      this.#marks[i] = from.marks[name] ?? BEGINNING
      this.#liveFrom[i] = from.liveFrom[name] ?? BEGINNING
    }
    this.liveFrom = Math.max(BEGINNING, ...this.#liveFrom)
  }
}

export interface ClockSnapshot {
  readonly now: Millis
  readonly marks: Readonly<Record<string, Millis>>
  readonly liveFrom: Readonly<Record<string, Millis>>
}
