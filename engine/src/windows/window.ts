/** The words of windows: what users declare and what window operators emit. */
import type { Codec } from '../codec/codec.ts'
import { type Output, output } from '../operator.ts'
import type { Millis } from '../time.ts'

/** Event times in [start, end); for an inclusive session in [start, end]. */
export interface Window {
  readonly start: Millis
  readonly end: Millis
}

export interface KeyedWindow extends Window {
  readonly key: string
}

/**
 * How records become a window's value. Pure, and never in place: `add` and `combine` return a new
 * accumulator (O3). Records are added in the order of their arrival, not of their event times.
 */
export interface Aggregate<In, A, R = A> {
  readonly initial: A
  readonly add: (acc: A, value: In, at: Millis) => A
  /**
   * Two parts of one window become one; commutative and associative, with
   * `combine(add(a, x), b) = add(combine(a, b), x)`. Called with the earlier part first.
   */
  readonly combine?: (a: A, b: A) => A
  /** What is emitted; the accumulator itself where absent. */
  readonly result?: (acc: A, window: Window, key: string) => R
}

/** An aggregate whose parts can be united: what hopping and session windows ask for. */
export type CombiningAggregate<In, A, R = A> = Aggregate<In, A, R> &
  Required<Pick<Aggregate<In, A, R>, 'combine'>>

export interface WindowOptions<A> {
  /** How long after its end a window still takes records; default 0. */
  readonly lateness?: Millis
  /** Emit `meta`; default false, and then it costs nothing. */
  readonly meta?: boolean
  /**
   * Before a result takes the place of earlier ones, emit each of those to `retract`: for whoever adds
   * results up. Default false. Excludes uniting keys: a hand-over knows what was emitted, not its value.
   */
  readonly retract?: boolean
  /** Of the accumulator inside the stored state; JSON by default. */
  readonly codec?: Codec<A>
  /** Of the accumulator's shape; raise it when the shape changes. Default 1. */
  readonly version?: number
  /**
   * What becomes of windows when two keys turn out to be one. Default: they unite where the aggregate
   * has `combine`; where it has none this must be said, or a mergeable stage refuses the operator.
   * Where keys never become one, saying so spares a write of the state for each window that fires: it
   * need not tell the next owner which windows have fired.
   */
  readonly merge?: 'discard' | 'cancel'
}

/** A window's value. A later one of the same key and window takes its place. */
export interface WindowResult<R> extends KeyedWindow {
  readonly value: R
  /** Results emitted before, under other bounds or another key, that this one takes in. */
  readonly replaces?: readonly KeyedWindow[]
}

/** A record that came after all its windows had expired. */
export interface LateRecord<In> {
  readonly key: string
  readonly value: In
  /** Event time. */
  readonly at: Millis
  /** Task time since the last of its windows ended: an allowed lateness above this takes it. */
  readonly lateness: Millis
}

/**
 * A window's life: `opened` by its first record, `fired` at its end, `refined` by a record after that,
 * `merged` into an earlier session, `expired` when it takes no more. Of every window that opens, one
 * of the last two is told. A hand-over between keys tells only what it fires.
 */
export interface WindowMeta extends KeyedWindow {
  readonly kind: 'opened' | 'fired' | 'refined' | 'merged' | 'expired'
  /** Records in the window. */
  readonly count: number
}

export type WindowOutputs<In, R> = {
  readonly out: Output<WindowResult<R>>
  readonly late: Output<LateRecord<In>>
  readonly meta: Output<WindowMeta>
}

/** Results that stand no more: each was emitted before, as it is, and the next `out` replaces it. */
export type RetractingOutputs<In, R> = WindowOutputs<In, R> & {
  readonly retract: Output<WindowResult<R>>
}

/** The outputs that a window operator with these options has. */
export type OutputsOf<In, R, O> = O extends { readonly retract: true }
  ? RetractingOutputs<In, R>
  : WindowOutputs<In, R>

/**
 * Typed as if all were there: operators emit to `retract` only where it is asked for. A topology would
 * not let an output stand that leads nowhere (T2), so it must not exist otherwise.
 */
export function windowOutputs<In, R>(options: {
  readonly retract?: boolean
}): RetractingOutputs<In, R> {
  const outputs = { out: output(), late: output(), meta: output() }
  const all = options.retract === true ? { ...outputs, retract: output() } : outputs
  return all as RetractingOutputs<In, R>
}
