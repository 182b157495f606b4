/**
 * What a keyed operator is: a pure step over (state, record, now) that may change its key's state,
 * emit values and arm timers. Nothing else: no clock, randomness, I/O, await or locale, and no way to
 * see which task, process or epoch it runs in.
 *
 * O1 One record at a time per key, in inbox order; timers due at or before a record's time fire
 *    before it, in the order (due, name).
 * O2 All writes of one record happen or none: an operator that throws loses its record's writes,
 *    outputs and timers (of the whole stage), and the record becomes a dead letter.
 * O3 State is a value: `set` a new one, never change the one `get` returned (the test driver freezes it).
 * O4 `now` never goes back for a key.
 */
import type { Codec } from './codec/codec.ts'
import type { Millis } from './time.ts'

/** `history`: update state and arm timers, propose nothing. `live`: act. */
export type Mode = 'history' | 'live'

export interface StateSpec<S> {
  /** Raised with every change of shape; stored beside the state. */
  readonly version: number
  /** The state of a key never seen; must be a constant (it is shared and frozen). */
  readonly initial: S
  /** JSON by default. */
  readonly codec?: Codec<S>
  /** From version n (the index) to n + 1; applied one after the other on first read. */
  readonly migrate?: Readonly<Record<number, (old: unknown) => unknown>>
  /** Task time after the last write at which the state is forgotten; absent: never. */
  readonly ttl?: Millis
}

export const stateSpec = <S>(spec: StateSpec<S>): StateSpec<S> => spec

/** A type witness: carries T for inference, nothing at run time. */
export interface Output<T> {
  readonly __type?: T
}
export const output = <T>(): Output<T> => ({})

export type Outputs = Readonly<Record<string, Output<unknown>>>
export type OutputValue<O, N extends keyof O> = O[N] extends Output<infer T> ? T : never

/**
 * A value every task holds a copy of, brought in-band by broadcast records. `fold` makes the next
 * value from the current one and a record; it is pure.
 */
export interface Broadcast<V, R = unknown> {
  readonly id: string
  readonly initial: V
  fold(current: V, record: R, at: Millis): V
}
export const broadcast = <V, R>(spec: Broadcast<V, R>): Broadcast<V, R> => spec

export interface Context<S, O> {
  readonly key: string
  /** Task time, ms since 1970: of the record being processed, or the due time of the timer. */
  readonly now: Millis
  /** The record's own event time; equals `now` in a timer. */
  readonly time: Millis
  readonly mode: Mode
  /** The key's state of this operator; the spec's `initial` where there is none. */
  get(): S
  set(next: S): void
  /** Forgets the state and the timers of this operator for this key. */
  clear(): void
  emit<N extends keyof O & string>(name: N, value: OutputValue<O, N>): void
  /** Arms a timer, replacing one of the same name. A due time at or before `now` fires next. */
  setTimer(name: string, due: Millis): void
  cancelTimer(name: string): void
  timerDue(name: string): Millis | undefined
  /** Another operator's state of the same key in the same stage; must be declared in `reads`. */
  read<T>(from: { readonly id: string; readonly state: StateSpec<T> }): T
  /** The current value of a broadcast; must be declared in `broadcasts`. */
  shared<V>(from: Broadcast<V, never>): V
  /**
   * Hands this key's whole state in this stage (every operator's, save the caller's) to `target`
   * through the inbox, where each operator's `merge` takes it in, and forgets it here with its
   * timers. `link` names the hand-over: a second one with the same link is dropped at the target.
   */
  transfer(target: string, link: string): void
}

/**
 * How two keys' states become one: a commutative and associative function; `discard` keeps the
 * target's; `cancel` drops both (work in progress that must not double).
 */
export type Merge<S> = ((mine: S, theirs: S, at: Millis) => S) | 'discard' | 'cancel'

export interface Operator<In, S, O> {
  /** Names state, timers and metrics for ever. Lower case, digits, dashes. */
  readonly id: string
  readonly state: StateSpec<S>
  readonly outputs: O
  readonly reads?: readonly { readonly id: string }[]
  readonly broadcasts?: readonly { readonly id: string }[]
  onRecord(value: In, cx: Context<S, O>): void
  onTimer?(name: string, cx: Context<S, O>): void
  /** After `merge` put a hand-over's state in place: re-arm timers, emit. */
  onMerged?(from: string, cx: Context<S, O>): void
  readonly merge?: Merge<S>
}

/** Declares a keyed operator; types of state and outputs are inferred. */
export const operator = <In, S, O extends Outputs>(spec: Operator<In, S, O>): Operator<In, S, O> =>
  spec
