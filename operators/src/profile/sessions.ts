/**
 * Sessions by inactivity gap (PRO-3, PRO-6).
 *
 * P6 Two activities at most the gap apart (30 minutes, inclusive) belong to one session, in whichever
 *    order they arrive, until the session is closed: by a timer, when task time has passed its end
 *    plus the gap, and 5 minutes since its last activity was heard. So what a phone sends hours late
 *    in one go is one session. An activity that comes after that is a session of its own.
 * P7 A session counts on the UTC day it starts, open or closed, so that no figure depends on when it
 *    was closed. Figures cover the 90 days that end with today.
 */
import { type ByteReader, type ByteWriter, days, type Millis, minutes } from '#engine'
import {
  addRow,
  type Buckets,
  bucketOf,
  dropBefore,
  NO_BUCKETS,
  sumOf,
  uniteBuckets,
} from './buckets.ts'
import { readBuckets, readList, writeBuckets, writeList } from './parts-codec.ts'

export interface Session {
  readonly start: Millis
  readonly end: Millis
  /** Activities in it. */
  readonly events: number
}

export interface OpenSession extends Session {
  /** It is closed when task time has passed this. */
  readonly until: Millis
}

export interface Sessions {
  /** Not closed yet, by rising start; never within the gap of each other. */
  readonly open: readonly OpenSession[]
  /** Closed ones: day, sessions, seconds. */
  readonly closed: Buckets
}

export const NO_SESSIONS: Sessions = { open: [], closed: NO_BUCKETS }

const ROW = 3
const SESSION_DAYS = 90
/** Open at once: more than one takes events from the future or far out of order. */
const MAX_OPEN = 16

/** How long a session whose time is long past waits for more of it. */
const LATE_GRACE = minutes(5)

/** @param now task time at which the activity is heard */
export function addToSession(
  sessions: Sessions,
  at: Millis,
  when: { readonly now: Millis; readonly gap: Millis },
): Sessions {
  const until = Math.max(at + when.gap, when.now + LATE_GRACE)
  const only = sessions.open[0]
  // Nearly every activity goes on with the one open session.
  if (only !== undefined && sessions.open.length === 1 && goesOn(only, at, when.gap)) {
    const longer: OpenSession = {
      start: only.start,
      end: Math.max(only.end, at),
      events: only.events + 1,
      until: Math.max(only.until, until),
    }
    return { open: [longer], closed: sessions.closed }
  }
  const open = coalesce([...sessions.open, { start: at, end: at, events: 1, until }], when.gap)
  return { ...sessions, open }
}

const goesOn = (session: Session, at: Millis, gap: Millis): boolean =>
  at >= session.start && at - session.end <= gap

/** Joins what lies within the gap of each other. */
function coalesce(list: readonly OpenSession[], gap: Millis): readonly OpenSession[] {
  if (list.length < 2) return list
  const sorted = list.toSorted((a, b) => a.start - b.start)
  const joined: OpenSession[] = []
  for (const session of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && session.start - last.end <= gap)
      joined[joined.length - 1] = {
        start: last.start,
        end: Math.max(last.end, session.end),
        events: last.events + session.events,
        until: Math.max(last.until, session.until),
      }
    else joined.push(session)
  }
  return joined
}

/** When the first open session can be closed; null where none is open. */
export function nextClose(sessions: Sessions): Millis | null {
  let first: Millis | null = null
  for (const { until } of sessions.open) if (first === null || until < first) first = until
  // One past it: timers fire before a record of the same instant, which still belongs to it.
  return first === null ? null : first + 1
}

export interface Closing {
  readonly sessions: Sessions
  readonly closed: readonly Session[]
}

/** Closes what has ended as of `now`, and the oldest beyond the limit. */
export function closeSessions(sessions: Sessions, now: Millis): Closing {
  const excess = sessions.open.length - MAX_OPEN
  const closed = sessions.open.filter((s, i) => s.until < now || i < excess)
  if (closed.length === 0) return { sessions, closed }
  let buckets = dropBefore(sessions.closed, firstDay(now), ROW)
  for (const session of closed)
    buckets = addRow(buckets, [bucketOf(session.start, days(1)), 1, secondsOf(session)])
  const open = sessions.open.filter((session) => !closed.includes(session))
  return { sessions: { open, closed: buckets }, closed }
}

export const secondsOf = (session: Session): number =>
  Math.round((session.end - session.start) / 1_000)

const firstDay = (now: Millis): number => bucketOf(now, days(1)) - SESSION_DAYS + 1

export interface SessionFigures {
  readonly count: number
  /** Mean duration in seconds; null without sessions. */
  readonly meanSeconds: number | null
}

export function sessionFigures(sessions: Sessions, now: Millis): SessionFigures {
  const range = { from: firstDay(now), width: ROW }
  let count = sumOf(sessions.closed, range, 1)
  let total = sumOf(sessions.closed, range, 2)
  for (const session of sessions.open) {
    if (bucketOf(session.start, days(1)) < range.from) continue
    count++
    total += secondsOf(session)
  }
  return { count, meanSeconds: count === 0 ? null : total / count }
}

/** Open sessions merge by overlap, closed ones add. */
export const uniteSessions = (mine: Sessions, theirs: Sessions, gap: Millis): Sessions => ({
  open: coalesce([...mine.open, ...theirs.open], gap),
  closed: uniteBuckets(mine.closed, theirs.closed, ROW),
})

export function writeSessions(sessions: Sessions, out: ByteWriter): void {
  writeList(sessions.open, out, ({ start, end, events, until }) => {
    out.signed(start)
    out.signed(end - start)
    out.varint(events)
    out.signed(until - end)
  })
  writeBuckets(sessions.closed, ROW, out)
}

export const readSessions = (reader: ByteReader): Sessions => ({
  open: readList(reader, () => {
    const start = reader.signed()
    const end = start + reader.signed()
    const events = reader.varint()
    return { start, end, events, until: end + reader.signed() }
  }),
  closed: readBuckets(reader, ROW),
})
