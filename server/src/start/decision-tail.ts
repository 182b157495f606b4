/** What was decided, as it is committed: counts by outcome and the latest ones, for the page. */
import type { Decision } from '#operators'
import { readDecision } from '#sinks'
import type { App } from '../app/app.ts'
import { TOPICS } from '../app/topology.ts'

const KEPT = 500
const LIMITS = { maxRecords: 2_000, maxBytes: 4 << 20 }

export class DecisionTail {
  readonly counts: Record<string, number> = {}
  readonly #app: App
  readonly #positions = new Map<number, number>()
  #latest: Decision[] = []

  constructor(app: App) {
    this.#app = app
  }

  /** Takes in what was committed since the last call. */
  async follow(): Promise<void> {
    const { log, plan } = this.#app
    const partitions = plan.topics.find((t) => t.name === TOPICS.decisions)?.partitions ?? 0
    const reader = log.reader()
    try {
      for (let partition = 0; partition < partitions; partition++) {
        const at = { topic: TOPICS.decisions, partition }
        for (let offset = this.#positions.get(partition) ?? 0; ; ) {
          const batch = await reader.read(at, offset, LIMITS)
          if (batch === undefined) break
          for (let i = 0; i < batch.length; i++) this.#take(batch.value(i))
          offset = batch.nextOffset
          this.#positions.set(partition, offset)
        }
      }
    } finally {
      await reader.close()
    }
    this.#latest = newestFirst(this.#latest).slice(0, KEPT)
  }

  /** The latest first; as many as are kept. */
  latest(limit: number): readonly Decision[] {
    return this.#latest.slice(0, limit)
  }

  #take(value: Uint8Array | null): void {
    if (value === null) return
    const decision: Decision = readDecision(value)
    this.counts[decision.action] = (this.counts[decision.action] ?? 0) + 1
    this.#latest.push(decision)
    if (this.#latest.length > 4 * KEPT) this.#latest = newestFirst(this.#latest).slice(0, KEPT)
  }
}

const newestFirst = (decisions: readonly Decision[]): Decision[] =>
  [...decisions].sort(
    (a, b) => b.timestamp - a.timestamp || (a.decision_id < b.decision_id ? -1 : 1),
  )
