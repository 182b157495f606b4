/**
 * Changes on their way to the disk, in the order given: one transaction at a time, committed on LMDB's
 * thread. Whatever waits when a transaction opens is in it, so that many small changes share one sync.
 *
 * Owns the order of everything that writes: housekeeping steps (`exclusively`) run between two
 * transactions and never meet one. Failure: a change that is not allowed is told so and leaves the
 * others alone; a transaction that fails is told to all whose changes were in it, and none took place.
 */
import type { Change } from '../local/store.ts'
import { type Environment, transactAside } from './environment.ts'

export interface QueuedChange {
  readonly change: Change
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** What one transaction writes. */
export interface Batch {
  readonly changes: readonly QueuedChange[]
  readonly growths: readonly { readonly bytes: number }[]
}

export interface CommitTarget<B extends Batch> {
  readonly environment: Environment
  /** Within the transaction: decides which changes take place, and where; rejects the others. */
  place(changes: readonly QueuedChange[]): B
  /** Within the transaction. */
  write(batch: B): void
  /** After it has succeeded, before anybody is told. */
  done(batch: B): void
}

export class CommitQueue<B extends Batch> {
  readonly #target: CommitTarget<B>
  #waiting: QueuedChange[] = []
  #steps: (() => void)[] = []
  readonly #given = new Set<Promise<void>>()
  #working = false

  constructor(target: CommitTarget<B>) {
    this.#target = target
  }

  add(change: Change): Promise<void> {
    const given = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject })
    })
    this.#given.add(given)
    const over = (): void => void this.#given.delete(given)
    given.then(over, over)
    this.#work()
    return given
  }

  exclusively<T>(step: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#steps.push(() => {
        try {
          resolve(step())
        } catch (error) {
          reject(error)
        }
      })
      this.#work()
    })
  }

  /** Resolves when every change given so far has taken place or failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#given)
  }

  #work(): void {
    if (!this.#working) void this.#all()
  }

  async #all(): Promise<void> {
    this.#working = true
    for (;;) {
      const step = this.#steps.shift()
      if (step !== undefined) step()
      else if (this.#waiting.length > 0) await this.#transaction()
      else break
    }
    this.#working = false
  }

  async #transaction(): Promise<void> {
    const target = this.#target
    let taken: readonly QueuedChange[] | undefined
    let batch: B | undefined
    const bytes = (): number => batch?.growths.reduce((sum, growth) => sum + growth.bytes, 0) ?? 0
    try {
      await transactAside(target.environment, bytes, () => {
        taken = this.#take()
        batch = target.place(taken)
        taken = batch.changes
        target.write(batch)
        for (const { change } of taken) change.aside?.()
      })
      if (batch !== undefined) target.done(batch)
      for (const { resolve } of taken ?? []) resolve()
    } catch (error) {
      // Where the transaction did not even open, what waits has nowhere to go.
      for (const { reject } of taken ?? this.#take()) reject(error)
    }
  }

  #take(): readonly QueuedChange[] {
    const taken = this.#waiting
    this.#waiting = []
    return taken
  }
}
