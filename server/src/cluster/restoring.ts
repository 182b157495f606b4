/** How far the restores of a process are, for its log, its health and its metrics. */
import type { RestoreProgress } from '#engine'

export interface RestoreSum {
  readonly tasks: number
  readonly records: number
  /** From 0 to 1; 1 where nothing was to be restored. */
  readonly share: number
}

const TELL_MS = 2_000

export class Restoring {
  readonly #tasks = new Map<string, RestoreProgress>()
  readonly #tell: (line: string) => void
  readonly #now: () => number
  #told: number

  /** @param tell hears of a restore that takes a while, every 2 s. @param now ms, of any clock */
  constructor(tell: (line: string) => void, now: () => number) {
    this.#tell = tell
    this.#now = now
    this.#told = now()
  }

  take(progress: RestoreProgress): void {
    this.#tasks.set(progress.task, progress)
    if (this.#now() - this.#told < TELL_MS) return
    this.#told = this.#now()
    this.#tell(describe(progress))
  }

  /** Of the restores that have begun: one that waits its turn is not known yet. */
  get sum(): RestoreSum {
    let records = 0
    let read = 0
    let all = 0
    for (const it of this.#tasks.values()) {
      records += it.records
      read += it.at - it.from
      all += it.end - it.from
    }
    return { tasks: this.#tasks.size, records, share: all === 0 ? 1 : Math.min(1, read / all) }
  }
}

/** One line for people: `restoring customer-inbox/3: 120,000 records, 43 %`. */
function describe({ task, records, from, at, end }: RestoreProgress): string {
  const share = end > from ? Math.min(1, (at - from) / (end - from)) : 1
  return `restoring ${task}: ${records.toLocaleString('en')} records, ${Math.floor(share * 100)} %`
}
