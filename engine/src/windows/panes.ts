/**
 * Tumbling and hopping windows as panes: the longest stretches of time that no window start or end
 * cuts. A record is added to one pane; a window is united from its panes when it fires. Pure functions
 * over small sorted arrays; `pane-operator.ts` drives them.
 *
 * P1 Panes are disjoint, sorted by start, and none is empty.
 * P2 A pane is kept exactly as long as one of its windows has not expired, so that an unexpired window
 *    always finds all of its panes.
 * P3 `due` is the next instant at which a window ends or expires; every window that ended before `due`
 *    has fired. Where keys are never united nobody asks: then it is not kept up to date, and a window
 *    that fires changes the key's timer alone.
 */
import { END, type Millis } from '../time.ts'
import type { PaneAssigner } from './assigners.ts'

export interface Pane<A> {
  readonly start: Millis
  readonly acc: A
  /** Records added. */
  readonly count: number
}

/**
 * A key's panes. The newest lies in the state itself: nearly every record goes there, and then one
 * object is all that is allocated. `count` 0 means no pane at all.
 */
export interface PaneState<A> extends Pane<A> {
  readonly due: Millis
  readonly older: readonly Pane<A>[]
  /** Between `unite` and `onMerged` only: the giver's windows that nobody can fire any more. */
  readonly orphans: readonly HeldWindow<A>[]
}

/** What a window held when it was asked for. */
export interface HeldWindow<A> {
  readonly end: Millis
  readonly acc: A
  readonly count: number
}

export interface Grid {
  readonly size: Millis
  readonly slide: Millis
  readonly offset: Millis
  /** Length of a pane: divides size and slide. */
  readonly pane: Millis
  /** Allowed lateness. */
  readonly lateness: Millis
}

export type Combine<A> = (a: A, b: A) => A

/** What uniting two keys' panes takes. */
export interface PaneRules<A> {
  readonly grid: Grid
  readonly initial: A
  readonly combine: Combine<A>
}

export const NONE: readonly never[] = []

export const gridOf = (assigner: PaneAssigner, lateness: Millis): Grid => ({
  size: assigner.size,
  slide: assigner.slide,
  offset: assigner.offset,
  pane: greatestCommonDivisor(assigner.size, assigner.slide),
  lateness,
})

export const noPanes = <A>(initial: A): PaneState<A> => ({
  start: 0,
  acc: initial,
  count: 0,
  due: END,
  older: NONE,
  orphans: NONE,
})

export const paneStart = (grid: Grid, at: Millis): Millis =>
  Math.floor((at - grid.offset) / grid.pane) * grid.pane + grid.offset

/** End of the first window that holds the pane. */
export const firstEnd = (grid: Grid, start: Millis): Millis => {
  const earliest = start + grid.pane - grid.size - grid.offset
  return Math.ceil(earliest / grid.slide) * grid.slide + grid.offset + grid.size
}

/** End of the last window that holds the pane. */
export const lastEnd = (grid: Grid, start: Millis): Millis =>
  Math.floor((start - grid.offset) / grid.slide) * grid.slide + grid.offset + grid.size

/** Oldest first. */
export function panesOf<A>(state: PaneState<A>): readonly Pane<A>[] {
  if (state.count === 0) return NONE
  // A pane of its own: the state itself would keep every former state alive through `older`.
  const newest: Pane<A> = { start: state.start, acc: state.acc, count: state.count }
  return state.older.length === 0 ? [newest] : [...state.older, newest]
}

/** @param panes oldest first, at least one */
export function stateOf<A>(panes: readonly Pane<A>[], due: Millis): PaneState<A> {
  const newest = panes[panes.length - 1] as Pane<A>
  return {
    start: newest.start,
    acc: newest.acc,
    count: newest.count,
    due,
    older: panes.length === 1 ? NONE : panes.slice(0, -1),
    orphans: NONE,
  }
}

/** Index of the pane that starts at `start`, or the complement of where it belongs. */
export function findPane<A>(panes: readonly Pane<A>[], start: Millis): number {
  // From the newest: that is where records arrive.
  for (let i = panes.length - 1; i >= 0; i--) {
    const other = (panes[i] as Pane<A>).start
    if (other === start) return i
    if (other < start) return ~(i + 1)
  }
  return ~0
}

/** The earliest end after `t` of a window that holds any of the panes, or END. */
export function endAfter<A>(grid: Grid, panes: readonly Pane<A>[], t: Millis): Millis {
  const phase = grid.offset + grid.size
  const next = (Math.floor((t - phase) / grid.slide) + 1) * grid.slide + phase
  for (const pane of panes)
    if (lastEnd(grid, pane.start) > t) return Math.max(firstEnd(grid, pane.start), next)
  return END
}

export const hasEnd = <A>(grid: Grid, panes: readonly Pane<A>[], end: Millis): boolean =>
  endAfter(grid, panes, end - 1) === end

/** The next instant after `t` at which a window ends or expires, or END. */
export function dueAfter<A>(grid: Grid, panes: readonly Pane<A>[], t: Millis): Millis {
  const end = endAfter(grid, panes, t)
  if (grid.lateness === 0) return end
  return Math.min(end, endAfter(grid, panes, t - grid.lateness) + grid.lateness)
}

/** How many of the panes, the oldest ones, have no window that stands at `t` (P2). */
export function expiredPanes<A>(grid: Grid, panes: readonly Pane<A>[], t: Millis): number {
  let expired = 0
  for (const pane of panes) {
    if (lastEnd(grid, pane.start) + grid.lateness > t) break
    expired++
  }
  return expired
}

/** What a window holds, united from its panes; undefined where it is empty. */
export function windowAt<A>(
  grid: Grid,
  panes: readonly Pane<A>[],
  end: Millis,
  combine: Combine<A>,
): HeldWindow<A> | undefined {
  let first: Pane<A> | undefined
  let acc: A | undefined
  let count = 0
  for (const pane of panes) {
    if (pane.start < end - grid.size) continue
    if (pane.start >= end) break
    acc = first === undefined ? pane.acc : combine(acc as A, pane.acc)
    first ??= pane
    count += pane.count
  }
  return first === undefined ? undefined : { end, acc: acc as A, count }
}

/**
 * Two keys' panes become one key's at task time `at`. Commutative and associative where `combine` is.
 * Windows that expired at `at` without having fired for their own key become orphans: the other key's
 * part of them is gone, so they cannot be united any more.
 */
export function unitePanes<A>(
  rules: PaneRules<A>,
  a: PaneState<A>,
  b: PaneState<A>,
  at: Millis,
): PaneState<A> {
  const { grid, initial, combine } = rules
  const orphans = uniteBy(
    (o) => o.end,
    [...a.orphans, ...b.orphans, ...orphansOf(rules, a, at), ...orphansOf(rules, b, at)],
    combine,
  )
  const all = uniteBy((p) => p.start, [...panesOf(a), ...panesOf(b)], combine)
  const panes = all.slice(expiredPanes(grid, all, at))
  if (panes.length === 0) return { ...noPanes(initial), orphans }
  return { ...stateOf(panes, dueAfter(grid, panes, at)), orphans }
}

function orphansOf<A>(rules: PaneRules<A>, state: PaneState<A>, at: Millis): HeldWindow<A>[] {
  const { grid, combine } = rules
  const panes = panesOf(state)
  const orphans: HeldWindow<A>[] = []
  // By P3 no window that ended before `due` is waiting.
  let end = endAfter(grid, panes, state.due - 1)
  for (; end + grid.lateness <= at && end < END; end = endAfter(grid, panes, end)) {
    const held = windowAt(grid, panes, end, combine)
    if (held !== undefined) orphans.push(held)
  }
  return orphans
}

function uniteBy<A, P extends { readonly acc: A; readonly count: number }>(
  place: (part: P) => Millis,
  parts: readonly P[],
  combine: Combine<A>,
): readonly P[] {
  const united = new Map<Millis, P>()
  for (const part of parts) {
    const other = united.get(place(part))
    const both = other && {
      ...part,
      acc: combine(other.acc, part.acc),
      count: other.count + part.count,
    }
    united.set(place(part), both ?? part)
  }
  return [...united.values()].sort((x, y) => place(x) - place(y))
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b)
