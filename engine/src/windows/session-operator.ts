/**
 * Session windows as an operator: state is the key's sessions, and one timer a key, `window`, stands at
 * or before the next instant a session closes or expires. It is armed lazily: a record that prolongs a
 * session leaves it, and when it fires too early it is armed anew. So a record that prolongs the newest
 * session, while that is open, allocates one object and reads no timer: the hot path.
 *
 * A session [first record, last record + gap] fires when task time shows that no record can join it any
 * more, again for each record that joins it within the allowed lateness, and is then forgotten. A late
 * record may also bridge two sessions, or move a fired session's bounds: the next result then names in
 * `replaces` every result emitted before that it takes the place of. A table keyed by (key, start, end)
 * that drops `replaces` before it takes the result is right at every moment. A fired session prolonged
 * beyond task time is open again: its old result stands until it fires anew.
 *
 * A session is forgotten at its end + lateness: a record that would have joined it, and is itself not
 * late, begins a session of its own, which may then overlap the forgotten one's result.
 *
 * Hand-over: sessions unite where they join. The giver's sessions that expired on the way, and joined
 * none that stands, are emitted under the giver's key: the target may have emitted, and forgotten, a
 * session with the same bounds.
 */
import { type Context, type Operator, operator } from '../operator.ts'
import { END, type Millis } from '../time.ts'
import type { SessionAssigner } from './assigners.ts'
import { sessionStateCodec } from './codecs.ts'
import {
  closesAt,
  joined,
  joins,
  NOTHING,
  newSession,
  noSessions,
  type Session,
  type SessionState,
  sessionStateOf,
  sessionsOf,
  touched,
  uniteSessions,
} from './sessions.ts'
import {
  type CombiningAggregate,
  type KeyedWindow,
  type RetractingOutputs,
  type WindowMeta,
  type WindowOptions,
  type WindowResult,
  windowOutputs,
} from './window.ts'

const TIMER = 'window'

type SessionContext<In, A, R> = Context<SessionState<A>, RetractingOutputs<In, R>>

export function sessionOperator<In, A, R>(
  id: string,
  assigner: SessionAssigner,
  aggregate: CombiningAggregate<In, A, R>,
  options: WindowOptions<A>,
): Operator<In, SessionState<A>, RetractingOutputs<In, R>> {
  const sessions = new SessionWindows(assigner, aggregate, options)
  return operator({
    id,
    state: {
      version: options.version ?? 1,
      initial: noSessions(aggregate.initial),
      codec: sessionStateCodec(options.codec),
    },
    outputs: windowOutputs<In, R>(options),
    onRecord(value: In, cx) {
      const state = cx.get()
      const at = cx.time
      const last = state.last
      if (
        state.count > 0 &&
        at >= state.start &&
        joins(assigner, at - last) &&
        cx.now < closesAt(assigner, last)
      )
        cx.set({
          start: state.start,
          last: at > last ? at : last,
          acc: aggregate.add(state.acc, value, at),
          count: state.count + 1,
          fired: false,
          told: state.told,
          older: state.older,
        })
      else sessions.add(value, state, cx)
    },
    onTimer: (_name, cx) => sessions.settle(sessionsOf(cx.get()), cx),
    ...(options.merge !== undefined && { merge: options.merge }),
    ...(options.merge === undefined &&
      options.retract !== true && {
        merge: (mine: SessionState<A>, theirs: SessionState<A>) =>
          uniteSessions(assigner, mine, theirs, aggregate.combine),
        onMerged: (from: string, cx: SessionContext<In, A, R>) =>
          sessions.settle(sessionsOf(cx.get()), cx, { expiredKey: from }),
      }),
  })
}

/** What happens off the hot path: configuration and behaviour, no state of its own. */
class SessionWindows<In, A, R> {
  private readonly by: SessionAssigner
  private readonly aggregate: CombiningAggregate<In, A, R>
  private readonly lateness: Millis
  private readonly tellMeta: boolean
  private readonly retracts: boolean

  constructor(
    assigner: SessionAssigner,
    aggregate: CombiningAggregate<In, A, R>,
    options: WindowOptions<A>,
  ) {
    this.by = assigner
    this.aggregate = aggregate
    this.lateness = options.lateness ?? 0
    this.tellMeta = options.meta ?? false
    this.retracts = options.retract ?? false
  }

  /** A record that begins a session, bridges two, or joins one that is not the newest or not open. */
  add(value: In, state: SessionState<A>, cx: SessionContext<In, A, R>): void {
    const { by, aggregate } = this
    const at = cx.time
    const all = sessionsOf(state)
    const [from, to] = touched(by, all, at)
    // Sessions that still take records are never late, so only a session of its own can be.
    const closes = closesAt(by, at)
    if (from === to && closes + this.lateness <= cx.now) {
      cx.emit('late', { key: cx.key, value, at, lateness: cx.now - closes })
      return
    }
    let base = newSession(aggregate.initial, at)
    for (let i = from; i < to; i++) {
      const next = all[i] as Session<A>
      if (i > from && this.tellMeta) this.tell('merged', cx.key, next, cx)
      base = i === from ? next : joined(base, next, aggregate.combine)
    }
    const grown: Session<A> = {
      start: Math.min(base.start, at),
      last: Math.max(base.last, at),
      acc: aggregate.add(base.acc, value, at),
      count: base.count + 1,
      fired: false,
      told: base.told,
    }
    if (from === to && this.tellMeta) this.tell('opened', cx.key, grown, cx)
    this.settle(all.toSpliced(from, to - from, grown), cx, { changed: true })
  }

  /**
   * Fires and forgets what is due, stores the rest, arms the timer.
   * @param options.changed whether `sessions` differ from what is stored; a timer that comes too early
   *   should not write
   * @param options.expiredKey whose name sessions bear that are already expired; default: the key's
   */
  settle(
    sessions: readonly Session<A>[],
    cx: SessionContext<In, A, R>,
    options: { readonly changed?: boolean; readonly expiredKey?: string } = {},
  ): void {
    const now = cx.now
    let write = options.changed ?? false
    const kept: Session<A>[] = []
    let due = END
    for (const session of sessions) {
      const closes = closesAt(this.by, session.last)
      const ended = closes <= now
      const expired = closes + this.lateness <= now
      const key = (expired ? options.expiredKey : undefined) ?? cx.key
      const standing = ended && !session.fired ? this.fire(session, key, cx) : session
      write ||= standing !== session
      if (expired) {
        write = true
        if (this.tellMeta) this.tell('expired', key, standing, cx)
        continue
      }
      kept.push(standing)
      due = Math.min(due, ended ? closes + this.lateness : closes)
    }
    if (kept.length === 0) {
      cx.clear()
      return
    }
    if (write) cx.set(sessionStateOf(kept))
    const armed = cx.timerDue(TIMER)
    // One that is due or spent no longer counts as armed; an earlier one finds its own way.
    if (armed === undefined || armed <= now || armed > due) cx.setTimer(TIMER, due)
  }

  private fire(session: Session<A>, key: string, cx: SessionContext<In, A, R>): Session<A> {
    const { start, told, acc } = session
    const end = session.last + this.by.gap
    const window: KeyedWindow = { key, start, end }
    for (const former of told)
      if (former.acc !== undefined) cx.emit('retract', this.resultOf(former, former.acc))
    const result = this.resultOf(window, acc)
    const replaces = told
      .filter((t) => t.key !== key || t.start !== start || t.end !== end)
      .map((t): KeyedWindow => ({ key: t.key, start: t.start, end: t.end }))
    cx.emit('out', replaces.length === 0 ? result : { ...result, replaces })
    if (this.tellMeta) this.tell(told.length > 0 ? 'refined' : 'fired', key, session, cx)
    if (this.lateness === 0) return { ...session, fired: true, told: NOTHING }
    return { ...session, fired: true, told: [this.retracts ? { ...window, acc } : window] }
  }

  private resultOf(window: KeyedWindow, acc: A): WindowResult<R> {
    const { key, start, end } = window
    const { aggregate } = this
    // Without `result` R is A: see windowOperator.
    const value = aggregate.result
      ? aggregate.result(acc, { start, end }, key)
      : (acc as unknown as R)
    return { key, start, end, value }
  }

  private tell(
    kind: WindowMeta['kind'],
    key: string,
    session: Session<A>,
    cx: SessionContext<In, A, R>,
  ): void {
    const { start, last, count } = session
    cx.emit('meta', { key, start, end: last + this.by.gap, kind, count })
  }
}
