/**
 * Stream with table as of event time: each record of the left side meets the version of its key's row
 * that held at the record's own time, in whatever order the two arrive.
 *
 * A left record waits until task time has passed it, for until then an older version may still come. Each
 * version holds from its event time until the next one's. Versions are kept for `keepFor` after another
 * took their place; a left record older than that, or a version older than every one that is kept, is late.
 * A version that comes behind time counts for what is joined from then on; with `retract` what was joined
 * within `keepFor` before is taken back and joined anew.
 *
 * State is the versions of the last `keepFor`, the left records that wait (with `retract` also those
 * joined within `keepFor`), and one timer a key, `join`.
 *
 * Failure: more than `maxPerKey` of either refuses further ones (join_overflow): dead letters.
 */
import type { Context, Operator } from '../operator.ts'
import { END, type Millis } from '../time.ts'
import { heldList, type Nested, nullable, stateCodec, timedList } from './codecs.ts'
import { firstFrom, type Held, MATCHED, NOTHING_HELD, WAITING, withRecord } from './held.ts'
import {
  checkLimit,
  checkSpan,
  type Join,
  type JoinCodecs,
  type JoinOptions,
  mergeOf,
  overflow,
  type StreamJoinOutputs,
  type Tagged,
} from './join.ts'

export interface TemporalJoinOptions<K extends 'inner' | 'left', X extends boolean, R>
  extends JoinOptions {
  /** `left`: records without a version come out with null beside them. */
  readonly keep: K
  /** How long a version is kept after the next one took its place: the lateness that is allowed. */
  readonly keepFor: Millis
  /** Which records of the right side end the row. */
  readonly removes?: (row: R) => boolean
  /** Take back what was joined with another version, where one comes late. */
  readonly retract?: X
  /** Versions, and left records, held of one key; default 10,000. */
  readonly maxPerKey?: number
}

interface Version<R> {
  /** From when on it holds. */
  readonly at: Millis
  /** null: there is no row. */
  readonly row: R | null
}

export interface TemporalJoinState<L, R> {
  readonly versions: readonly Version<R>[]
  /** WAITING ones, and with `retract` MATCHED ones, which were joined. */
  readonly left: readonly Held<L>[]
  readonly due: Millis
}

const TIMER = 'join'
const DEFAULT_LIMIT = 10_000
const EMPTY: TemporalJoinState<never, never> = {
  versions: NOTHING_HELD,
  left: NOTHING_HELD,
  due: END,
}

/**
 * @example
 * orders.join('orders-in-euro', rates, on, temporalJoin({ keep: 'inner', keepFor: hours(1) }))
 * @throws join_invalid
 */
export function temporalJoin<K extends 'inner' | 'left', X extends boolean = false, Row = unknown>(
  options: TemporalJoinOptions<K, X, Row>,
): <L, R extends Row>(
  id: string,
  codecs: JoinCodecs<L, R>,
) => ReturnType<Join<L, R, TemporalJoinState<L, R>, StreamJoinOutputs<L, R, K, X>>> {
  checkSpan('keepFor', options.keepFor)
  checkLimit(options.maxPerKey ?? DEFAULT_LIMIT)
  return <L, R extends Row>(id: string, codecs: JoinCodecs<L, R>) => ({
    operator: temporalJoinOperator<L, R, K, X>(id, codecs, options),
    words: `${options.keep} join with a table as of event time, versions for ${options.keepFor} ms`,
  })
}

function temporalJoinOperator<L, R, K extends 'inner' | 'left', X extends boolean>(
  id: string,
  codecs: JoinCodecs<L, R>,
  options: TemporalJoinOptions<K, X, R>,
): Operator<Tagged<L, R>, TemporalJoinState<L, R>, StreamJoinOutputs<L, R, K, X>> {
  const join = new TemporalJoin<L, R>(id, options)
  const outputs = { out: {}, late: {}, ...(options.retract === true && { retract: {} }) }
  return {
    id,
    state: {
      version: options.version ?? 1,
      initial: EMPTY,
      codec: stateCodec(
        `temporal-join(${codecs.left.name},${codecs.right.name})`,
        stateBody(codecs),
      ),
    },
    outputs: outputs as StreamJoinOutputs<L, R, K, X>,
    onRecord(tagged, cx) {
      if (tagged.side === 'left') join.takeLeft(tagged.value, cx as never)
      else join.takeVersion(tagged.value, cx as never)
    },
    onTimer: (_name, cx) => join.settle(cx as never),
    ...mergeOf(options),
  }
}

function stateBody<L, R>(codecs: JoinCodecs<L, R>): Nested<TemporalJoinState<L, R>> {
  const left = heldList(codecs.left)
  const row = nullable(codecs.right)
  const versions = timedList<Version<R>>({
    write: (version, out) => row.write(version.row, out),
    read: (at, reader) => ({ at, row: row.read(reader) }),
  })
  return {
    write(state, out) {
      out.signed(state.due)
      versions.write(state.versions, out)
      left.write(state.left, out)
    },
    read: (reader) => ({
      due: reader.signed(),
      versions: versions.read(reader),
      left: left.read(reader),
    }),
  }
}

/** With every output it can have; which of them exist is decided by the options. */
type JoinContext<L, R> = Context<TemporalJoinState<L, R>, StreamJoinOutputs<L, R, 'left', true>>

class TemporalJoin<L, R> {
  readonly #id: string
  readonly #keepFor: Millis
  readonly #keepsLeft: boolean
  readonly #retracts: boolean
  readonly #limit: number
  readonly #removes: ((row: R) => boolean) | undefined

  constructor(id: string, options: TemporalJoinOptions<'inner' | 'left', boolean, R>) {
    this.#id = id
    this.#keepFor = options.keepFor
    this.#keepsLeft = options.keep === 'left'
    this.#retracts = options.retract === true
    this.#limit = options.maxPerKey ?? DEFAULT_LIMIT
    this.#removes = options.removes
  }

  takeLeft(value: L, cx: JoinContext<L, R>): void {
    const { time: at, now } = cx
    if (at < now - this.#keepFor) {
      cx.emit('late', { side: 'left', value, key: cx.key, at, lateness: now - at })
      return
    }
    const state = cx.get()
    const waits = at >= now
    if (!waits) this.#emit('out', value, rowAt(state.versions, at), cx)
    if (!waits && !this.#retracts) return
    if (state.left.length >= this.#limit) throw overflow(this.#id, 'left', this.#limit)
    const record = { at, value, status: waits ? WAITING : MATCHED } as const
    this.#keep(state, state.versions, withRecord(state.left, record), cx)
  }

  takeVersion(value: R, cx: JoinContext<L, R>): void {
    const { time: at, now } = cx
    const state = cx.get()
    const oldest = state.versions[0]
    if (oldest !== undefined && at < oldest.at && oldest.at <= now - this.#keepFor) {
      cx.emit('late', { side: 'right', value, key: cx.key, at, lateness: now - at })
      return
    }
    const row = this.#removes?.(value) === true ? null : value
    const versions = withVersion(state.versions, { at, row })
    if (versions.length > this.#limit) throw overflow(this.#id, 'right', this.#limit)
    if (at < now && this.#retracts) this.#redo(state, { at, row }, cx)
    this.#keep(state, this.#pruned(versions, now), state.left, cx)
  }

  /** Joins anew what was joined before with another version than `late`. */
  #redo(state: TemporalJoinState<L, R>, late: Version<R>, cx: JoinContext<L, R>): void {
    const { versions, left } = state
    const until = versions[firstFrom(versions, late.at + 1)]?.at ?? END
    for (let i = firstFrom(left, late.at); i < left.length; i++) {
      const { at, value, status } = left[i] as Held<L>
      if (at >= until) break
      if (status !== MATCHED) continue
      this.#emit('retract', value, rowAt(versions, at), cx)
      this.#emit('out', value, late.row, cx)
    }
  }

  settle(cx: JoinContext<L, R>): void {
    const { now } = cx
    const state = cx.get()
    const joined = firstFrom(state.left, now)
    const left: Held<L>[] = []
    for (const [i, record] of state.left.entries()) {
      const isDue = i < joined && record.status === WAITING
      if (isDue) this.#emit('out', record.value, rowAt(state.versions, record.at), cx)
      if (i >= joined) left.push(record)
      else if (this.#retracts && record.at >= now - this.#keepFor)
        left.push(isDue ? { ...record, status: MATCHED } : record)
    }
    this.#keep(state, this.#pruned(state.versions, now), left, cx)
  }

  #emit(name: 'out' | 'retract', left: L, right: R | null, cx: JoinContext<L, R>): void {
    if (right !== null) cx.emit(name, { left, right })
    else if (this.#keepsLeft) cx.emit(name, { left, right: null })
  }

  /** Without the versions that no record that is taken can ask for. */
  #pruned(versions: readonly Version<R>[], now: Millis): readonly Version<R>[] {
    const horizon = now - this.#keepFor
    let gone = firstFrom(versions, horizon + 1) - 1
    // What held at the horizon stays; that there was no row is the same as knowing nothing.
    if (gone >= 0 && versions[gone]?.row === null) gone++
    return gone <= 0 ? versions : versions.slice(gone)
  }

  #keep(
    before: TemporalJoinState<L, R>,
    versions: readonly Version<R>[],
    left: readonly Held<L>[],
    cx: JoinContext<L, R>,
  ): void {
    if (versions.length === 0 && left.length === 0) {
      if (before !== EMPTY) cx.clear()
      return
    }
    const due = this.#due(versions, left)
    cx.set({ versions, left, due })
    if (due === END) cx.cancelTimer(TIMER)
    else if (due !== before.due) cx.setTimer(TIMER, due)
  }

  #due(versions: readonly Version<R>[], left: readonly Held<L>[]): Millis {
    let due = END
    for (const { at, status } of left)
      due = Math.min(due, status === WAITING ? at + 1 : at + this.#keepFor + 1)
    const [oldest, next] = versions
    if (next !== undefined) due = Math.min(due, next.at + this.#keepFor)
    if (oldest?.row === null) due = Math.min(due, oldest.at + this.#keepFor)
    return due
  }
}

/** Sorted by time; a later record of the same time takes the place of the earlier. */
function withVersion<R>(
  versions: readonly Version<R>[],
  version: Version<R>,
): readonly Version<R>[] {
  const index = firstFrom(versions, version.at)
  return versions[index]?.at === version.at
    ? versions.with(index, version)
    : withRecord(versions, version)
}

function rowAt<R>(versions: readonly Version<R>[], at: Millis): R | null {
  return versions[firstFrom(versions, at + 1) - 1]?.row ?? null
}
