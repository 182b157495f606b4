/**
 * Appends outside epochs. Those called within one turn share one commit of the store (one fsync for
 * many small HTTP requests) and keep their order; each is still atomic and is acknowledged on its own.
 */
import { OpportuneError } from '../../errors.ts'
import type { LogAppender, OutgoingRecord } from '../port.ts'
import type { LocalContext } from './context.ts'
import { type Frame, pack } from './frame.ts'
import { requirePartition } from './store.ts'

interface Append {
  readonly topic: string
  readonly partition: number
  readonly frames: readonly Frame[]
  readonly resolve: (offset: number) => void
  readonly reject: (error: unknown) => void
}

export class LocalAppender implements LogAppender {
  readonly #context: LocalContext
  #queue: Append[] = []
  #flushed: Promise<void> = Promise.resolve()
  #ended: 'log_closed' | 'log_crashed' | undefined

  constructor(context: LocalContext) {
    this.#context = context
  }

  async append(
    topic: string,
    partition: number,
    records: readonly OutgoingRecord[],
  ): Promise<number> {
    this.#assertOpen()
    const { store, now, maxRecordBytes, defer } = this.#context
    requirePartition(store, topic, partition)
    const frames = pack(records, { now: now(), maxRecordBytes })
    if (frames.length === 0) return store.bounds(topic, partition).end
    return await new Promise<number>((resolve, reject) => {
      if (this.#queue.push({ topic, partition, frames, resolve, reject }) === 1)
        defer(() => void this.#flush())
    })
  }

  /** Flushes what was appended before. */
  async close(): Promise<void> {
    const flushed = this.#flush()
    this.#ended ??= 'log_closed'
    await flushed
  }

  /** Drops what was not flushed: those appends fail. */
  end(code: 'log_closed' | 'log_crashed'): void {
    this.#ended ??= code
    const queue = this.#queue
    this.#queue = []
    for (const append of queue) append.reject(new OpportuneError(code, 'The log went away.'))
  }

  /** Resolves, whatever becomes of them, when all appends so far are dealt with. */
  #flush(): Promise<void> {
    const queue = this.#queue
    this.#queue = []
    if (queue.length > 0)
      this.#flushed = Promise.all([this.#flushed, this.#write(queue)]).then(none)
    return this.#flushed
  }

  async #write(queue: readonly Append[]): Promise<void> {
    const { store, hooks, signal } = this.#context
    const step = (): Promise<void> => store.commit({ writes: queue, group: '', positions: [] })
    try {
      await (hooks === undefined ? step() : hooks.append(step))
    } catch (error) {
      for (const append of queue) append.reject(error)
      return
    }
    for (const append of queue) append.resolve((append.frames[0] as Frame).base)
    signal.notify(queue.map((append) => append.topic))
  }

  #assertOpen(): void {
    if (this.#ended !== undefined) throw new OpportuneError(this.#ended, 'The appender was closed.')
  }
}

const none = (): void => {}
