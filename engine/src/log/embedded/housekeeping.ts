/**
 * When retention and compaction run: after commits, at most every `everyMs`, never while one is being
 * written, one at a time. What they fail with makes the next commit fail.
 */
import { compactPartition } from './compaction.ts'
import { retain } from './retention.ts'
import type { LmdbStore, PartitionShelf } from './store.ts'

export interface HousekeepingOptions {
  /** ms since 1970. */
  readonly now: () => number
  /** Pause between two passes in ms. */
  readonly everyMs: number
  /** A compacted partition is due when so many bytes, and half of it, are new since the last pass. */
  readonly compactBytes: number
  /** Memory for the index of keys, in bytes. */
  readonly indexBytes: number
}

export class Housekeeping {
  readonly #options: HousekeepingOptions
  #store: LmdbStore | undefined
  #last: number
  #planned: NodeJS.Immediate | undefined
  #running: Promise<unknown> = Promise.resolve()
  #busy = false
  #stopped = false

  constructor(options: HousekeepingOptions) {
    this.#options = options
    this.#last = options.now()
  }

  attach(store: LmdbStore): void {
    this.#store = store
  }

  /** After each commit; cheap when nothing is due. */
  tick(): void {
    const now = this.#options.now()
    if (this.#planned !== undefined || this.#busy || now - this.#last < this.#options.everyMs)
      return
    this.#last = now
    this.#planned = setImmediate(() => {
      this.#planned = undefined
      void this.run()
    })
  }

  /** One pass of retention, and of compaction where a partition is due. */
  async run(): Promise<void> {
    const store = this.#store
    if (store === undefined || this.#stopped || this.#busy) return
    this.#busy = true
    try {
      const pass = (): boolean => retain(store, this.#options.now())
      while ((await store.exclusively(pass)) && !this.#stopped)
        await new Promise((resolve) => setImmediate(resolve))
      for (const shelf of store.shelves())
        if (this.#isDue(shelf) && !this.#stopped) await this.compact(shelf)
    } catch (error) {
      store.fail(error)
    } finally {
      this.#busy = false
    }
  }

  /** One pass over one partition, after any other that runs. @returns bytes freed */
  compact(shelf: PartitionShelf): Promise<number> {
    const store = this.#store
    if (store === undefined) return Promise.resolve(0)
    const pass = this.#running.then(() =>
      compactPartition(store, shelf, {
        indexBytes: this.#options.indexBytes,
        stop: () => this.#stopped,
      }),
    )
    this.#running = pass.catch(() => undefined)
    return pass
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearImmediate(this.#planned)
    await this.#running
  }

  #isDue(shelf: PartitionShelf): boolean {
    if (shelf.topic.cleanup !== 'compact') return false
    const { dirtyBytes, bytes } = shelf.state
    return dirtyBytes >= this.#options.compactBytes && dirtyBytes * 2 >= bytes
  }
}
