/**
 * Operator `cut-points` of the shop stage, key `shop`: keeps the shop's counts by what customers tell of
 * themselves, and makes the cut points of every midnight.
 *
 * State: the counts as of the last midnight that was made, the changes of midnights to come (task time
 * of the slowest customer task is not there yet; at most 8), and how many changes came too late.
 * Bounded whatever the number of customers (shop-counts.ts).
 *
 * C6 The set of a midnight is made when task time has passed it. Task time is the minimum over all
 *    upstream tasks, and these fire their midnight timers before they pass it on: by then every change
 *    is in. One that comes later all the same is counted as late, and counts from the next set on.
 * C9 The counts of a midnight are those of counting every customer anew, whatever came in between: late
 *    events, merges, repeated epochs, days that left their windows. Changes are sums, so their order
 *    cannot matter.
 *
 * With nobody counted no set is made, and the last one stands.
 */
import { type Context, days, type Millis, operator, output, stateSpec } from '#engine'
import type { ContributionChange } from './contribution.ts'
import type { CutPoints } from './cutpoints.ts'
import { addCounts, countIn, cutPointsOf, NO_COUNTS, type ShopCounts } from './shop-counts.ts'

interface Coming {
  readonly midnight: Millis
  readonly change: ShopCounts
}

interface CutPointsState {
  /** As of `made`. */
  readonly counts: ShopCounts
  /** By rising midnight, all after `made`. */
  readonly coming: readonly Coming[]
  /** The last midnight whose set was made; 0: none. */
  readonly made: Millis
  readonly late: number
}

const outputs = { cutPoints: output<CutPoints>(), late: output<{ readonly midnight: Millis }>() }
type Cx = Context<CutPointsState, typeof outputs>

/** Midnights that wait at once: a task that lags by more than that is counted as late. */
const MAX_COMING = 8
const TIMER = 'make'

const INITIAL: CutPointsState = { counts: NO_COUNTS, coming: [], made: 0, late: 0 }

function applied(counts: ShopCounts, change: ContributionChange): ShopCounts {
  let next = change.is === null ? counts : countIn(counts, change.is, 1)
  for (const was of change.was) next = countIn(next, was, -1)
  return next
}

function kept(state: CutPointsState, change: ContributionChange): CutPointsState {
  const { midnight } = change
  const known = state.coming.find((it) => it.midnight === midnight)
  const coming = { midnight, change: applied(known?.change ?? NO_COUNTS, change) }
  const others = state.coming.filter((it) => it !== known)
  return {
    ...state,
    coming: [...others, coming].sort((a, b) => a.midnight - b.midnight),
  }
}

/** The next midnight to be made: every one while somebody is counted. Null: none. */
function nextToMake({ counts, coming, made }: CutPointsState): Millis | null {
  return counts.population > 0 ? made + days(1) : (coming[0]?.midnight ?? null)
}

const isFull = ({ coming }: CutPointsState): boolean => coming.length > MAX_COMING

function arm(state: CutPointsState, cx: Cx): void {
  const next = nextToMake(state)
  // One past it: a timer fires before a record of its own instant, and changes bear midnight's.
  if (next !== null) cx.setTimer(TIMER, next + 1)
}

function make(state: CutPointsState, midnight: Millis, cx: Cx): CutPointsState {
  const [first, ...rest] = state.coming
  const isDue = first !== undefined && first.midnight <= midnight
  const counts = isDue ? addCounts(state.counts, first.change) : state.counts
  if (counts.population > 0) cx.emit('cutPoints', cutPointsOf(counts, midnight))
  return { ...state, counts, coming: isDue ? rest : state.coming, made: midnight }
}

export const cutPointsOperator = operator({
  id: 'cut-points',
  // Version 1 gathered every customer's contribution anew each midnight; so does the first of this one.
  state: stateSpec<CutPointsState>({
    version: 2,
    initial: INITIAL,
    migrate: {
      1: (old) => {
        const { made, late } = old as Pick<CutPointsState, 'made' | 'late'>
        return { ...INITIAL, made, late }
      },
    },
  }),
  outputs,
  merge: 'discard',
  onRecord(change: ContributionChange, cx: Cx) {
    let state = cx.get()
    const { midnight } = change
    if (midnight <= state.made) {
      state = { ...state, counts: applied(state.counts, change), late: state.late + 1 }
      cx.emit('late', { midnight })
    } else state = kept(state, change)
    for (let next = nextToMake(state); next !== null && isFull(state); next = nextToMake(state))
      state = make(state, next, cx)
    cx.set(state)
    arm(state, cx)
  },
  onTimer(_name, cx: Cx) {
    let state = cx.get()
    const next = nextToMake(state)
    if (next !== null && next < cx.now) state = make(state, next, cx)
    cx.set(state)
    arm(state, cx)
  },
})
