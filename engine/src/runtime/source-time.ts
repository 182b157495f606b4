/** How one source partition tells time; see `SourceClock` for the policies. */
import type { Mode } from '../operator.ts'
import { BEGINNING, END, type Millis } from '../time.ts'
import type { SourceSpec } from '../topology/plan.ts'

/**
 * Records with this key steer a source instead of carrying data: `{"mark": ms}` moves time on,
 * `{"live": true}` ends history, `{"end": true}` says nothing more will come.
 */
export const CONTROL_KEY = '~control'
const CONTROL = Buffer.from(CONTROL_KEY)

export interface SourceSnapshot {
  readonly seen: Millis
  readonly idle: boolean
  readonly liveFrom: Millis
}

export class SourceTime {
  /** The mark to give downstream: END while the source is idle or has ended. */
  mark: Millis = BEGINNING
  liveFrom: Millis
  readonly #clock: SourceSpec<unknown>['clock']
  #seen: Millis = BEGINNING
  #idle = false
  #quietSince: Millis = END

  constructor(spec: SourceSpec<unknown>) {
    this.#clock = spec.clock
    this.liveFrom = spec.startsIn === 'history' ? END : BEGINNING
  }

  get mode(): Mode {
    return this.liveFrom === END ? 'history' : 'live'
  }

  /** Takes a record in. @returns whether its time was clamped */
  advance(time: Millis, appendedAt: Millis): boolean {
    const clock = this.#clock
    this.#quietSince = END
    if (clock.kind === 'append') {
      this.#raise(appendedAt)
      return false
    }
    const limit = appendedAt + (clock.maxAhead ?? END)
    this.#raise(Math.min(time, limit) - clock.disorder)
    return time > limit
  }

  /** The partition was read to its end at wall time `wall`. */
  atEnd(wall: Millis): void {
    const { idle } = this.#clock
    if (idle === 'wall') this.#raise(wall)
    if (this.#clock.kind === 'append' && this.#clock.optional === true && this.#seen === BEGINNING)
      this.#leave()
    if (idle !== 'leave' || this.#idle || this.#seen === BEGINNING) return
    if (this.#quietSince === END) this.#quietSince = wall
    const after = this.#clock.kind === 'event' ? (this.#clock.idleAfter ?? 1_000) : 0
    if (wall - this.#quietSince >= after) this.#leave()
  }

  /** @returns whether the record steers and carries no data */
  control(key: Uint8Array | null, value: Uint8Array | null): boolean {
    if (key === null || key.length !== CONTROL.length || !CONTROL.equals(key)) return false
    const order = parse(value)
    if (typeof order['mark'] === 'number') this.#raise(order['mark'])
    if (order['live'] === true && this.liveFrom === END) this.liveFrom = this.#seen
    if (order['end'] === true) this.#leave()
    return true
  }

  snapshot(): SourceSnapshot {
    return { seen: this.#seen, idle: this.#idle, liveFrom: this.liveFrom }
  }

  restore(from: SourceSnapshot): void {
    this.#seen = from.seen
    this.#idle = from.idle
    this.liveFrom = from.liveFrom
    this.mark = from.idle ? END : from.seen
  }

  #raise(to: Millis): void {
    if (to > this.#seen) this.#seen = to
    this.#idle = false
    this.mark = this.#seen
  }

  #leave(): void {
    this.#idle = true
    this.mark = END
  }
}

function parse(value: Uint8Array | null): Record<string, unknown> {
  try {
    const order: unknown = JSON.parse(Buffer.from(value ?? []).toString('utf8'))
    return typeof order === 'object' && order !== null ? (order as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
