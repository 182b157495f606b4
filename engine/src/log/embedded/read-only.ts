/**
 * Reading an embedded log from another process while its owner writes: LMDB's snapshots make every
 * read see whole epochs only. There is no word from the owner, so `onAppend` looks at intervals.
 */
import { OpportuneError } from '../../errors.ts'
import type { Frame } from '../local/frame.ts'
import { LocalReader } from '../local/reader.ts'
import { type ReadableStore, requirePartition } from '../local/store.ts'
import type { EventLog, PartitionBounds, TopicPartition, TopicSpec } from '../port.ts'
import { entryAt } from './entries.ts'
import { type Environment, openEnvironment } from './environment.ts'
import type { StoredTopic } from './layout.ts'
import { loadPartition, loadTopics } from './store.ts'

export type ReadOnlyLog = Pick<EventLog, 'reader' | 'topics' | 'bounds' | 'onAppend' | 'close'>

export interface ReadOnlyOptions {
  /** How often `onAppend` looks, in ms. Default 100. */
  readonly pollMs?: number
}

/** @throws log_missing, log_corrupt, frame_version */
export async function openEmbeddedLogReadOnly(
  directory: string,
  options: ReadOnlyOptions = {},
): Promise<ReadOnlyLog> {
  return new SharedLog(openEnvironment({ directory, readOnly: true }), options.pollMs ?? 100)
}

class SnapshotStore implements ReadableStore {
  readonly #environment: Environment
  #topics = new Map<string, StoredTopic>()

  constructor(environment: Environment) {
    this.#environment = environment
  }

  topics(): readonly TopicSpec[] {
    this.#refresh()
    this.#topics = new Map(loadTopics(this.#environment).map((topic) => [topic.spec.name, topic]))
    return [...this.#topics.values()].map((topic) => topic.spec)
  }

  topic(name: string): TopicSpec | undefined {
    if (!this.#topics.has(name)) this.topics()
    return this.#topics.get(name)?.spec
  }

  bounds(topic: string, partition: number): PartitionBounds {
    this.#refresh()
    requirePartition(this, topic, partition)
    const { number } = this.#topics.get(topic) as StoredTopic
    return loadPartition(this.#environment, { number, partition })
  }

  frames(topic: string, partition: number, offset: number): readonly Frame[] {
    requirePartition(this, topic, partition)
    const { number } = this.#topics.get(topic) as StoredTopic
    const entry = entryAt(this.#environment, { number, partition }, offset)
    return entry?.frames.filter((frame) => frame.end > offset) ?? []
  }

  /** LMDB keeps a read transaction open within a turn; a new one sees what was committed since. */
  #refresh(): void {
    this.#environment.root.resetReadTxn()
  }
}

class SharedLog implements ReadOnlyLog {
  readonly #environment: Environment
  readonly #store: SnapshotStore
  readonly #pollMs: number
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #readers = new Set<LocalReader>()
  #closed = false

  constructor(environment: Environment, pollMs: number) {
    this.#environment = environment
    this.#store = new SnapshotStore(environment)
    this.#pollMs = pollMs
  }

  async topics(): Promise<readonly TopicSpec[]> {
    this.#assertOpen()
    return this.#store.topics()
  }

  async bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
    this.#assertOpen()
    return partitions.map(({ topic, partition }) => {
      const { start, end } = this.#store.bounds(topic, partition)
      return { start, end }
    })
  }

  reader(): LocalReader {
    this.#assertOpen()
    const reader = new LocalReader(this.#store)
    this.#readers.add(reader)
    return reader
  }

  onAppend(topics: readonly string[], listener: () => void): () => void {
    this.#assertOpen()
    let seen = this.#ends(topics)
    const timer = setInterval(() => {
      const ends = this.#ends(topics)
      if (ends === seen) return
      seen = ends
      listener()
    }, this.#pollMs)
    timer.unref()
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
      clearInterval(timer)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#timers) clearInterval(timer)
    for (const reader of this.#readers) reader.end('log_closed')
    await this.#environment.root.close()
  }

  /** The ends of all partitions as one comparable word; topics that do not exist yet have none. */
  #ends(topics: readonly string[]): string {
    return topics
      .map((topic) => {
        const partitions = this.#store.topic(topic)?.partitions ?? 0
        return Array.from({ length: partitions }, (_, p) => this.#store.bounds(topic, p).end).join()
      })
      .join(';')
  }

  #assertOpen(): void {
    if (this.#closed) throw new OpportuneError('log_closed', 'The log was closed.')
  }
}
