/**
 * Fits the ensemble: five (by default) small multi-head networks, each on a Poisson bootstrap of the rows
 * with initial weights of its own. Their mean is the estimate, their spread its uncertainty.
 *
 * T1 The loss of a row counts only the head of the arm it was assigned to: the other outcomes of that
 *    customer were not observed. Loss = mean over the batch of w * BCE + l2 * sum of squared kernels.
 * T2 Every draw comes from the seed (initial weights, bootstrap, order of rows); there is no shuffling
 *    inside tfjs. The same seed, rows and backend give the same weights, bit for bit.
 * T3 No early stopping and no look at held-out rows: the number of epochs is an argument.
 */
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { OpportuneError } from '#engine'
import type { Backend } from '../backend.ts'
import { deriveSeed, poissonOne, shuffle, uniformFrom } from '../random.ts'
import { memberWeightCount, type Standardisation, type UpliftNetworkShape } from './artefact.ts'
import type { UpliftData } from './dataset.ts'
import { compileStandardise } from './forward.ts'
import { buildMember, extractWeights, kernelsOf, variablesOf } from './network.ts'

export interface FitOptions {
  readonly seed: number
  readonly epochs: number
  readonly batchRows: number
  readonly learningRate: number
  /** Weight decay on the kernels; 0 switches it off. */
  readonly l2: number
  readonly shape: UpliftNetworkShape
  /** Called after every epoch of every member; for progress only. */
  readonly onEpoch?: (member: number, epoch: number) => void
}

export interface Fit {
  readonly shape: UpliftNetworkShape
  readonly standardisation: Standardisation
  /** Member after member, in the artefact's layout. */
  readonly weights: Float32Array
}

/** Mean, SD (population) and range of every feature over `rows`; a constant feature gets SD 1. */
export function standardisationOf(data: UpliftData, rows: Uint32Array): Standardisation {
  const width = data.featureNames.length
  const columns = Array.from({ length: width }, (_, i) => {
    const at = (row: number): number => data.features[row * width + i] as number
    let sum = 0
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    for (const row of rows) {
      const x = at(row)
      sum += x
      least = Math.min(least, x)
      most = Math.max(most, x)
    }
    const mean = sum / rows.length
    let squares = 0
    for (const row of rows) squares += (at(row) - mean) ** 2
    const sd = Math.sqrt(squares / rows.length)
    return { mean, sd: sd > 0 ? sd : 1, least, most }
  })
  return {
    mean: columns.map((c) => c.mean),
    sd: columns.map((c) => c.sd),
    least: columns.map((c) => c.least),
    most: columns.map((c) => c.most),
  }
}

/** Fits on `rows` of `data`. Throws `model_training_diverged` when a weight is not finite at the end. */
export function fitEnsemble(
  backend: Backend,
  data: UpliftData,
  rows: Uint32Array,
  options: FitOptions,
): Fit {
  const standardisation = standardisationOf(data, rows)
  const inputs = standardisedRows(data, rows, standardisation)
  const stride = memberWeightCount(options.shape)
  const weights = new Float32Array(stride * options.shape.members)
  for (let m = 0; m < options.shape.members; m++)
    weights.set(fitMember(backend, { data, rows, inputs }, { ...options, member: m }), m * stride)
  if (weights.some((w) => !Number.isFinite(w)))
    throw new OpportuneError('model_training_diverged', 'A weight is not finite.', {
      learningRate: options.learningRate,
    })
  return { shape: options.shape, standardisation, weights }
}

function standardisedRows(
  data: UpliftData,
  rows: Uint32Array,
  standardisation: Standardisation,
): Float32Array {
  const width = data.featureNames.length
  const standardise = compileStandardise(standardisation)
  const inputs = new Float32Array(rows.length * width)
  for (let i = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * width
    standardise(
      data.features.subarray(from, from + width),
      inputs.subarray(i * width, (i + 1) * width),
    )
  }
  return inputs
}

interface TrainingSet {
  readonly data: UpliftData
  readonly rows: Uint32Array
  /** Standardised features, aligned with `rows`. */
  readonly inputs: Float32Array
}

function fitMember(
  backend: Backend,
  set: TrainingSet,
  options: FitOptions & { readonly member: number },
): Float32Array {
  const { shape, member: m } = options
  const member = buildMember(backend, shape, deriveSeed(options.seed, 'init', m))
  const optimiser = backend.tf.train.adam(options.learningRate)
  const step = trainingStep(backend, options.l2)
  const variables = variablesOf(member)
  const kernels = kernelsOf(member, shape)
  const batches = batchMaker(set, options)
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    batches.shuffle(epoch)
    for (let from = 0; from < set.rows.length; from += options.batchRows) {
      const batch = batches.at(from)
      backend.tf.tidy(() => {
        const x = backend.tf.tensor2d(batch.x, [batch.rows, shape.inputs])
        const y = backend.tf.tensor2d(batch.y, [batch.rows, shape.arms])
        const w = backend.tf.tensor2d(batch.w, [batch.rows, shape.arms])
        const loss = (): Scalar =>
          step(member.apply(x, { training: true }) as Tensor2D, { y, w, kernels })
        optimiser.minimize(loss, false, variables)
      })
    }
    options.onEpoch?.(m, epoch)
  }
  const weights = extractWeights(member, shape)
  member.dispose()
  optimiser.dispose()
  return weights
}

interface Targets {
  readonly y: Tensor2D
  /** Row weight under the assigned arm, 0 elsewhere (T1). */
  readonly w: Tensor2D
  readonly kernels: readonly Tensor[]
}

/** The loss of T1, from logits: relu(z) - z y + log(1 + exp(-|z|)) does not overflow. */
function trainingStep(
  backend: Backend,
  l2: number,
): (logits: Tensor2D, targets: Targets) => Scalar {
  const { tf } = backend
  return (z, targets) => {
    const log = tf.log(tf.add(1, tf.exp(tf.neg(tf.abs(z)))))
    const bce = tf.add(tf.sub(tf.relu(z), tf.mul(z, targets.y)), log)
    const fitLoss = tf.div(tf.sum(tf.mul(targets.w, bce)), z.shape[0])
    if (l2 === 0) return fitLoss as Scalar
    const squares = targets.kernels.map((kernel) => tf.sum(tf.square(kernel)))
    return tf.add(fitLoss, tf.mul(l2, tf.addN(squares))) as Scalar
  }
}

interface Batch {
  readonly rows: number
  readonly x: Float32Array
  readonly y: Float32Array
  readonly w: Float32Array
}

interface Batches {
  /** Puts the rows into the order of an epoch. */
  shuffle(epoch: number): void
  /** The batch that starts at a position of that order. */
  at(from: number): Batch
}

function batchMaker(set: TrainingSet, options: FitOptions & { readonly member: number }): Batches {
  const { inputs: width, arms } = options.shape
  const order = Uint32Array.from({ length: set.rows.length }, (_, i) => i)
  const draw = uniformFrom(deriveSeed(options.seed, 'bootstrap', options.member))
  const weight = Float32Array.from({ length: set.rows.length }, () => poissonOne(draw))
  return {
    shuffle: (epoch) =>
      shuffle(order, uniformFrom(deriveSeed(options.seed, 'order', options.member, epoch))),
    at: (from) => {
      const chosen = order.subarray(from, from + options.batchRows)
      const x = new Float32Array(chosen.length * width)
      const y = new Float32Array(chosen.length * arms)
      const w = new Float32Array(chosen.length * arms)
      for (let b = 0; b < chosen.length; b++) {
        const i = chosen[b] as number
        const row = set.rows[i] as number
        x.set(set.inputs.subarray(i * width, (i + 1) * width), b * width)
        const cell = b * arms + (set.data.arm[row] as number)
        y[cell] = set.data.outcome[row] as number
        w[cell] = weight[i] as number
      }
      return { rows: chosen.length, x, y, w }
    },
  }
}
