/**
 * What became of events, from what the tasks of this process took in. On Kafka offsets also count the
 * ends of transactions, so the distance between two of them is no number of records; and several
 * processes each count what is theirs, so that their counts add up.
 *
 * Counts never go back when a task moves elsewhere. An epoch that was taken back and run again counts
 * twice.
 */
import type { Task } from '#engine'

export interface Numbers {
  readonly accepted: number
  readonly duplicates: number
  readonly sessions: number
}

/** Nodes that take in one value for each. */
const NODES = {
  accepted: 'activity-rows',
  duplicates: 'duplicate-rows',
  sessions: 'session-rows',
} as const

export class TaskCounts {
  readonly #seen = new WeakMap<Pick<Task, 'tallies'>, Numbers>()
  #sum: Numbers = { accepted: 0, duplicates: 0, sessions: 0 }

  /** Takes in what the tasks counted since the last look. */
  follow(tasks: readonly Pick<Task, 'tallies'>[]): Numbers {
    for (const task of tasks) {
      const before = this.#seen.get(task)
      const now = numbersOf(task)
      this.#seen.set(task, now)
      this.#sum = {
        accepted: this.#sum.accepted + now.accepted - (before?.accepted ?? 0),
        duplicates: this.#sum.duplicates + now.duplicates - (before?.duplicates ?? 0),
        sessions: this.#sum.sessions + now.sessions - (before?.sessions ?? 0),
      }
    }
    return this.#sum
  }
}

function numbersOf({ tallies }: Pick<Task, 'tallies'>): Numbers {
  const values = (node: string): number => tallies.get(node)?.values ?? 0
  return {
    accepted: values(NODES.accepted),
    duplicates: values(NODES.duplicates),
    sessions: values(NODES.sessions),
  }
}
