/**
 * Runs a loader for as long as it is wanted: one block at a time, at intervals while nothing presses,
 * without pause while the log is ahead. Errors of the database are retried for ever with growing
 * pauses; what is new waits in the log, so nothing grows meanwhile.
 */
import { findError } from '#engine'
import type { Loader } from './loader.ts'
import type { LoadStatus } from './protocol.ts'

export interface LoadingOptions {
  readonly loader: Loader
  readonly flushMs: number
  /** Wall clock, ms. */
  readonly now: () => number
}

const FIRST_PAUSE = 200
const LONGEST_PAUSE = 10_000

export class Loading {
  readonly #options: LoadingOptions
  #state: LoadStatus['state'] = 'loading'
  #lastError: string | null = null
  #loadedAt: number | null = null
  #lag = 0
  #stopping = false
  #wake: (() => void) | undefined
  #hurry = 0

  constructor(options: LoadingOptions) {
    this.#options = options
  }

  /** Takes the first look at what there is to do, so that `status` speaks the truth from the start. */
  async look(): Promise<void> {
    this.#lag = await this.#options.loader.lag()
  }

  /** Until `stop`; rejects on an error that retrying cannot mend. */
  async run(): Promise<void> {
    const { loader, flushMs } = this.#options
    let pause = FIRST_PAUSE
    while (!this.#stopping)
      try {
        const loaded = await loader.step()
        this.#lag = await loader.lag()
        this.#state = 'loading'
        this.#lastError = null
        pause = FIRST_PAUSE
        if (loaded > 0) this.#loadedAt = this.#options.now()
        if (this.#lag === 0 || !this.#behind(loaded)) await this.#rest(flushMs)
      } catch (error) {
        if (findError(error)?.class === 'refused') throw error
        this.#state = 'retrying'
        this.#lastError = error instanceof Error ? error.message : String(error)
        await this.#rest(pause)
        pause = Math.min(pause * 2, LONGEST_PAUSE)
      }
  }

  /** Everything that the log holds now is in the tables when this resolves. */
  async flush(): Promise<void> {
    const { loader } = this.#options
    const ends = await loader.ends()
    this.#hurry++
    try {
      while (!loader.reached(ends)) {
        this.#wake?.()
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    } finally {
      this.#hurry--
    }
  }

  stop(): void {
    this.#stopping = true
    this.#wake?.()
  }

  status(): LoadStatus {
    return {
      state: this.#state,
      lagRecords: this.#lag,
      loadedAt: this.#loadedAt,
      stats: { ...this.#options.loader.stats },
      lastError: this.#lastError,
      rssBytes: process.memoryUsage.rss(),
    }
  }

  /** More is waiting than came in while the last block was loaded. */
  #behind(loaded: number): boolean {
    return this.#hurry > 0 || this.#lag > loaded
  }

  #rest(ms: number): Promise<void> {
    if (this.#stopping) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }
}
