/**
 * What a rule "who gets which arm" would have earned, estimated from a randomised trial:
 *
 *   IPS   = mean of 1(A = pi) / p(A) * Y
 *   SNIPS = sum of 1(A = pi) / p(A) * Y over sum of 1(A = pi) / p(A)
 *   DR    = mean of mu_pi(x) + 1(A = pi) / p(A) * (Y - mu_A(x))
 *
 * p is the arm's share of the rows given (the trial assigned with equal probability; the observed share
 * is the better estimate). mu must not have seen the row. DR's standard error is that of the mean of its
 * terms; it does not include the error in p.
 */
import { assert } from '#engine'
import type { UpliftData } from './dataset.ts'

export interface PolicyValue {
  readonly ips: number
  readonly snips: number
  readonly dr: number
  readonly drSe: number
}

/**
 * The value of a policy over all rows of a data set. `choice` holds an arm per row; `mu` holds
 * P(outcome | x, arm) per row and arm, row-major, from models that did not see the row.
 */
export function policyValue(data: UpliftData, choice: Uint8Array, mu: Float64Array): PolicyValue {
  const arms = data.arms.length
  assert(choice.length === data.count && mu.length === data.count * arms, 'one choice a row')
  const share = armShares(data)
  let weighted = 0
  let weights = 0
  let sum = 0
  let squares = 0
  for (let row = 0; row < data.count; row++) {
    const pick = choice[row] as number
    const arm = data.arm[row] as number
    const y = data.outcome[row] as number
    const w = arm === pick ? 1 / (share[arm] as number) : 0
    weighted += w * y
    weights += w
    const term = (mu[row * arms + pick] as number) + w * (y - (mu[row * arms + arm] as number))
    sum += term
    squares += term * term
  }
  const n = data.count
  const dr = sum / n
  const variance = (squares - n * dr * dr) / (n - 1)
  return { ips: weighted / n, snips: weighted / weights, dr, drSe: Math.sqrt(variance / n) }
}

/** The arm with the highest P(outcome | x, arm) per row; the lower arm number where two are equal. */
export function argmaxPolicy(mu: Float64Array, arms: number): Uint8Array {
  return Uint8Array.from({ length: mu.length / arms }, (_, row) => {
    let best = 0
    for (let arm = 1; arm < arms; arm++)
      if ((mu[row * arms + arm] as number) > (mu[row * arms + best] as number)) best = arm
    return best
  })
}

function armShares(data: UpliftData): Float64Array {
  const share = new Float64Array(data.arms.length)
  for (const arm of data.arm) share[arm] = (share[arm] as number) + 1 / data.count
  return share
}
