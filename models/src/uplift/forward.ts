/**
 * The forward pass that a decision runs: one customer's features in, probabilities and effects out.
 *
 * F1 Pure: the same artefact and features give the same bits, however often and in whatever order.
 * F2 Float32 sums (every partial sum is rounded to Float32 by the accumulator array), hence within 1e-5
 *    of tfjs, which sums in another order.
 * F3 No allocation per call; the buffers belong to the closure, so a pass is not re-entrant (nothing
 *    in it calls out).
 * F4 Features are clamped to the range seen in training: no extrapolation. A NaN feature makes every
 *    output NaN; it never turns into a plausible score.
 */
import { assert } from '#engine'
import {
  decodeWeights,
  memberWeightCount,
  type Standardisation,
  type UpliftNetwork,
  type UpliftNetworkShape,
} from './artefact.ts'

/** `features` in the artefact's order and raw units; `out` of `outputLayout(artefact).length`. */
export type ForwardPass = (features: Float64Array | readonly number[], out: Float64Array) => void

/**
 * Where the outputs lie: `probability + arm` is P(outcome | x, arm); `effect + k` is P(arm k+1) - P(arm 0)
 * in probability; `sd + k` is that effect's standard deviation over the ensemble's members, each of which
 * was trained on a bootstrap sample of its own.
 */
export interface OutputLayout {
  readonly length: number
  readonly probability: number
  readonly effect: number
  readonly sd: number
}

export function outputLayout(artefact: { readonly network: UpliftNetworkShape }): OutputLayout {
  const arms = artefact.network.arms
  return { length: 3 * arms - 2, probability: 0, effect: arms, sd: 2 * arms - 1 }
}

/** Builds the pass of an artefact that readArtefact accepted. */
export function compileForward(artefact: UpliftNetwork): ForwardPass {
  const { network, standardisation } = artefact
  const weights = decodeWeights(artefact)
  const standardise = compileStandardise(standardisation)
  const stride = memberWeightCount(network)
  const inputs = new Float32Array(network.inputs)
  const probabilities = new Float32Array(network.members * network.arms)
  const member = compileMember(network, weights, inputs)
  const summarise = compileSummary(network)
  return (features, out) => {
    standardise(features, inputs)
    for (let m = 0; m < network.members; m++) member(m * stride, probabilities, m * network.arms)
    summarise(probabilities, out)
  }
}

/** Raw features to the network's inputs: clamp, centre, scale, round to Float32. */
export function compileStandardise(
  standardisation: Standardisation,
): (features: Float64Array | readonly number[], inputs: Float32Array) => void {
  const mean = Float64Array.from(standardisation.mean)
  const sd = Float64Array.from(standardisation.sd)
  const least = Float64Array.from(standardisation.least)
  const most = Float64Array.from(standardisation.most)
  return (features, inputs) => {
    assert(features.length >= inputs.length, 'a row holds every feature of the model')
    for (let i = 0; i < inputs.length; i++) {
      const x = features[i] as number
      const low = least[i] as number
      const high = most[i] as number
      // Both comparisons are false for NaN, which therefore passes through (F4).
      const inside = x < low ? low : x > high ? high : x
      inputs[i] = (inside - (mean[i] as number)) / (sd[i] as number)
    }
  }
}

type MemberPass = (offset: number, out: Float32Array, at: number) => void

/** One member: its weights start at `offset`, its probabilities go to `out[at..]`. */
function compileMember(
  shape: UpliftNetworkShape,
  weights: Float32Array,
  inputs: Float32Array,
): MemberPass {
  const trunk = new Float32Array(shape.trunk)
  const head = new Float32Array(shape.head)
  const logit = new Float32Array(1)
  return (offset, out, at) => {
    let w = dense(weights, offset, inputs, trunk)
    relu(trunk)
    for (let a = 0; a < shape.arms; a++) {
      w = dense(weights, w, trunk, head)
      relu(head)
      w = dense(weights, w, head, logit)
      out[at + a] = 1 / (1 + Math.exp(-(logit[0] as number)))
    }
  }
}

/** `out = in K + b` with K (in x out, row-major) and b at `offset`; returns the offset behind them. */
function dense(
  weights: Float32Array,
  offset: number,
  from: Float32Array,
  out: Float32Array,
): number {
  const width = out.length
  const bias = offset + from.length * width
  for (let j = 0; j < width; j++) out[j] = 0
  for (let i = 0, w = offset; i < from.length; i++) {
    const x = from[i] as number
    for (let j = 0; j < width; j++, w++)
      out[j] = (out[j] as number) + Math.fround(x * (weights[w] as number))
  }
  for (let j = 0; j < width; j++) out[j] = (out[j] as number) + (weights[bias + j] as number)
  return bias + width
}

/** `x < 0`, not `x > 0`: a NaN has to survive (F4). */
function relu(values: Float32Array): void {
  for (let j = 0; j < values.length; j++) if ((values[j] as number) < 0) values[j] = 0
}

/** Mean probabilities, mean effects and their sample SD over the members. */
function compileSummary(
  shape: UpliftNetworkShape,
): (probabilities: Float32Array, out: Float64Array) => void {
  const { arms, members } = shape
  const layout = outputLayout({ network: shape })
  return (p, out) => {
    for (let a = 0; a < arms; a++) {
      let sum = 0
      for (let m = 0; m < members; m++) sum += p[m * arms + a] as number
      out[layout.probability + a] = sum / members
    }
    for (let a = 1; a < arms; a++) {
      const mean = (out[layout.probability + a] as number) - (out[layout.probability] as number)
      let squares = 0
      for (let m = 0; m < members; m++) {
        const off = (p[m * arms + a] as number) - (p[m * arms] as number) - mean
        squares += off * off
      }
      out[layout.effect + a - 1] = mean
      out[layout.sd + a - 1] = Math.sqrt(squares / (members - 1))
    }
  }
}
