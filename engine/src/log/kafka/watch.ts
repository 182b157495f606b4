/**
 * Tells listeners that something was committed to their topics, by asking for the ends of partitions
 * at intervals; only while somebody listens.
 */
import { OpportuneError } from '../../errors.ts'
import { partitionKey, type TopicPartition } from '../port.ts'
import type { Cluster } from './cluster.ts'

interface Listening {
  readonly topics: readonly string[]
  readonly tell: () => void
}

export class Watch {
  readonly #cluster: Cluster
  readonly #everyMs: number
  readonly #trouble: (error: OpportuneError) => void
  readonly #listening = new Set<Listening>()
  readonly #ends = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(cluster: Cluster, everyMs: number, trouble: (error: OpportuneError) => void) {
    this.#cluster = cluster
    this.#everyMs = everyMs
    this.#trouble = trouble
  }

  /** @throws log_unknown_topic */
  listen(topics: readonly string[], tell: () => void): () => void {
    for (const topic of topics) this.#cluster.require(topic, 0)
    const listening = { topics, tell }
    this.#listening.add(listening)
    this.#timer ??= setInterval(() => void this.look(), this.#everyMs)
    this.#timer.unref()
    return () => {
      this.#listening.delete(listening)
      if (this.#listening.size === 0) this.#stop()
    }
  }

  /** Looks now; joins a look that is under way. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  clear(): void {
    this.#listening.clear()
    this.#stop()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#ends.clear()
  }

  async #look(): Promise<void> {
    const topics = new Set([...this.#listening].flatMap((it) => it.topics))
    const partitions: TopicPartition[] = []
    for (const topic of topics)
      for (let p = 0; p < (this.#cluster.partitionsOf(topic) ?? 0); p++)
        partitions.push({ topic, partition: p })
    if (partitions.length === 0) return
    let ends: ReadonlyMap<string, number>
    try {
      ends = await this.#cluster.ends(partitions)
    } catch (error) {
      if (error instanceof OpportuneError) this.#trouble(error)
      return
    }
    const grown = new Set<string>()
    for (const at of partitions) {
      const key = partitionKey(at)
      const end = ends.get(key) ?? 0
      // Seen for the first time: what came before nobody knows, so it is told as if it were new.
      if (end > (this.#ends.get(key) ?? 0)) grown.add(at.topic)
      this.#ends.set(key, end)
    }
    for (const { topics: wanted, tell } of this.#listening)
      if (wanted.some((topic) => grown.has(topic))) tell()
  }
}
