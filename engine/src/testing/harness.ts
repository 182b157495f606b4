/**
 * An in-memory harness for one operator: no log, no store, no clock but the one the test moves.
 *
 * It owns a state, timers and taken links per key, and one task time for all keys. It keeps the
 * operator contract (O1-O4 in `operator.ts`) and is stricter than a task where strictness finds bugs:
 *
 * HN1 Due timers of a key fire before its record, in the order (due, name), each with `now` = its due
 *     time, or the key's last `now` where the timer was armed for the past (O4). A timer armed at or
 *     before `now` fires right after the step that armed it.
 * HN2 A step that throws leaves no trace of its own (state, timers, outputs, transfers); the timer that
 *     was firing is spent. The error is thrown on, or kept in `failures` with `onError: 'record'`;
 *     errors of class fatal are always thrown on.
 * HN3 A state is deep-frozen when read. Where freezing cannot reach (Map, Set, Date, buffers) it is
 *     compared with a copy after the step, and a change in place fails the test.
 * HN4 After each step a written state goes through its codec, as if evicted and read again, so that a
 *     state its codec cannot carry shows in the next step.
 * HN5 Task time never goes back; to ask for it is an error.
 */
import { ByteWriter } from '../codec/bytes.ts'
import { jsonCodec } from '../codec/codec.ts'
import { assert, OpportuneError } from '../errors.ts'
import type {
  Broadcast,
  Context,
  Mode,
  Operator,
  Outputs,
  OutputValue,
  StateSpec,
} from '../operator.ts'
import { BEGINNING, type Millis } from '../time.ts'
import {
  deepFreeze,
  type Emitted,
  forget,
  HarnessContext,
  readKey,
  type Slot,
  type Step,
  type Transfer,
} from './harness-context.ts'

export type { Emitted, Transfer } from './harness-context.ts'

export interface Failure {
  readonly key: string
  /** What was being done: a record, the timer's name, or the link of a hand-over. */
  readonly step: Step['kind']
  readonly name: string
  readonly error: unknown
}

export interface ArmedTimer {
  readonly name: string
  readonly due: Millis
}

export interface DriveOptions {
  /** Default `throw`. */
  readonly onError?: 'throw' | 'record'
  /** Where task time starts; default: before any instant. */
  readonly start?: Millis
}

/** A timer that re-arms itself at or before its own due time would otherwise fire for ever. */
const MAX_FIRINGS = 100_000

/** Puts one operator into a harness of its own. */
export const drive = <In, S, O extends Outputs>(
  operator: Operator<In, S, O>,
  options: DriveOptions = {},
): Harness<In, S, O> => new Harness(operator, options)

export class Harness<In, S, O extends Outputs> {
  /** Everything emitted and not yet taken, in order. */
  readonly outputs: Emitted<O>[] = []
  readonly transfers: Transfer[] = []
  readonly failures: Failure[] = []

  private readonly operator: Operator<In, S, O>
  private readonly options: DriveOptions
  private readonly slots = new Map<string, Slot<S>>()
  private readonly reads = new Map<string, unknown>()
  private readonly broadcasts = new Map<string, unknown>()
  private clock: Millis

  constructor(operator: Operator<In, S, O>, options: DriveOptions) {
    this.operator = operator
    this.options = options
    this.clock = options.start ?? BEGINNING
  }

  /** Task time. */
  get now(): Millis {
    return this.clock
  }

  /**
   * Processes one record after the key's due timers.
   * @param when.at the record's event time
   * @param when.now task time; default: the later of `at` and the task time so far
   */
  record(
    key: string,
    value: In,
    when: { readonly at: Millis; readonly now?: Millis; readonly mode?: Mode },
  ): this {
    const mode = when.mode ?? 'live'
    const now = this.moveTo(when.now ?? Math.max(when.at, this.clock))
    this.fireKey(key, now, mode)
    this.step(key, { kind: 'record', name: '', now, time: when.at, mode }, (cx) =>
      this.operator.onRecord(value, cx),
    )
    this.fireKey(key, now, mode)
    return this
  }

  /** Moves task time and fires the due timers of all keys in the order (due, key, name). */
  advanceTo(now: Millis, mode: Mode = 'live'): this {
    this.moveTo(now)
    for (let firings = 0; ; firings++) {
      let first: { key: string; timer: ArmedTimer } | undefined
      for (const [key, slot] of this.slots) {
        const timer = firstDue(slot.timers, now)
        if (timer === undefined) continue
        if (first === undefined || timer.due < first.timer.due) first = { key, timer }
        else if (timer.due === first.timer.due && key < first.key) first = { key, timer }
      }
      if (first === undefined) return this
      assert(firings < MAX_FIRINGS, `timer ${first.timer.name} does not come to rest`)
      this.fire(first.key, first.timer, mode)
    }
  }

  /** Takes the values of one output, or everything emitted, out of `outputs`. */
  take(): Emitted<O>[]
  take<N extends keyof O & string>(name: N): OutputValue<O, N>[]
  take(name?: keyof O & string): unknown[] {
    const all = this.outputs.splice(0)
    if (name === undefined) return all
    this.outputs.push(...all.filter((e) => e.name !== name))
    return all.filter((e) => e.name === name).map((e) => e.value)
  }

  /** The key's state now; the spec's initial value where there is none. */
  state(key: string): S {
    const slot = this.slots.get(key)
    return slot !== undefined && this.alive(slot, this.clock)
      ? slot.state
      : this.operator.state.initial
  }

  /** The key's timers in the order (due, name). */
  timers(key: string): ArmedTimer[] {
    return sortedTimers(this.slots.get(key)?.timers ?? new Map<string, Millis>())
  }

  /** Keys that hold state or timers, sorted: empty when nothing leaked. */
  keys(): string[] {
    return [...this.slots]
      .filter(([, slot]) => this.alive(slot, this.clock) || slot.timers.size > 0)
      .map(([key]) => key)
      .sort()
  }

  /** Puts a state and timers in place of the key's own. */
  setState(key: string, state: S, timers: readonly ArmedTimer[] = []): this {
    const slot = this.draft(key)
    slot.present = true
    slot.state = this.reload(state)
    slot.writtenAt = this.clock
    slot.timers = new Map(timers.map((t) => [t.name, t.due]))
    this.slots.set(key, slot)
    return this
  }

  /** What `cx.read(other)` returns for `key`; other keys see the other's initial state. */
  withRead<T>(
    other: { readonly id: string; readonly state: StateSpec<T> },
    key: string,
    value: T,
  ): this {
    this.reads.set(readKey(other.id, key), value)
    return this
  }

  /** Sets a broadcast's value, or folds a record into it as of `at` (default: task time). */
  withBroadcast<V, R>(
    shared: Broadcast<V, R>,
    change: { readonly value: V } | { readonly record: R; readonly at?: Millis },
  ): this {
    if ('value' in change) this.broadcasts.set(shared.id, change.value)
    else {
      const current = (this.broadcasts.get(shared.id) ?? shared.initial) as V
      deepFreeze(current)
      const next = shared.fold(current, change.record, change.at ?? this.clock)
      this.broadcasts.set(shared.id, next)
    }
    return this
  }

  /**
   * Hands the whole state of `from` to `target`, as a `transfer` does: `from` forgets it with its
   * timers, the target's due timers fire, `merge` joins the two, `onMerged` follows.
   * @returns false where the target had taken `link` before: the hand-over is dropped
   * @throws topology_missing_merge
   */
  mergeInto(
    target: string,
    from: string,
    link: string,
    when: { readonly now?: Millis; readonly mode?: Mode } = {},
  ): boolean {
    const merge = this.operator.merge
    if (merge === undefined)
      throw new OpportuneError('topology_missing_merge', `Operator ${this.operator.id}.`)
    assert(target !== from, 'a key cannot be merged into itself')
    const mode = when.mode ?? 'live'
    const now = this.moveTo(when.now ?? this.clock)
    this.fireKey(from, now, mode)
    const source = this.slots.get(from)
    const given = source !== undefined && this.alive(source, now) ? source.state : undefined
    this.slots.delete(from)
    this.fireKey(target, now, mode)
    if (this.slots.get(target)?.links.has(link) === true) return false
    this.step(target, { kind: 'merge', name: link, now, time: now, mode }, (cx) => {
      if (given === undefined) return
      if (merge === 'cancel') cx.clear()
      else if (merge !== 'discard') {
        deepFreeze(given)
        cx.set(merge(cx.get(), given, now))
      }
      this.operator.onMerged?.(from, cx)
    })
    this.fireKey(target, now, mode)
    return true
  }

  private moveTo(now: Millis): Millis {
    assert(!Number.isNaN(now), 'task time is not a number')
    assert(now >= this.clock, `task time cannot go back from ${this.clock} to ${now}`)
    this.clock = now
    return now
  }

  private fireKey(key: string, now: Millis, mode: Mode): void {
    for (let firings = 0; ; firings++) {
      const timer = firstDue(this.slots.get(key)?.timers, now)
      if (timer === undefined) return
      assert(firings < MAX_FIRINGS, `timer ${timer.name} does not come to rest`)
      this.fire(key, timer, mode)
    }
  }

  private fire(key: string, timer: ArmedTimer, mode: Mode): void {
    const slot = this.slots.get(key) as Slot<S>
    // Spent before it runs, so that the operator can arm it anew and a failing one cannot loop.
    slot.timers.delete(timer.name)
    const now = Math.max(timer.due, slot.seen)
    this.step(key, { kind: 'timer', name: timer.name, now, time: now, mode }, (cx) => {
      const { operator } = this
      assert('onTimer' in operator, `operator ${operator.id} armed a timer without onTimer`)
      operator.onTimer?.(timer.name, cx)
    })
  }

  /** Runs one step on a copy of the key's slot and keeps the copy only if the step returns. */
  private step(key: string, step: Step, run: (cx: Context<S, O>) => void): void {
    const slot = this.draft(key)
    slot.seen = Math.max(slot.seen, step.now)
    if (step.kind === 'merge') slot.links.add(step.name)
    if (!this.alive(slot, step.now)) forget(slot, this.operator.state.initial)
    const outputs = this.outputs.length
    const transfers = this.transfers.length
    const cx = new HarnessContext<S, O>(
      {
        operator: this.operator,
        slot,
        reads: this.reads,
        broadcasts: this.broadcasts,
        emitted: this.outputs,
        transfers: this.transfers,
      },
      key,
      step,
    )
    try {
      run(cx)
      cx.checkUnchanged()
    } catch (error) {
      this.outputs.length = outputs
      this.transfers.length = transfers
      const fatal = error instanceof OpportuneError && error.class === 'fatal'
      if (fatal || this.options.onError !== 'record') throw error
      this.failures.push({ key, step: step.kind, name: step.name, error })
      return
    } finally {
      cx.close()
    }
    if (cx.wrote) slot.state = this.reload(slot.state)
    this.slots.set(key, slot)
  }

  private draft(key: string): Slot<S> {
    const slot = this.slots.get(key)
    if (slot !== undefined)
      return { ...slot, timers: new Map(slot.timers), links: new Set(slot.links) }
    return {
      present: false,
      state: this.operator.state.initial,
      writtenAt: BEGINNING,
      seen: BEGINNING,
      timers: new Map(),
      links: new Set(),
    }
  }

  private alive(slot: Slot<S>, now: Millis): boolean {
    const ttl = this.operator.state.ttl
    return slot.present && (ttl === undefined || now < slot.writtenAt + ttl)
  }

  private reload(state: S): S {
    const codec = this.operator.state.codec ?? jsonCodec<S>()
    const writer = new ByteWriter()
    codec.write(state, writer)
    return codec.read(writer.copy())
  }
}

const sortedTimers = (timers: ReadonlyMap<string, Millis>): ArmedTimer[] =>
  [...timers]
    .map(([name, due]) => ({ name, due }))
    .sort((a, b) => a.due - b.due || (a.name < b.name ? -1 : 1))

function firstDue(
  timers: ReadonlyMap<string, Millis> | undefined,
  now: Millis,
): ArmedTimer | undefined {
  if (timers === undefined) return undefined
  const first = sortedTimers(timers)[0]
  return first !== undefined && first.due <= now ? first : undefined
}
