/**
 * The connection between one process and the brokers: requests and answers that take their time, get
 * lost, or wait until a connection that was cut heals.
 *
 * SB10 A request that was sent arrives once or never, whatever became of its sender. An answer reaches a
 *     process that is still alive, or nobody.
 */
import type { Scheduler } from '../../local/scheduler.ts'
import type { FaultInjector } from '../faults.ts'
import type { Prng } from '../prng.ts'

export interface WireOptions {
  readonly scheduler: Scheduler
  readonly prng: Prng
  readonly faults: FaultInjector | undefined
  /** Longest way in ms: of one request or answer, and of one that is late. */
  readonly latencyMs: number
  readonly lateMs: number
}

export class Wire {
  readonly #options: WireOptions
  #alive = true
  /** What waits for a cut connection. */
  #held: (() => void)[] | undefined

  constructor(options: WireOptions) {
    this.#options = options
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Does `what` at the broker. Never settles where request or answer is lost. */
  call<T>(what: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.#alive || this.#options.faults?.at('wire:request-lost') !== undefined) return
      this.#pass(() => {
        let answer: () => void
        try {
          const value = what()
          answer = () => resolve(value)
        } catch (error) {
          answer = () => reject(error)
        }
        if (this.#options.faults?.at('wire:answer-lost') !== undefined) return
        this.#pass(() => {
          if (this.#alive) answer()
        })
      })
    })
  }

  /** Nothing gets through for `ms`; what was on its way arrives after that. */
  cut(ms: number): void {
    if (this.#held !== undefined) return
    this.#held = []
    this.#options.scheduler.after(ms, () => {
      const held = this.#held ?? []
      this.#held = undefined
      for (const run of held) this.#pass(run)
    })
  }

  /** The process is gone. */
  die(): void {
    this.#alive = false
  }

  #pass(run: () => void): void {
    const { scheduler, prng, faults, latencyMs, lateMs } = this.#options
    const late = faults?.at('wire:late')
    const ms = late === undefined ? prng.below(latencyMs + 1) : Math.ceil(late.draw * lateMs)
    const arrive = (): void => {
      if (this.#held === undefined) run()
      else this.#held.push(run)
    }
    if (ms === 0) queueMicrotask(arrive)
    else scheduler.after(ms, arrive)
  }
}
