/**
 * A progress bar on one line of a terminal. Silent where the stream is not one, and for the first two
 * seconds: a quick command should not flicker.
 */
import type { Terminal } from './io.ts'

export interface ProgressState {
  readonly label: string
  readonly done: number
  /** 0: not known. */
  readonly total: number
  /** What is counted, for the rate: 'events'. Absent: no rate is shown. */
  readonly unit?: string
}

const AFTER_MS = 2_000
const EVERY_MS = 100
const BAR = 24

export class Progress {
  readonly #terminal: Terminal
  readonly #clock: () => number
  readonly #started: number
  #state: ProgressState | null = null
  #since = 0
  #timer: NodeJS.Timeout | null = null
  #drawn = false

  /** @param clock ms, never going back */
  constructor(terminal: Terminal, clock: () => number) {
    this.#terminal = terminal
    this.#clock = clock
    this.#started = clock()
  }

  update(state: ProgressState): void {
    if (!this.#terminal.isTTY) return
    // A rate over two kinds of work would be neither's.
    if (this.#state?.label !== state.label) this.#since = this.#clock()
    this.#state = state
    this.#timer ??= setInterval(() => this.draw(), EVERY_MS).unref()
  }

  draw(): void {
    if (this.#state === null || this.#clock() - this.#started < AFTER_MS) return
    const line = progressLine(this.#state, this.#clock() - this.#since, this.#terminal.columns)
    this.#terminal.write(`\r\u001b[2K${line}`)
    this.#drawn = true
  }

  /** Takes the bar off the line, so that something else can be written; the next tick draws it again. */
  clear(): void {
    if (!this.#drawn) return
    this.#terminal.write('\r\u001b[2K')
    this.#drawn = false
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#state = null
    this.clear()
  }
}

/** @param elapsedMs since this kind of work began */
export function progressLine(state: ProgressState, elapsedMs: number, columns: number): string {
  const { label, done, total, unit } = state
  const share = total > 0 ? Math.min(1, done / total) : null
  const rate = elapsedMs > 0 ? done / (elapsedMs / 1_000) : 0
  const parts = [
    label,
    share === null ? null : `[${'#'.repeat(Math.round(share * BAR)).padEnd(BAR, '-')}]`,
    share === null ? null : `${Math.floor(share * 100)} %`,
    unit === undefined ? null : `${grouped(done)} ${unit}`,
    unit === undefined || rate < 1 ? null : `${grouped(Math.round(rate))}/s`,
    share === null || share === 0 || share === 1
      ? `${clock(elapsedMs)}`
      : `${clock((elapsedMs * (1 - share)) / share)} left`,
  ]
  return parts
    .filter((part) => part !== null)
    .join('  ')
    .slice(0, Math.max(0, columns - 1))
}

const grouped = (n: number): string => String(n).replaceAll(/\B(?=(\d{3})+$)/g, ',')

function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
