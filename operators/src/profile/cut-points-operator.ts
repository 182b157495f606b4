/**
 * Operator `cut-points` of the shop stage, key `shop`: gathers the customers' contributions of a
 * midnight and makes that day's cut points.
 *
 * State: one open set of histograms a midnight, at most 3 at once, and how many contributions came too
 * late. Bounded whatever the number of customers (histogram.ts).
 *
 * C6 The set of a midnight is made when task time has passed it. Task time is the minimum over all
 *    upstream tasks, and these fire their midnight timers before they pass it on: by then every
 *    contribution is in. One that comes later all the same is counted and changes nothing.
 */
import { type Context, type Millis, operator, output, stateSpec } from '#engine'
import type { Contribution } from './contribution.ts'
import { type CutPoints, EFFECTIVE_AFTER } from './cutpoints.ts'
import { addValue, EMPTY_HISTOGRAM, type Histogram, quantiles } from './histogram.ts'

interface Gathering {
  readonly midnight: Millis
  readonly population: number
  readonly buyers: number
  readonly recency: Histogram
  /** Of buyers. */
  readonly frequency: Histogram
  readonly monetary: Histogram
  readonly inactivity: Histogram
  /** Of all who contribute. */
  readonly allFrequency: Histogram
  readonly allMonetary: Histogram
  readonly engagement: Histogram
}

interface CutPointsState {
  readonly open: readonly Gathering[]
  /** The last midnight whose set was made; 0: none. */
  readonly made: Millis
  readonly late: number
}

const begin = (midnight: Millis): Gathering => ({
  midnight,
  population: 0,
  buyers: 0,
  recency: EMPTY_HISTOGRAM,
  frequency: EMPTY_HISTOGRAM,
  monetary: EMPTY_HISTOGRAM,
  inactivity: EMPTY_HISTOGRAM,
  allFrequency: EMPTY_HISTOGRAM,
  allMonetary: EMPTY_HISTOGRAM,
  engagement: EMPTY_HISTOGRAM,
})

/** Every field by name: spreading an object of ten fields costs more than the counting. */
function gather(to: Gathering, from: Contribution): Gathering {
  const buys = from.recency !== null
  return {
    midnight: to.midnight,
    population: to.population + 1,
    buyers: buys ? to.buyers + 1 : to.buyers,
    recency: buys ? addValue(to.recency, from.recency) : to.recency,
    frequency: buys ? addValue(to.frequency, from.frequency) : to.frequency,
    monetary: buys ? addValue(to.monetary, from.monetary) : to.monetary,
    inactivity: addValue(to.inactivity, from.inactivity),
    allFrequency: addValue(to.allFrequency, from.frequency),
    allMonetary: addValue(to.allMonetary, from.monetary),
    engagement: addValue(to.engagement, from.engagement),
  }
}

const FIFTHS = [0.2, 0.4, 0.6, 0.8]
const PERCENTS = Array.from({ length: 99 }, (_, i) => (i + 1) / 100)

function cut(gathered: Gathering): CutPoints {
  const { midnight, population, buyers } = gathered
  return {
    version: new Date(midnight).toISOString().slice(0, 10),
    midnight,
    effectiveFrom: midnight + EFFECTIVE_AFTER,
    population,
    buyers,
    quintiles: {
      recency: quantiles(gathered.recency, FIFTHS),
      frequency: quantiles(gathered.frequency, FIFTHS),
      monetary: quantiles(gathered.monetary, FIFTHS),
    },
    percentiles: {
      inactivity: quantiles(gathered.inactivity, PERCENTS),
      frequency: quantiles(gathered.allFrequency, PERCENTS),
      monetary: quantiles(gathered.allMonetary, PERCENTS),
      engagement: quantiles(gathered.engagement, PERCENTS),
    },
  }
}

const outputs = { cutPoints: output<CutPoints>(), late: output<{ readonly midnight: Millis }>() }
type Cx = Context<CutPointsState, typeof outputs>

/** Midnights gathered at once: a task that lags by more than that is counted as late. */
const MAX_OPEN = 3
const TIMER = 'make'

function arm(state: CutPointsState, cx: Cx): void {
  const first = state.open[0]
  // One past it: a timer fires before a record of its own instant, and contributions bear midnight's.
  if (first !== undefined) cx.setTimer(TIMER, first.midnight + 1)
}

/** Makes the oldest open set. */
function make(state: CutPointsState, cx: Cx): CutPointsState {
  const [first, ...open] = state.open
  if (first === undefined) return state
  cx.emit('cutPoints', cut(first))
  return { ...state, open, made: first.midnight }
}

export const cutPointsOperator = operator({
  id: 'cut-points',
  state: stateSpec<CutPointsState>({ version: 1, initial: { open: [], made: 0, late: 0 } }),
  outputs,
  merge: 'discard',
  onRecord(contribution: Contribution, cx: Cx) {
    let state = cx.get()
    const { midnight } = contribution
    if (midnight <= state.made) {
      cx.set({ ...state, late: state.late + 1 })
      return cx.emit('late', { midnight })
    }
    const known = state.open.find((g) => g.midnight === midnight)
    const gathering = gather(known ?? begin(midnight), contribution)
    const others = state.open.filter((g) => g !== known)
    const open = [...others, gathering].sort((a, b) => a.midnight - b.midnight)
    state = { ...state, open }
    if (open.length > MAX_OPEN) state = make(state, cx)
    cx.set(state)
    return arm(state, cx)
  },
  onTimer(_name, cx: Cx) {
    let state = cx.get()
    while (state.open[0] !== undefined && state.open[0].midnight < cx.now) state = make(state, cx)
    cx.set(state)
    arm(state, cx)
  },
})
