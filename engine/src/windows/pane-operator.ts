/**
 * Tumbling and hopping windows as an operator: state is the key's panes, and one timer a key, `window`,
 * stands at the next instant a window ends or expires.
 *
 * A window fires when task time reaches its end, once more for each record that comes within the
 * allowed lateness after it, and is forgotten at end + lateness. A window of which no record came
 * before its end fires with the first. Adding to the newest pane while none of its windows has ended
 * allocates one object, reads no timer and emits nothing: that is the hot path.
 *
 * Hand-over: windows that the target still takes records for unite, and those that ended are emitted
 * again under the target's key, taking the giver's results in (`replaces`). Windows of the giver that
 * expired on the way are emitted under the giver's key.
 */
import { assert } from '../errors.ts'
import { type Context, type Operator, operator } from '../operator.ts'
import { END, type Millis } from '../time.ts'
import type { PaneAssigner } from './assigners.ts'
import { paneStateCodec } from './codecs.ts'
import {
  dueAfter,
  endAfter,
  expiredPanes,
  findPane,
  firstEnd,
  type Grid,
  gridOf,
  type HeldWindow,
  hasEnd,
  lastEnd,
  NONE,
  noPanes,
  type Pane,
  type PaneRules,
  type PaneState,
  paneStart,
  panesOf,
  stateOf,
  unitePanes,
  windowAt,
} from './panes.ts'
import {
  type Aggregate,
  type KeyedWindow,
  type RetractingOutputs,
  type WindowMeta,
  type WindowOptions,
  type WindowResult,
  windowOutputs,
} from './window.ts'

const TIMER = 'window'

type PaneContext<In, A, R> = Context<PaneState<A>, RetractingOutputs<In, R>>

export function paneOperator<In, A, R>(
  id: string,
  assigner: PaneAssigner,
  aggregate: Aggregate<In, A, R>,
  options: WindowOptions<A>,
): Operator<In, PaneState<A>, RetractingOutputs<In, R>> {
  const panes = new PaneWindows(assigner, aggregate, options)
  const pane = panes.grid.pane
  const { combine } = aggregate
  return operator({
    id,
    state: {
      version: options.version ?? 1,
      initial: noPanes(aggregate.initial),
      codec: paneStateCodec(options.codec),
    },
    outputs: windowOutputs<In, R>(options),
    onRecord(value: In, cx) {
      const state = cx.get()
      const at = cx.time
      const start = state.start
      const next = start + pane
      // No window of a pane ends before the pane does: nothing has fired, nothing can.
      if (state.count > 0 && at >= start && at < next && cx.now < next)
        cx.set({
          start,
          acc: aggregate.add(state.acc, value, at),
          count: state.count + 1,
          due: state.due,
          older: state.older,
          orphans: state.orphans,
        })
      else if (!panes.addUnfired(value, state, cx)) panes.add(value, state, cx)
    },
    onTimer: (_name, cx) => panes.settle(cx),
    ...(options.merge !== undefined && { merge: options.merge }),
    ...(uniting(aggregate, options) &&
      combine !== undefined && {
        merge: (mine: PaneState<A>, theirs: PaneState<A>, at: Millis) =>
          unitePanes(panes, mine, theirs, at),
        onMerged: (from: string, cx: PaneContext<In, A, R>) => panes.takeOver(from, cx),
      }),
  })
}

/** Whether two keys' windows may become one's. */
const uniting = <In, A, R>(aggregate: Aggregate<In, A, R>, options: WindowOptions<A>): boolean =>
  options.merge === undefined && options.retract !== true && aggregate.combine !== undefined

/** A tumbling window is one pane; only uniting keys would combine, and that needs `combine`. */
function onePaneOnly(): never {
  throw new Error('assertion failed: a window of several panes needs combine')
}

/** What happens off the hot path: configuration and behaviour, no state of its own. */
class PaneWindows<In, A, R> implements PaneRules<A> {
  readonly grid: Grid
  readonly initial: A
  readonly combine: (a: A, b: A) => A
  private readonly aggregate: Aggregate<In, A, R>
  private readonly tellMeta: boolean
  private readonly retracts: boolean
  /** Whether the state tells what has fired; only a hand-over asks, for timers stay behind. */
  private readonly keepsDue: boolean

  constructor(assigner: PaneAssigner, aggregate: Aggregate<In, A, R>, options: WindowOptions<A>) {
    this.grid = gridOf(assigner, options.lateness ?? 0)
    this.initial = aggregate.initial
    this.aggregate = aggregate
    this.tellMeta = options.meta ?? false
    this.retracts = options.retract ?? false
    this.keepsDue = uniting(aggregate, options)
    this.combine = aggregate.combine ?? onePaneOnly
  }

  /**
   * What `add` comes to where no window of the record's pane has ended, and the pane is a new last one
   * or an older one that is there: nothing fires, and the other panes are not looked at.
   * @returns whether it was so
   */
  addUnfired(value: In, state: PaneState<A>, cx: PaneContext<In, A, R>): boolean {
    const { grid, aggregate } = this
    const at = cx.time
    const start = paneStart(grid, at)
    const end = firstEnd(grid, start)
    if (end <= cx.now || this.tellMeta) return false
    if (state.count === 0 || start > state.start) {
      const armed = (state.count > 0 ? cx.timerDue(TIMER) : undefined) ?? END
      const due = Math.min(armed, end)
      const acc = aggregate.add(aggregate.initial, value, at)
      cx.set({ start, acc, count: 1, due, older: panesOf(state), orphans: NONE })
      if (due < armed) cx.setTimer(TIMER, due)
      return true
    }
    const index = findPane(state.older, start)
    const pane = state.older[index]
    if (pane === undefined) return false
    const grown = { start, acc: aggregate.add(pane.acc, value, at), count: pane.count + 1 }
    const { acc, count, due, orphans } = state
    const older = state.older.with(index, grown)
    cx.set({ start: state.start, acc, count, due, older, orphans })
    return true
  }

  /** A record for a pane that is new, not the newest, or partly fired. */
  add(value: In, state: PaneState<A>, cx: PaneContext<In, A, R>): void {
    const { grid, aggregate } = this
    const at = cx.time
    const now = cx.now
    const start = paneStart(grid, at)
    const last = lastEnd(grid, start)
    if (last + grid.lateness <= now) {
      cx.emit('late', { key: cx.key, value, at, lateness: now - last })
      return
    }
    const before = panesOf(state)
    const index = findPane(before, start)
    const old = before[index]
    const acc = aggregate.add(old === undefined ? aggregate.initial : old.acc, value, at)
    const pane: Pane<A> = { start, acc, count: (old?.count ?? 0) + 1 }
    const after = old === undefined ? before.toSpliced(~index, 0, pane) : before.with(index, pane)
    // Windows come and go with panes: into one that exists, no new instant comes.
    const due = old === undefined ? dueAfter(grid, after, now) : state.due
    cx.set(stateOf(after, due))
    if (old === undefined && due !== cx.timerDue(TIMER)) cx.setTimer(TIMER, due)
    const first = firstEnd(grid, start)
    if (this.tellMeta && old === undefined) this.tellOpened(before, first, last, cx)
    for (let end = first; end <= now && end <= last; end += grid.slide)
      if (end + grid.lateness > now) {
        const emitted = windowAt(grid, before, end, this.combine)
        if (emitted !== undefined && this.retracts)
          cx.emit('retract', this.resultOf(cx.key, emitted))
        this.fire(after, end, emitted === undefined ? 'fired' : 'refined', cx)
      }
  }

  /** Fires and forgets what is due. */
  settle(cx: PaneContext<In, A, R>): void {
    const { grid } = this
    const state = cx.get()
    const panes = panesOf(state)
    let due = this.keepsDue ? state.due : cx.now
    for (; due <= cx.now && due < END; due = dueAfter(grid, panes, due)) {
      // Without lateness every instant is an end.
      if (grid.lateness === 0 || hasEnd(grid, panes, due)) this.fire(panes, due, 'fired', cx)
      if (this.tellMeta && hasEnd(grid, panes, due - grid.lateness))
        this.tell('expired', cx.key, this.held(panes, due - grid.lateness), cx)
    }
    const expired = expiredPanes(grid, panes, cx.now)
    if (expired === panes.length) {
      cx.clear()
      return
    }
    cx.setTimer(TIMER, due)
    if (expired === 0 && !this.keepsDue) return
    const older = expired === 0 ? state.older : state.older.slice(expired)
    const { start, acc, count } = state
    cx.set({ start, acc, count, due, older, orphans: NONE })
  }

  /** After `unitePanes`: emits what nobody else will, and what the giver's records changed. */
  takeOver(from: string, cx: PaneContext<In, A, R>): void {
    const { grid } = this
    const state = cx.get()
    for (const orphan of state.orphans) {
      this.emit(from, orphan, NONE, cx)
      if (!this.tellMeta) continue
      this.tell('fired', from, orphan, cx)
      this.tell('expired', from, orphan, cx)
    }
    const panes = panesOf(state)
    let end = endAfter(grid, panes, cx.now - grid.lateness)
    for (; end <= cx.now; end = endAfter(grid, panes, end)) {
      const held = this.held(panes, end)
      this.emit(cx.key, held, [{ key: from, start: end - grid.size, end }], cx)
      if (this.tellMeta) this.tell('refined', cx.key, held, cx)
    }
    if (panes.length === 0) {
      cx.clear()
      return
    }
    cx.set(stateOf(panes, state.due))
    cx.setTimer(TIMER, state.due)
  }

  private held(panes: readonly Pane<A>[], end: Millis): HeldWindow<A> {
    const held = windowAt(this.grid, panes, end, this.combine)
    assert(held, 'a window that is due holds a pane')
    return held
  }

  private fire(
    panes: readonly Pane<A>[],
    end: Millis,
    kind: 'fired' | 'refined',
    cx: PaneContext<In, A, R>,
  ): void {
    const held = this.held(panes, end)
    this.emit(cx.key, held, NONE, cx)
    if (this.tellMeta) this.tell(kind, cx.key, held, cx)
  }

  private emit(
    key: string,
    held: HeldWindow<A>,
    replaces: readonly KeyedWindow[],
    cx: PaneContext<In, A, R>,
  ): void {
    const result = this.resultOf(key, held)
    cx.emit('out', replaces.length === 0 ? result : { ...result, replaces })
  }

  private resultOf(key: string, held: HeldWindow<A>): WindowResult<R> {
    const { end, acc } = held
    const start = end - this.grid.size
    const { aggregate } = this
    // Without `result` R is A: see WindowOptions and the overloads of windowOperator.
    const value = aggregate.result
      ? aggregate.result(acc, { start, end }, key)
      : (acc as unknown as R)
    return { key, start, end, value }
  }

  private tellOpened(
    before: readonly Pane<A>[],
    first: Millis,
    last: Millis,
    cx: PaneContext<In, A, R>,
  ): void {
    for (let end = first; end <= last; end += this.grid.slide)
      if (end + this.grid.lateness > cx.now && !hasEnd(this.grid, before, end))
        this.tell('opened', cx.key, { end, count: 1 }, cx)
  }

  private tell(
    kind: WindowMeta['kind'],
    key: string,
    window: { readonly end: Millis; readonly count: number },
    cx: PaneContext<In, A, R>,
  ): void {
    const { end, count } = window
    cx.emit('meta', { key, start: end - this.grid.size, end, kind, count })
  }
}
