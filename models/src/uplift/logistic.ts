/**
 * Logistic regression for the baselines: standardised features, L2 penalty of scikit-learn's C = 1
 * (|w|^2 / 2 + sum of log-losses, intercept free), fitted by Newton's method. Deterministic, no seed.
 */
import type { UpliftData } from './dataset.ts'
import { standardisationOf } from './fit.ts'

/** P(outcome = 1) of one row of a data set. */
export type RowProbability = (data: UpliftData, row: number) => number

const STEPS = 25
const TOLERANCE = 1e-10

/** Fits P(outcome | x) on `rows`, arms ignored. Filter the rows by arm for a T-learner. */
export function fitLogistic(data: UpliftData, rows: Uint32Array): RowProbability {
  const width = data.featureNames.length
  const { mean, sd } = standardisationOf(data, rows)
  const size = width + 1
  const x = new Float64Array(size)
  const load = (from: UpliftData, row: number): void => {
    x[0] = 1
    for (let i = 0; i < width; i++)
      x[i + 1] =
        ((from.features[row * width + i] as number) - (mean[i] as number)) / (sd[i] as number)
  }
  const beta = new Float64Array(size)
  const probability = (): number => {
    let z = 0
    for (let i = 0; i < size; i++) z += (beta[i] as number) * (x[i] as number)
    return 1 / (1 + Math.exp(-z))
  }
  for (let step = 0; step < STEPS; step++) {
    const gradient = beta.map((b, i) => (i === 0 ? 0 : -b))
    const hessian = new Float64Array(size * size)
    for (let i = 1; i < size; i++) hessian[i * size + i] = 1
    for (const row of rows) {
      load(data, row)
      const p = probability()
      accumulate(gradient, hessian, { x, error: (data.outcome[row] as number) - p, p })
    }
    const move = solveSymmetric(hessian, gradient)
    let largest = 0
    for (let i = 0; i < size; i++) {
      beta[i] = (beta[i] as number) + (move[i] as number)
      largest = Math.max(largest, Math.abs(move[i] as number))
    }
    if (largest < TOLERANCE) break
  }
  return (from, row) => {
    load(from, row)
    return probability()
  }
}

function accumulate(
  gradient: Float64Array,
  hessian: Float64Array,
  row: { readonly x: Float64Array; readonly error: number; readonly p: number },
): void {
  const size = gradient.length
  const curvature = row.p * (1 - row.p)
  for (let i = 0; i < size; i++) {
    const xi = row.x[i] as number
    gradient[i] = (gradient[i] as number) + row.error * xi
    for (let j = 0; j <= i; j++)
      hessian[i * size + j] =
        (hessian[i * size + j] as number) + curvature * xi * (row.x[j] as number)
  }
}

/** Solves A v = b by Cholesky; A positive definite, its lower triangle given and overwritten. */
export function solveSymmetric(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j] as number
      for (let k = 0; k < j; k++) sum -= (a[i * n + k] as number) * (a[j * n + k] as number)
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / (a[j * n + j] as number)
    }
  const v = Float64Array.from(b)
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++)
      v[i] = (v[i] as number) - (a[i * n + k] as number) * (v[k] as number)
    v[i] = (v[i] as number) / (a[i * n + i] as number)
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++)
      v[i] = (v[i] as number) - (a[k * n + i] as number) * (v[k] as number)
    v[i] = (v[i] as number) / (a[i * n + i] as number)
  }
  return v
}
