/**
 * The harness's side of one step: the context an operator sees, writing to a copy of its key's slot.
 * The harness keeps the copy or throws it away (O2); this file only makes sure that nothing but
 * `set`, `clear`, the timer calls, `emit` and `transfer` can leave a mark (O3), and that the context
 * dies with its step. Internal to `harness.ts`.
 */
import { isDeepStrictEqual } from 'node:util'
import { assert, OpportuneError } from '../errors.ts'
import type { Broadcast, Context, Mode, Outputs, OutputValue, StateSpec } from '../operator.ts'
import type { Millis } from '../time.ts'

/** What the operator emitted; a union over its outputs, told apart by `name`. */
export type Emitted<O> = {
  [N in keyof O & string]: {
    readonly name: N
    readonly key: string
    /** Event time of the record, or the due time of the timer. */
    readonly time: Millis
    readonly mode: Mode
    readonly value: OutputValue<O, N>
  }
}[keyof O & string]

export interface Transfer {
  readonly key: string
  readonly target: string
  readonly link: string
  readonly now: Millis
}

export interface Slot<S> {
  present: boolean
  state: S
  writtenAt: Millis
  /** The key's last `now`. */
  seen: Millis
  timers: Map<string, Millis>
  links: Set<string>
}

export interface Step {
  readonly kind: 'record' | 'timer' | 'merge'
  readonly name: string
  readonly now: Millis
  readonly time: Millis
  readonly mode: Mode
}

export interface Surroundings<S, O> {
  readonly operator: {
    readonly id: string
    readonly state: StateSpec<S>
    readonly outputs: O
    readonly reads?: readonly { readonly id: string }[]
    readonly broadcasts?: readonly { readonly id: string }[]
  }
  readonly slot: Slot<S>
  readonly reads: ReadonlyMap<string, unknown>
  readonly broadcasts: ReadonlyMap<string, unknown>
  readonly emitted: Emitted<O>[]
  readonly transfers: Transfer[]
}

/** The context of exactly one step; using it later is an error. */
export class HarnessContext<S, O extends Outputs> implements Context<S, O> {
  readonly key: string
  readonly now: Millis
  readonly time: Millis
  readonly mode: Mode
  /** Whether the step left a state to be stored. */
  wrote = false

  private readonly around: Surroundings<S, O>
  private readonly watched: Watched[] = []
  private open = true

  constructor(around: Surroundings<S, O>, key: string, step: Step) {
    this.around = around
    this.key = key
    this.now = step.now
    this.time = step.time
    this.mode = step.mode
  }

  get(): S {
    this.use()
    return this.guard(this.around.slot.state)
  }

  set(next: S): void {
    this.use()
    assert(next !== undefined, 'a state cannot be undefined; use clear()')
    const slot = this.around.slot
    slot.state = next
    slot.present = true
    slot.writtenAt = this.now
    this.wrote = true
  }

  clear(): void {
    this.use()
    forget(this.around.slot, this.around.operator.state.initial)
    this.around.slot.timers.clear()
    this.wrote = false
  }

  emit<N extends keyof O & string>(name: N, value: OutputValue<O, N>): void {
    this.use()
    assert(Object.hasOwn(this.around.operator.outputs, name), `no output is named ${name}`)
    const emitted = { name, key: this.key, time: this.time, mode: this.mode, value }
    this.around.emitted.push(emitted as Emitted<O>)
  }

  setTimer(name: string, due: Millis): void {
    this.use()
    assert(!Number.isNaN(due), `timer ${name} has no due time`)
    this.around.slot.timers.set(name, due)
  }

  cancelTimer(name: string): void {
    this.use()
    this.around.slot.timers.delete(name)
  }

  timerDue(name: string): Millis | undefined {
    this.use()
    return this.around.slot.timers.get(name)
  }

  read<T>(from: { readonly id: string; readonly state: StateSpec<T> }): T {
    this.use()
    this.mustDeclare(this.around.operator.reads, from.id, 'reads')
    const stored = this.around.reads.get(readKey(from.id, this.key)) as T | undefined
    return this.guard(stored === undefined ? from.state.initial : stored)
  }

  shared<V>(from: Broadcast<V, never>): V {
    this.use()
    this.mustDeclare(this.around.operator.broadcasts, from.id, 'broadcasts')
    const { broadcasts } = this.around
    return this.guard((broadcasts.has(from.id) ? broadcasts.get(from.id) : from.initial) as V)
  }

  transfer(target: string, link: string): void {
    this.use()
    this.around.transfers.push({ key: this.key, target, link, now: this.now })
  }

  /** HN3 for what freezing cannot reach. */
  checkUnchanged(): void {
    for (const { live, copy } of this.watched)
      assert(
        isDeepStrictEqual(live, copy),
        `operator ${this.around.operator.id} changed a value in place (O3)`,
      )
  }

  close(): void {
    this.open = false
  }

  private use(): void {
    assert(this.open, 'the context was used after its step')
  }

  private guard<T>(value: T): T {
    this.watched.push(...deepFreeze(value))
    return value
  }

  private mustDeclare(
    declared: readonly { readonly id: string }[] | undefined,
    id: string,
    where: string,
  ): void {
    if (declared?.some((d) => d.id === id)) return
    const operator = this.around.operator.id
    throw new OpportuneError(
      'topology_undeclared_read',
      `Operator ${operator} used ${id}, which is not among its ${where}.`,
      { operator, id },
    )
  }
}

export const readKey = (operatorId: string, key: string): string =>
  JSON.stringify([operatorId, key])

export function forget<S>(slot: Slot<S>, initial: S): void {
  slot.present = false
  slot.state = initial
}

/** A container that freezing does not close, and what it held. */
interface Watched {
  readonly live: unknown
  readonly copy: unknown
}

/**
 * Freezes plain objects and arrays all the way down and returns the containers that stay open.
 * Instances of other classes are left alone: a broadcast may carry a compiled artefact.
 */
export function deepFreeze(value: unknown): Watched[] {
  const open: Watched[] = []
  const seen = new Set<object>()
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null || seen.has(part)) return
    seen.add(part)
    if (Array.isArray(part) || isPlainObject(part)) {
      // Frozen does not mean frozen all the way down, so children are visited in any case.
      if (!Object.isFrozen(part)) Object.freeze(part)
      for (const child of Object.values(part)) visit(child)
      return
    }
    const copy = copyOpen(part)
    if (copy === undefined) return
    open.push({ live: part, copy })
    if (part instanceof Map || part instanceof Set)
      for (const [key, child] of part.entries()) {
        visit(key)
        visit(child)
      }
  }
  visit(value)
  return open
}

function copyOpen(part: object): unknown {
  if (part instanceof Map) return new Map(part)
  if (part instanceof Set) return new Set(part)
  if (part instanceof Date || ArrayBuffer.isView(part) || part instanceof ArrayBuffer)
    return structuredClone(part)
  return undefined
}

const isPlainObject = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
