/**
 * The words of joins: what users declare and what join operators emit.
 *
 * Both sides of a join are repartitioned into one internal topic of tagged records. Its order is the
 * order in which the sides meet, so a replay of it gives the same results (rules JN1..: `engine/SPEC.md`).
 */
import type { Codec } from '../codec/codec.ts'
import { OpportuneError } from '../errors.ts'
import type { Operator, Output, Outputs } from '../operator.ts'
import type { Millis } from '../time.ts'

/** Which records without a partner come out as well: none, those of the left side, or of both. */
export type Keep = 'inner' | 'left' | 'outer'

export interface Both<L, R> {
  readonly left: L
  readonly right: R
}
export interface OnlyLeft<L> {
  readonly left: L
  readonly right: null
}
export interface OnlyRight<R> {
  readonly left: null
  readonly right: R
}

/** What a join emits: pairs, and where `keep` asks for it records without a partner. */
export type Joined<L, R, K extends Keep = 'outer'> =
  | Both<L, R>
  | (K extends 'inner' ? never : OnlyLeft<L>)
  | (K extends 'outer' ? OnlyRight<R> : never)

/** A table's row as it is from now on; null: there is none any more. */
export interface Change<Row> {
  readonly key: string
  readonly row: Row | null
}

/** A record of either side as it stands in the internal topic. */
export type Tagged<L, R> =
  | { readonly side: 'left'; readonly value: L }
  | { readonly side: 'right'; readonly value: R }

/** A record that came too late to be joined, and changed nothing. */
export type LateSide<L, R> = Tagged<L, R> & {
  readonly key: string
  /** Event time. */
  readonly at: Millis
  /** Task time since it could last have come on time: an allowed lateness of this takes it. */
  readonly lateness: Millis
}

export interface JoinSide<T> {
  /** What the sides have in common; not empty, at most 1,024 bytes. */
  readonly key: (value: T) => string
  /** Of the internal topic and of the stored state. */
  readonly codec: Codec<T>
}

export interface JoinOn<L, R> {
  readonly left: JoinSide<L>
  readonly right: JoinSide<R>
  /** Of the internal topic; default 1. */
  readonly partitions?: number
  /** Keys may turn out to be one: the join must then say what becomes of its state (`merge`). */
  readonly mergeable?: boolean
  readonly retentionMs?: Millis
}

export interface JoinCodecs<L, R> {
  readonly left: Codec<L>
  readonly right: Codec<R>
}

export interface JoinStep<L, R, S, O extends Outputs> {
  readonly operator: Operator<Tagged<L, R>, S, O>
  /** For `describe`: what kind of join this is. */
  readonly words: string
}

/** A kind of join with its options, waiting to be told its id and sides. */
export type Join<L, R, S, O extends Outputs> = (
  id: string,
  codecs: JoinCodecs<L, R>,
) => JoinStep<L, R, S, O>

/** Options that every kind of join has. */
export interface JoinOptions {
  /** Of the stored state; raise it when a side's shape changes. Default 1. */
  readonly version?: number
  /**
   * What becomes of the state when two keys turn out to be one: `discard` keeps the target's alone,
   * `cancel` drops both. A mergeable stage refuses a join that does not say.
   */
  readonly merge?: 'discard' | 'cancel'
}

/** `retract` takes back what `out` said before: the same row, always in front of what replaces it. */
export type StreamJoinOutputs<L, R, K extends Keep, X extends boolean> = {
  readonly out: Output<Joined<L, R, K>>
  readonly late: Output<LateSide<L, R>>
} & (X extends true ? { readonly retract: Output<Joined<L, R, K>> } : unknown)

export const mergeOf = (options: JoinOptions): { readonly merge?: 'discard' | 'cancel' } =>
  options.merge === undefined ? {} : { merge: options.merge }

/** @throws join_invalid */
export function checkSpan(name: string, value: Millis): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw invalidJoin(`'${name}' is ${value}, not a number of whole milliseconds from 0 on`)
}

/** @throws join_invalid */
export function checkLimit(value: number): number {
  if (!Number.isSafeInteger(value) || value < 1)
    throw invalidJoin(`'maxPerKey' is ${value}, not a whole number from 1 on`)
  return value
}

export const invalidJoin = (what: string): OpportuneError =>
  new OpportuneError('join_invalid', `A join's ${what}.`)

export const overflow = (id: string, side: string, limit: number): OpportuneError =>
  new OpportuneError('join_overflow', `'${id}' holds ${limit} ${side} records of one key.`, {
    id,
    side,
    limit,
  })
