/**
 * Sessions of one key: pure functions over a small sorted array; `session-operator.ts` drives them.
 *
 * S1 Sessions are sorted by start and apart: no two of them would join.
 * S2 A session is kept until it closes + lateness.
 * S3 `fired` says that the session was emitted as it stands; `told` are the results emitted before
 *    that its next one takes the place of.
 */
import type { Millis } from '../time.ts'
import type { SessionAssigner } from './assigners.ts'
import type { KeyedWindow } from './window.ts'

/** A result emitted before, with its accumulator where it may have to be retracted. */
export interface ToldResult<A> extends KeyedWindow {
  readonly acc?: A
}

export interface Session<A> {
  /** Event time of its first record. */
  readonly start: Millis
  /** Event time of its last record. */
  readonly last: Millis
  readonly acc: A
  /** Records added. */
  readonly count: number
  readonly fired: boolean
  readonly told: readonly ToldResult<A>[]
}

/** A key's sessions, the newest in the state itself (see PaneState). `count` 0: no session. */
export interface SessionState<A> extends Session<A> {
  readonly older: readonly Session<A>[]
}

export const NOTHING: readonly never[] = []

/** A session that waits for its first record. */
export const newSession = <A>(initial: A, at: Millis): Session<A> => ({
  start: at,
  last: at,
  acc: initial,
  count: 0,
  fired: false,
  told: NOTHING,
})

export const noSessions = <A>(initial: A): SessionState<A> => ({
  ...newSession(initial, 0),
  older: NOTHING,
})

/** Oldest first. */
export function sessionsOf<A>(state: SessionState<A>): readonly Session<A>[] {
  if (state.count === 0) return NOTHING
  // A session of its own: the state itself would keep every former state alive through `older`.
  const { start, last, acc, count, fired, told } = state
  const newest: Session<A> = { start, last, acc, count, fired, told }
  return state.older.length === 0 ? [newest] : [...state.older, newest]
}

/** @param sessions oldest first, at least one */
export function sessionStateOf<A>(sessions: readonly Session<A>[]): SessionState<A> {
  const newest = sessions[sessions.length - 1] as Session<A>
  return {
    start: newest.start,
    last: newest.last,
    acc: newest.acc,
    count: newest.count,
    fired: newest.fired,
    told: newest.told,
    older: sessions.length === 1 ? NOTHING : sessions.slice(0, -1),
  }
}

/** Whether two records this far apart belong to one session. */
export const joins = (by: SessionAssigner, distance: Millis): boolean =>
  distance < by.gap || (by.inclusive && distance === by.gap)

/**
 * The task time from which no record can join a session whose last record is at `last`. Task time t
 * means that no record before t is missing; one at exactly last + gap still joins an inclusive session.
 */
export const closesAt = (by: SessionAssigner, last: Millis): Millis =>
  last + by.gap + (by.inclusive ? 1 : 0)

/** The sessions that a record at `at` joins: indexes [from, to). */
export function touched<A>(
  by: SessionAssigner,
  sessions: readonly Session<A>[],
  at: Millis,
): readonly [from: number, to: number] {
  let to = sessions.length
  while (to > 0 && !joins(by, (sessions[to - 1] as Session<A>).start - at)) to--
  let from = to
  while (from > 0 && joins(by, at - (sessions[from - 1] as Session<A>).last)) from--
  return [from, to]
}

/** One session out of two that join; it has not been emitted, but what it is made of may have been. */
export function joined<A>(a: Session<A>, b: Session<A>, combine: (a: A, b: A) => A): Session<A> {
  return {
    start: Math.min(a.start, b.start),
    last: Math.max(a.last, b.last),
    acc: combine(a.acc, b.acc),
    count: a.count + b.count,
    fired: false,
    told: [...a.told, ...b.told].sort(inOrder),
  }
}

/** Two keys' sessions become one key's, by overlap. Commutative and associative where `combine` is. */
export function uniteSessions<A>(
  by: SessionAssigner,
  a: SessionState<A>,
  b: SessionState<A>,
  combine: (a: A, b: A) => A,
): SessionState<A> {
  const all = [...sessionsOf(a), ...sessionsOf(b)].sort(
    (x, y) => x.start - y.start || x.last - y.last,
  )
  if (all.length === 0) return a
  const united: Session<A>[] = []
  for (const next of all) {
    const current = united.at(-1)
    if (current !== undefined && joins(by, next.start - current.last))
      united[united.length - 1] = joined(current, next, combine)
    else united.push(next)
  }
  return sessionStateOf(united)
}

const inOrder = (a: KeyedWindow, b: KeyedWindow): number => {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1
  return a.start - b.start || a.end - b.end
}
