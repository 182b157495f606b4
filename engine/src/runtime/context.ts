/** The record a task is working on, and what an operator may do with it (`Context`). */
import { OpportuneError } from '../errors.ts'
import type { ByteRange, LogBatch } from '../log/port.ts'
import type {
  Broadcast,
  Context,
  Mode,
  Operator,
  Outputs,
  OutputValue,
  StateSpec,
} from '../operator.ts'
import type { KeyEntry, KeyedStore } from '../state/port.ts'
import type { Millis } from '../time.ts'
import type { RecordInfo } from '../topology/plan.ts'

/** One per task, overwritten record by record. */
export class Current implements RecordInfo {
  key: string | null = null
  entry: KeyEntry | null = null
  time: Millis = 0
  now: Millis = 0
  mode: Mode = 'live'
  topic = ''
  partition = 0
  offset = 0
  appendedAt: Millis = 0
  /** Where its bytes lie: [from, to) of a larger buffer. */
  readonly range: ByteRange = { buffer: EMPTY, from: 0, to: 0 }
  /** The source's batch that is being read, and where in it. */
  batch: LogBatch | null = null
  index = 0

  /** A view, made when somebody asks for it. */
  get bytes(): Buffer {
    return this.range.buffer.subarray(this.range.from, this.range.to)
  }

  headers(): ReturnType<RecordInfo['headers']> {
    return this.batch?.headers(this.index) ?? []
  }
}

const EMPTY = Buffer.alloc(0)

/** What contexts need of their task. */
export interface ContextHost {
  readonly current: Current
  readonly store: KeyedStore
  readonly shared: ReadonlyMap<string, unknown>
  slotOf(id: string): number
  transfer(from: number, target: string, link: string): void
}

export type Accept = (value: unknown) => void

export class OperatorContext implements Context<unknown, Outputs> {
  readonly #host: ContextHost
  readonly #operator: Operator<unknown, unknown, Outputs>
  readonly #slot: number
  readonly #outputs: Readonly<Record<string, Accept>>
  readonly #reads: ReadonlyMap<string, number>
  readonly #broadcasts: ReadonlySet<string>

  constructor(
    host: ContextHost,
    operator: Operator<unknown, unknown, Outputs>,
    outputs: Readonly<Record<string, Accept>>,
  ) {
    this.#host = host
    this.#operator = operator
    this.#slot = host.slotOf(operator.id)
    this.#outputs = outputs
    this.#reads = new Map((operator.reads ?? []).map((r) => [r.id, host.slotOf(r.id)]))
    this.#broadcasts = new Set((operator.broadcasts ?? []).map((b) => b.id))
  }

  get key(): string {
    return this.#entry().key
  }

  get now(): Millis {
    return this.#host.current.now
  }

  get time(): Millis {
    return this.#host.current.time
  }

  get mode(): Mode {
    return this.#host.current.mode
  }

  get(): unknown {
    return this.#host.store.get(this.#entry(), this.#slot)
  }

  set(next: unknown): void {
    this.#host.store.set(this.#entry(), this.#slot, next, this.now)
  }

  clear(): void {
    const { store } = this.#host
    const entry = this.#entry()
    store.clear(entry, this.#slot, this.now)
    for (const timer of store.timers(entry))
      if (timer.slot === this.#slot) store.cancelTimer(entry, timer.slot, timer.name)
  }

  emit<N extends string>(name: N, value: OutputValue<Outputs, N>): void {
    const accept = this.#outputs[name]
    if (accept === undefined)
      throw new OpportuneError(
        'topology_unconfigured_output',
        `'${this.#operator.id}' has no output '${name}'.`,
      )
    accept(value)
  }

  setTimer(name: string, due: Millis): void {
    if (!Number.isFinite(due))
      throw new OpportuneError(
        'operator_failed',
        `'${this.#operator.id}' armed '${name}' without an instant.`,
      )
    // A due time in the past fires next, and at the present instant: time never goes back for a key.
    const at = due < this.now ? this.now : due
    this.#host.store.setTimer(this.#entry(), { slot: this.#slot, name, due: at })
  }

  cancelTimer(name: string): void {
    this.#host.store.cancelTimer(this.#entry(), this.#slot, name)
  }

  timerDue(name: string): Millis | undefined {
    return this.#host.store.timerDue(this.#entry(), this.#slot, name)
  }

  read<T>(from: { readonly id: string; readonly state: StateSpec<T> }): T {
    const slot = this.#reads.get(from.id)
    if (slot === undefined) throw this.#undeclared(from.id)
    return this.#host.store.get(this.#entry(), slot) as T
  }

  shared<V>(from: Broadcast<V, never>): V {
    if (!this.#broadcasts.has(from.id)) throw this.#undeclared(from.id)
    const value = this.#host.shared.get(from.id)
    return value === undefined ? from.initial : (value as V)
  }

  transfer(target: string, link: string): void {
    this.#host.transfer(this.#slot, target, link)
  }

  #entry(): KeyEntry {
    const { entry } = this.#host.current
    if (entry === null)
      throw new OpportuneError('topology_unkeyed', `'${this.#operator.id}' ran without a key.`)
    return entry
  }

  #undeclared(id: string): OpportuneError {
    return new OpportuneError('topology_undeclared_read', `'${this.#operator.id}' reads '${id}'.`, {
      operator: this.#operator.id,
      read: id,
    })
  }
}
