/**
 * Raw calls on their way into the log. Those that come while the worker is busy, or within a few
 * milliseconds of each other, are appended together: a commit to disk costs the same for one call as
 * for a hundred, and takes that long from the thread that also processes events.
 *
 * Q1 A call is durable when its promise resolves; the calls of one `add` stay together, in order.
 * Q2 What waits is appended right after the worker's commit, or `lingerMs` after it came, or as soon as
 *    there are `FULL` calls; so nothing waits longer than an epoch. The caller bounds what waits, by
 *    awaiting.
 * Q3 A failed append is told to all whose calls were in it.
 */
import { type LogAppender, type Millis, type OutgoingRecord } from '#engine'

const FULL = 1_000

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class IngestQueue {
  readonly #appender: LogAppender
  readonly #topic: string
  readonly #lingerMs: Millis
  #records: OutgoingRecord[] = []
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(appender: LogAppender, topic: string, lingerMs: Millis) {
    this.#appender = appender
    this.#topic = topic
    this.#lingerMs = lingerMs
  }

  add(calls: readonly Uint8Array[], receivedAt: Millis): Promise<void> {
    for (const value of calls) this.#records.push({ key: null, value, timestamp: receivedAt })
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (this.#lingerMs === 0 || this.#records.length >= FULL) this.flush()
      else this.#timer ??= setTimeout(() => this.flush(), this.#lingerMs)
    })
  }

  /** Appends what waits. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    const records = this.#records
    this.#waiting = []
    this.#records = []
    this.#appender.append(this.#topic, 0, records).then(
      () => {
        for (const { resolve } of waiting) resolve()
      },
      (error: unknown) => {
        for (const { reject } of waiting) reject(error)
      },
    )
  }
}
