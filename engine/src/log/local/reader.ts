/** Reads committed records by position. Keeps one cursor per partition and no other state. */
import { OpportuneError } from '../../errors.ts'
import type { LogBatch, LogReader, PollLimits, TopicPartition } from '../port.ts'
import { partitionKey } from '../port.ts'
import { Cursor, readBatch } from './batch.ts'
import { type ReadableStore, requirePartition } from './store.ts'

export class LocalReader implements LogReader {
  readonly #store: ReadableStore
  readonly #cursors = new Map<string, Cursor>()
  #ended: 'log_closed' | 'log_crashed' | undefined

  constructor(store: ReadableStore) {
    this.#store = store
  }

  async read(
    partition: TopicPartition,
    offset: number,
    limits: Pick<PollLimits, 'maxRecords' | 'maxBytes'>,
  ): Promise<LogBatch | undefined> {
    if (this.#ended !== undefined) throw new OpportuneError(this.#ended, 'The reader was closed.')
    requirePartition(this.#store, partition.topic, partition.partition)
    const { start } = this.#store.bounds(partition.topic, partition.partition)
    return readBatch(this.#cursorOf(partition), Math.max(offset, start), limits, true)
  }

  async close(): Promise<void> {
    this.end('log_closed')
  }

  end(code: 'log_closed' | 'log_crashed'): void {
    this.#ended ??= code
    this.#cursors.clear()
  }

  #cursorOf(partition: TopicPartition): Cursor {
    const key = partitionKey(partition)
    let cursor = this.#cursors.get(key)
    if (cursor === undefined) {
      cursor = new Cursor(this.#store, partition)
      this.#cursors.set(key, cursor)
    }
    return cursor
  }
}
