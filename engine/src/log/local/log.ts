/**
 * The event log over a synchronous store: what the embedded and the simulated log share. Owns the
 * groups and everything handed out; `end` makes all of it unusable at once.
 */
import { OpportuneError } from '../../errors.ts'
import type {
  EventLog,
  LogAppender,
  LogMember,
  LogReader,
  PartitionBounds,
  TopicPartition,
  TopicSpec,
} from '../port.ts'
import { LocalAppender } from './appender.ts'
import type { LocalContext } from './context.ts'
import { Group } from './group.ts'
import { LocalReader } from './reader.ts'
import { realScheduler } from './scheduler.ts'
import { AppendSignal } from './signal.ts'
import { type LogStore, requirePartition } from './store.ts'

export type LocalLogSettings = Partial<Omit<LocalContext, 'store' | 'signal'>>

const DEFAULT_MAX_RECORD_BYTES = 1 << 20
const DEFAULT_REVOKE_MS = 3_000
const DEFAULT_KEEP_PLACE_MS = 10_000

export class LocalLog implements EventLog {
  readonly kind: 'embedded' | 'simulated'
  readonly #context: LocalContext
  readonly #groups = new Map<string, Group>()
  readonly #appenders = new Set<LocalAppender>()
  readonly #readers = new Set<LocalReader>()
  #closing: Promise<void> | undefined

  constructor(store: LogStore, settings: LocalLogSettings = {}) {
    this.kind = store.kind
    this.#context = {
      store,
      signal: new AppendSignal(),
      scheduler: settings.scheduler ?? realScheduler,
      now: settings.now ?? Date.now,
      maxRecordBytes: settings.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES,
      revokeMs: settings.revokeMs ?? DEFAULT_REVOKE_MS,
      keepPlaceMs: settings.keepPlaceMs ?? DEFAULT_KEEP_PLACE_MS,
      defer: settings.defer ?? queueMicrotask,
      hooks: settings.hooks,
    }
  }

  /** For logs that make members of their own. */
  protected get context(): LocalContext {
    return this.#context
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.assertOpen()
    await this.#context.store.ensureTopics(specs)
  }

  async topics(): Promise<readonly TopicSpec[]> {
    this.assertOpen()
    return this.#context.store.topics()
  }

  async bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
    this.assertOpen()
    return partitions.map(({ topic, partition }) => {
      requirePartition(this.#context.store, topic, partition)
      return this.#context.store.bounds(topic, partition)
    })
  }

  async member(options: { readonly group: string; readonly id: string }): Promise<LogMember> {
    this.assertOpen()
    return this.groupOf(options.group).join(options.id)
  }

  appender(): LogAppender {
    this.assertOpen()
    const appender = new LocalAppender(this.#context)
    this.#appenders.add(appender)
    return appender
  }

  reader(): LogReader {
    this.assertOpen()
    const reader = new LocalReader(this.#context.store)
    this.#readers.add(reader)
    return reader
  }

  onAppend(topics: readonly string[], listener: () => void): () => void {
    this.assertOpen()
    return this.#context.signal.listen(topics, listener)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  groupOf(name: string): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = new Group(this.#context, name)
      this.#groups.set(name, group)
    }
    return group
  }

  /** Ends everything that was handed out; what is committed stays. */
  end(code: 'log_closed' | 'log_crashed'): void {
    for (const group of this.#groups.values()) group.end(code)
    for (const appender of this.#appenders) appender.end(code)
    for (const reader of this.#readers) reader.end(code)
    this.#groups.clear()
    this.#appenders.clear()
    this.#readers.clear()
    this.#context.signal.clear()
  }

  async #close(): Promise<void> {
    for (const appender of this.#appenders) await appender.close()
    this.end('log_closed')
    await this.#context.store.close()
  }

  /** @throws log_closed */
  protected assertOpen(): void {
    if (this.#closing !== undefined) throw new OpportuneError('log_closed', 'The log was closed.')
  }
}
