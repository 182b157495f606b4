/**
 * Stream with stream: records of one key meet whose times are within reach of each other.
 *
 * A pair comes out as soon as its second record does. A record without a partner comes out, where `keep`
 * asks for it, once no partner can come any more: when task time has passed its reach and the allowed
 * lateness. With `retract` it comes out when its reach has passed, and if a late partner is then taken,
 * `retract` takes it back in front of its first pair.
 *
 * State is what may still meet somebody: the records of both sides, each until its reach and the lateness
 * have passed. One timer a key, `join`, stands at the next instant at which something is to be said or
 * enough is to be forgotten. A forgotten record could meet nobody, so it does not matter when it went.
 *
 * Failure: a key with more records than `maxPerKey` on one side refuses further ones (join_overflow), each
 * of which becomes a dead letter.
 */
import type { Context, Operator } from '../operator.ts'
import { END, type Millis } from '../time.ts'
import { heldList, type Nested, stateCodec } from './codecs.ts'
import { firstFrom, type Held, MATCHED, NOTHING_HELD, TOLD, WAITING, withRecord } from './held.ts'
import {
  checkLimit,
  checkSpan,
  type Join,
  type JoinCodecs,
  type Joined,
  type JoinOptions,
  type Keep,
  mergeOf,
  overflow,
  type StreamJoinOutputs,
  type Tagged,
} from './join.ts'
import type { Reach } from './reach.ts'

export interface StreamJoinOptions<K extends Keep, X extends boolean> extends JoinOptions {
  readonly reach: Reach
  readonly keep: K
  /** How far behind task time a record is still taken; default 0. */
  readonly lateness?: Millis
  /** Emit records without a partner early, and take them back where a late one comes. */
  readonly retract?: X
  /**
   * Sides of which no two records of a key are within reach of the same partner. A second one is
   * ignored, and what it has met on the other side is not held any longer.
   */
  readonly unique?: 'left' | 'right' | 'both'
  /** Records held of one key and side; default 10,000. */
  readonly maxPerKey?: number
}

export interface StreamJoinState<L, R> {
  readonly left: readonly Held<L>[]
  readonly right: readonly Held<R>[]
  /** When the key's timer fires. */
  readonly due: Millis
}

/** One timer a key. */
const TIMER = 'join'
const DEFAULT_LIMIT = 10_000
const EMPTY: StreamJoinState<never, never> = { left: NOTHING_HELD, right: NOTHING_HELD, due: END }

/**
 * @example
 * people.join('new-sellers', auctions, on, streamJoin({ reach: sameWindow({ size: seconds(10) }), keep: 'inner' }))
 * @throws join_invalid
 */
export function streamJoin<K extends Keep, X extends boolean = false>(
  options: StreamJoinOptions<K, X>,
): <L, R>(
  id: string,
  codecs: JoinCodecs<L, R>,
) => ReturnType<Join<L, R, StreamJoinState<L, R>, StreamJoinOutputs<L, R, K, X>>> {
  checkSpan('lateness', options.lateness ?? 0)
  checkLimit(options.maxPerKey ?? DEFAULT_LIMIT)
  return <L, R>(id: string, codecs: JoinCodecs<L, R>) => ({
    operator: streamJoinOperator<L, R, K, X>(id, codecs, options),
    words: `${options.keep} join, ${options.reach.words}`,
  })
}

function streamJoinOperator<L, R, K extends Keep, X extends boolean>(
  id: string,
  codecs: JoinCodecs<L, R>,
  options: StreamJoinOptions<K, X>,
): Operator<Tagged<L, R>, StreamJoinState<L, R>, StreamJoinOutputs<L, R, K, X>> {
  const join = new StreamJoin<L, R>(id, options)
  const outputs = { out: {}, late: {}, ...(options.retract === true && { retract: {} }) }
  return {
    id,
    state: {
      version: options.version ?? 1,
      initial: EMPTY,
      codec: stateCodec(`stream-join(${codecs.left.name},${codecs.right.name})`, stateBody(codecs)),
    },
    outputs: outputs as StreamJoinOutputs<L, R, K, X>,
    onRecord: (tagged, cx) => join.take(tagged, cx as never),
    onTimer: (_name, cx) => join.settle(cx as never),
    ...mergeOf(options),
  }
}

function stateBody<L, R>(codecs: JoinCodecs<L, R>): Nested<StreamJoinState<L, R>> {
  const left = heldList(codecs.left)
  const right = heldList(codecs.right)
  return {
    write(state, out) {
      out.signed(state.due)
      left.write(state.left, out)
      right.write(state.right, out)
    },
    read: (reader) => ({
      due: reader.signed(),
      left: left.read(reader),
      right: right.read(reader),
    }),
  }
}

/** With every output it can have; which of them exist is decided by the options. */
type JoinContext<L, R> = Context<StreamJoinState<L, R>, StreamJoinOutputs<L, R, 'outer', true>>

/** Both sides are treated alike: values are `unknown` here, and `left` says which side one is of. */
type AnyHeld = Held<unknown>

/** Configuration and behaviour; no state of its own. */
class StreamJoin<L, R> {
  readonly #id: string
  readonly #reach: Reach
  readonly #lateness: Millis
  /** How long after its reach a record without a partner is told. */
  readonly #patience: Millis
  readonly #retracts: boolean
  readonly #limit: number
  readonly #keepsLeft: boolean
  readonly #keepsRight: boolean
  readonly #uniqueLeft: boolean
  readonly #uniqueRight: boolean

  constructor(id: string, options: StreamJoinOptions<Keep, boolean>) {
    const { keep, unique, lateness = 0, retract = false } = options
    this.#id = id
    this.#reach = options.reach
    this.#lateness = lateness
    this.#patience = retract ? 0 : lateness
    this.#retracts = retract
    this.#limit = options.maxPerKey ?? DEFAULT_LIMIT
    this.#keepsLeft = keep !== 'inner'
    this.#keepsRight = keep === 'outer'
    this.#uniqueLeft = unique === 'left' || unique === 'both'
    this.#uniqueRight = unique === 'right' || unique === 'both'
  }

  take(tagged: Tagged<L, R>, cx: JoinContext<L, R>): void {
    const at = cx.time
    const left = tagged.side === 'left'
    const behind = cx.now - this.#reach.closes(at)
    if (behind > this.#lateness) {
      cx.emit('late', { ...tagged, key: cx.key, at, lateness: behind })
      return
    }
    const state = cx.get()
    const mine: readonly AnyHeld[] = left ? state.left : state.right
    if (this.#doubles(left, mine, at, cx.now)) return
    const theirs: readonly AnyHeld[] = left ? state.right : state.left
    const met = this.#meet(tagged, theirs, cx)
    const matched = met !== undefined
    const unique = left ? this.#uniqueLeft : this.#uniqueRight
    const otherUnique = left ? this.#uniqueRight : this.#uniqueLeft
    if (matched && otherUnique && !unique) {
      if (met !== theirs) cx.set(sides(left, mine, met, state.due) as StreamJoinState<L, R>)
      return
    }
    if (mine.length >= this.#limit) throw overflow(this.#id, tagged.side, this.#limit)
    const record = { at, value: tagged.value, status: matched ? MATCHED : WAITING } as const
    const held = withRecord(mine, record)
    const due = Math.min(state.due, this.#due(left, record))
    cx.set(sides(left, held, met ?? theirs, due) as StreamJoinState<L, R>)
    if (due !== state.due) cx.setTimer(TIMER, due)
  }

  /** Whether the record is the second of a unique side. */
  #doubles(left: boolean, mine: readonly AnyHeld[], at: Millis, now: Millis): boolean {
    if (mine.length === 0 || !(left ? this.#uniqueLeft : this.#uniqueRight)) return false
    const oldest = now - this.#lateness
    for (const { at: held } of mine) if (this.#reach.rivals(left, held, at, oldest)) return true
    return false
  }

  /**
   * Emits the record's pairs, in the order of its partners' times.
   * @returns the partners' side afterwards; undefined where there was no partner
   */
  #meet(
    tagged: Tagged<L, R>,
    theirs: readonly AnyHeld[],
    cx: JoinContext<L, R>,
  ): readonly AnyHeld[] | undefined {
    if (theirs.length === 0) return undefined
    const left = tagged.side === 'left'
    const high = this.#reach.high(left, cx.time)
    const first = firstFrom(theirs, this.#reach.low(left, cx.time))
    const tracked = left ? this.#keepsRight : this.#keepsLeft
    let after: AnyHeld[] | undefined
    let i = first
    for (; i < theirs.length; i++) {
      const partner = theirs[i] as AnyHeld
      if (partner.at > high) break
      if (tracked && partner.status !== MATCHED) {
        if (partner.status === TOLD && this.#retracts)
          cx.emit('retract', alone(!left, partner.value))
        after ??= [...theirs]
        after[i] = { at: partner.at, value: partner.value, status: MATCHED }
      }
      cx.emit('out', pair(left, tagged.value, partner.value))
    }
    if (i === first) return undefined
    const unique = left ? this.#uniqueLeft : this.#uniqueRight
    const otherUnique = left ? this.#uniqueRight : this.#uniqueLeft
    if (unique && !otherUnique) return theirs.toSpliced(first, i - first)
    return after ?? theirs
  }

  /** When the timer must have fired for a record to be told or forgotten. */
  #due(left: boolean, record: AnyHeld): Millis {
    const high = this.#reach.high(left, record.at)
    if (record.status === WAITING && (left ? this.#keepsLeft : this.#keepsRight))
      return high + this.#patience + 1
    return high + this.#lateness + this.#reach.slack + 1
  }

  /** Tells what has met nobody, forgets what can meet nobody. */
  settle(cx: JoinContext<L, R>): void {
    const state = cx.get()
    const left = this.#settleSide(true, state.left, cx) as readonly Held<L>[]
    const right = this.#settleSide(false, state.right, cx) as readonly Held<R>[]
    if (left.length === 0 && right.length === 0) {
      cx.clear()
      return
    }
    const due = Math.min(this.#earliest(true, left), this.#earliest(false, right))
    cx.set({ left, right, due })
    cx.setTimer(TIMER, due)
  }

  #settleSide(left: boolean, held: readonly AnyHeld[], cx: JoinContext<L, R>): readonly AnyHeld[] {
    if (held.length === 0) return held
    const { now } = cx
    const tracked = left ? this.#keepsLeft : this.#keepsRight
    let after: AnyHeld[] | undefined
    let expired = 0
    for (let i = 0; i < held.length; i++) {
      const record = held[i] as AnyHeld
      const high = this.#reach.high(left, record.at)
      // Times grow, and with them the ends of what they reach.
      if (high + this.#patience >= now) break
      if (high + this.#lateness < now) expired = i + 1
      if (!tracked || record.status !== WAITING) continue
      cx.emit('out', alone(left, record.value))
      after ??= [...held]
      after[i] = { at: record.at, value: record.value, status: TOLD }
    }
    const kept = after ?? held
    return expired === 0 ? kept : kept.slice(expired)
  }

  #earliest(left: boolean, held: readonly AnyHeld[]): Millis {
    const first = held[0]
    if (first === undefined) return END
    if (!(left ? this.#keepsLeft : this.#keepsRight)) return this.#due(left, first)
    let due = END
    for (const record of held) due = Math.min(due, this.#due(left, record))
    return due
  }
}

function sides(
  left: boolean,
  mine: readonly AnyHeld[],
  theirs: readonly AnyHeld[],
  due: Millis,
): StreamJoinState<unknown, unknown> {
  return left ? { left: mine, right: theirs, due } : { left: theirs, right: mine, due }
}

const pair = <L, R>(left: boolean, mine: unknown, theirs: unknown): Joined<L, R> =>
  left ? { left: mine as L, right: theirs as R } : { left: theirs as L, right: mine as R }

const alone = <L, R>(left: boolean, value: unknown): Joined<L, R> =>
  left ? { left: value as L, right: null } : { left: null, right: value as R }
