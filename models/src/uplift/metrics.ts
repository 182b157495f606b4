/**
 * How well a score ranks customers by the effect of a treatment, for one treated arm against one control
 * with binary outcome. Definitions are those of scikit-uplift 0.5.1, named after it because the field
 * uses the same words for different formulas. Proven against figures computed with that library.
 *
 * M1 Order: by score, highest first; tied rows in reverse order of the file.
 * M2 Curves have points only where the score changes, plus (0, 0); areas by the trapezoid rule.
 * M3 Weights (how often a row counts) exist for bootstrap intervals; without them each row counts once.
 *    Only `qiniSklift` and `auucSklift` take them.
 */
import { assert } from '#engine'

/** Rows of a two-arm comparison: `treated` and `outcome` are 0 or 1. */
export interface TwoArm {
  readonly treated: Uint8Array
  readonly outcome: Uint8Array
}

/** Rows put into order by a score, once; every metric of that score starts here. */
export interface Ranking {
  readonly rows: TwoArm
  /** Row numbers, best first. */
  readonly order: Uint32Array
  /** For each run of tied rows the position behind its end, ascending. */
  readonly ends: Uint32Array
}

/** Orders rows by a score. Scores must be numbers (no NaN), one a row. */
export function rank(rows: TwoArm, score: Float64Array): Ranking {
  const n = score.length
  assert(rows.treated.length === n && rows.outcome.length === n, 'one score a row')
  assert(!score.some(Number.isNaN), 'scores are numbers')
  const order = Uint32Array.from({ length: n }, (_, row) => row)
  order.sort((a, b) => (score[b] as number) - (score[a] as number) || b - a)
  const ends: number[] = []
  for (let i = 1; i <= n; i++)
    if (i === n || score[order[i] as number] !== score[order[i - 1] as number]) ends.push(i)
  return { rows, order, ends: Uint32Array.from(ends) }
}

/** Counts of rows (or sums of weights) by arm and outcome, up to some position. */
interface Counts {
  treated: number
  control: number
  treatedYes: number
  controlYes: number
}

const nothing = (): Counts => ({ treated: 0, control: 0, treatedYes: 0, controlYes: 0 })
const size = (c: Counts): number => c.treated + c.control
const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b)

/** Incremental outcomes among the first k rows, controls scaled to the number of treated. */
const qiniHeight = (c: Counts): number => c.treatedYes - c.controlYes * ratio(c.treated, c.control)
/** Difference of rates among the first k rows, times k. */
const upliftHeight = (c: Counts): number =>
  (ratio(c.treatedYes, c.treated) - ratio(c.controlYes, c.control)) * size(c)

type Height = (counts: Counts) => number

interface Walked {
  readonly area: number
  readonly total: Counts
}

/** Area under a curve along a ranking, and the counts at its end. */
function walk(ranking: Ranking, height: Height, weights: Float64Array | undefined): Walked {
  const { treated, outcome } = ranking.rows
  const counts = nothing()
  let area = 0
  let lastX = 0
  let lastY = 0
  let from = 0
  for (const end of ranking.ends) {
    for (let i = from; i < end; i++) {
      const row = ranking.order[i] as number
      const w = weights === undefined ? 1 : (weights[row] as number)
      const yes = w * (outcome[row] as number)
      if (treated[row] === 1) {
        counts.treated += w
        counts.treatedYes += yes
      } else {
        counts.control += w
        counts.controlYes += yes
      }
    }
    from = end
    const x = size(counts)
    const y = height(counts)
    area += ((x - lastX) * (y + lastY)) / 2
    lastX = x
    lastY = y
  }
  return { area, total: counts }
}

/** Area under the curve of a ranking given as groups of (arm, outcome) cells, best group first. */
function areaOfGroups(groups: readonly Counts[], height: Height): number {
  const counts = nothing()
  let area = 0
  let lastX = 0
  let lastY = 0
  for (const group of groups) {
    counts.treated += group.treated
    counts.control += group.control
    counts.treatedYes += group.treatedYes
    counts.controlYes += group.controlYes
    const x = size(counts)
    const y = height(counts)
    area += ((x - lastX) * (y + lastY)) / 2
    lastX = x
    lastY = y
  }
  return area
}

const cell = (part: Partial<Counts>): Counts => ({ ...nothing(), ...part })

/** Treated who responded first, controls who responded last: the score y t - y (1 - t). */
function perfectQini(total: Counts): number {
  return areaOfGroups(
    [
      cell({ treated: total.treatedYes, treatedYes: total.treatedYes }),
      cell({
        treated: total.treated - total.treatedYes,
        control: total.control - total.controlYes,
      }),
      cell({ control: total.controlYes, controlYes: total.controlYes }),
    ],
    qiniHeight,
  )
}

/** The library's perfect uplift order: (1,1), (0,0), then the larger error cell first. */
function perfectUplift(total: Counts): number {
  const controlYes = cell({ control: total.controlYes, controlYes: total.controlYes })
  const treatedNo = cell({ treated: total.treated - total.treatedYes })
  return areaOfGroups(
    [
      cell({ treated: total.treatedYes, treatedYes: total.treatedYes }),
      cell({ control: total.control - total.controlYes }),
      ...(size(controlYes) > size(treatedNo) ? [controlYes, treatedNo] : [treatedNo, controlYes]),
    ],
    upliftHeight,
  )
}

function normalised(walked: Walked, height: Height, perfect: number): number {
  const random = (size(walked.total) * height(walked.total)) / 2
  return (walked.area - random) / (perfect - random)
}

/**
 * Qini coefficient as scikit-uplift has it (`qini_auc_score`, negative_effect=True): area between the
 * Qini curve and the straight line to its end, divided by the same area of a perfect ranking. 0 for a
 * random score, 1 for a perfect one.
 */
export function qiniSklift(ranking: Ranking, weights?: Float64Array): number {
  const walked = walk(ranking, qiniHeight, weights)
  return normalised(walked, qiniHeight, perfectQini(walked.total))
}

/** The same ratio on the uplift curve, scikit-uplift's `uplift_auc_score`. */
export function auucSklift(ranking: Ranking, weights?: Float64Array): number {
  const walked = walk(ranking, upliftHeight, weights)
  return normalised(walked, upliftHeight, perfectUplift(walked.total))
}

/** The Qini curve: rows ranked (x) and incremental outcomes (y), (0, 0) included. */
export function qiniCurve(ranking: Ranking): readonly { readonly x: number; readonly y: number }[] {
  const points = [{ x: 0, y: 0 }]
  walk(
    ranking,
    (counts) => {
      const y = qiniHeight(counts)
      points.push({ x: size(counts), y })
      return y
    },
    undefined,
  )
  return points
}

/** Treated minus control mean outcome among the first int(n k) rows of all. 0 < k <= 1. */
export function upliftAtK(ranking: Ranking, k: number): number {
  const { treated, outcome } = ranking.rows
  const top = nothing()
  const end = Math.floor(ranking.order.length * k)
  for (let i = 0; i < end; i++) {
    const row = ranking.order[i] as number
    count(top, treated[row] === 1, outcome[row] as number)
  }
  return top.treatedYes / top.treated - top.controlYes / top.control
}

/** As upliftAtK, but with the first int(n_arm k) rows of each arm. */
export function upliftAtKByGroup(ranking: Ranking, k: number): number {
  const { treated, outcome } = ranking.rows
  const sizes = nothing()
  for (const t of treated) count(sizes, t === 1, 0)
  const takeTreated = Math.floor(sizes.treated * k)
  const takeControl = Math.floor(sizes.control * k)
  const top = nothing()
  for (const row of ranking.order) {
    const isTreated = treated[row] === 1
    if (isTreated ? top.treated < takeTreated : top.control < takeControl)
      count(top, isTreated, outcome[row] as number)
  }
  return top.treatedYes / top.treated - top.controlYes / top.control
}

/** Mean over `bins` equal slices of the ranking of the slice's uplift, weighted by its treated rows. */
export function weightedAverageUplift(ranking: Ranking, bins = 10): number {
  const { treated, outcome } = ranking.rows
  const n = ranking.order.length
  // The first n % bins slices hold one row more, as numpy's array_split has it.
  const base = Math.floor(n / bins)
  let sum = 0
  let weight = 0
  for (let bin = 0, from = 0; bin < bins; bin++) {
    const end = from + base + (bin < n % bins ? 1 : 0)
    const slice = nothing()
    for (; from < end; from++) {
      const row = ranking.order[from] as number
      count(slice, treated[row] === 1, outcome[row] as number)
    }
    const uplift = slice.treatedYes / slice.treated - slice.controlYes / slice.control
    sum += uplift * slice.treated
    weight += slice.treated
  }
  return sum / weight
}

function count(counts: Counts, isTreated: boolean, yes: number): void {
  if (isTreated) {
    counts.treated++
    counts.treatedYes += yes
  } else {
    counts.control++
    counts.controlYes += yes
  }
}
