/**
 * The same network as tfjs layers: built to be trained, and rebuilt from an artefact to score batches
 * (segments, back-tests). `forward.ts` is its twin for one row.
 */
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core'
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers'
import { assert } from '#engine'
import type { Backend } from '../backend.ts'
import { deriveSeed } from '../random.ts'
import {
  decodeWeights,
  memberWeightCount,
  type UpliftNetwork,
  type UpliftNetworkShape,
} from './artefact.ts'
import { compileStandardise, outputLayout } from './forward.ts'

/** A network for one ensemble member: inputs -> one logit an arm. Initial weights follow from `seed`. */
export function buildMember(
  backend: Backend,
  shape: UpliftNetworkShape,
  seed: number,
): LayersModel {
  const { layers, initializers, input, model } = backend.layers
  const dense = (
    name: string,
    units: number,
    activation: 'relu' | 'linear',
  ): ReturnType<typeof layers.dense> =>
    layers.dense({
      name,
      units,
      activation,
      // tfjs takes a seed of 0 for "no seed" and would draw from Math.random.
      kernelInitializer: initializers.glorotUniform({ seed: deriveSeed(seed, name) || 1 }),
    })
  const inputs = input({ shape: [shape.inputs] })
  const trunk = dense('trunk', shape.trunk, 'relu').apply(inputs) as SymbolicTensor
  const logits = Array.from({ length: shape.arms }, (_, arm) => {
    const head = dense(`head_${arm}`, shape.head, 'relu').apply(trunk) as SymbolicTensor
    return dense(`logit_${arm}`, 1, 'linear').apply(head) as SymbolicTensor
  })
  return model({
    inputs,
    outputs: layers.concatenate({ name: 'logits' }).apply(logits) as SymbolicTensor,
  })
}

/** Layer names in the order of the artefact's weights. */
function layerNames(shape: UpliftNetworkShape): readonly string[] {
  const heads = Array.from({ length: shape.arms }, (_, arm) => [`head_${arm}`, `logit_${arm}`])
  return ['trunk', ...heads.flat()]
}

/** The kernels (not the biases) of a member: what weight decay applies to. */
export function kernelsOf(member: LayersModel, shape: UpliftNetworkShape): readonly Variable[] {
  return layerNames(shape).map(
    (name) => member.getLayer(name).trainableWeights[0]?.read() as Variable,
  )
}

/** Every trainable variable of a member. */
export function variablesOf(member: LayersModel): Variable[] {
  return member.trainableWeights.map((weight) => weight.read() as Variable)
}

/** A member's weights as one run, in the artefact's layout. */
export function extractWeights(member: LayersModel, shape: UpliftNetworkShape): Float32Array {
  const all = new Float32Array(memberWeightCount(shape))
  let at = 0
  for (const name of layerNames(shape))
    for (const tensor of member.getLayer(name).getWeights()) {
      all.set(tensor.dataSync<'float32'>(), at)
      at += tensor.size
    }
  assert(at === all.length, 'the layers hold the weights that the shape promises')
  return all
}

/** Puts one member's run of weights into a member built with the same shape. */
function insertWeights(
  backend: Backend,
  member: LayersModel,
  run: { readonly shape: UpliftNetworkShape; readonly weights: Float32Array },
): void {
  let at = 0
  for (const name of layerNames(run.shape)) {
    const layer = member.getLayer(name)
    backend.tf.tidy(() => {
      const tensors = layer.getWeights().map((old) => {
        const values = run.weights.slice(at, at + old.size)
        at += old.size
        return backend.tf.tensor(values, old.shape)
      })
      layer.setWeights(tensors)
    })
  }
}

/** Scores many rows at once through tfjs. */
export interface BatchScorer {
  /**
   * `features`: rows of raw features, row-major. Returns rows of `outputLayout(artefact).length`, laid
   * out as compileForward writes them and equal to it within 1e-5.
   */
  score(features: Float64Array, rows: number): Float64Array
  /** Frees the tensors; the scorer is unusable afterwards. */
  dispose(): void
}

/** A batch scorer of an artefact that readArtefact accepted. */
export function batchScorer(backend: Backend, artefact: UpliftNetwork): BatchScorer {
  const shape = artefact.network
  const weights = decodeWeights(artefact)
  const stride = memberWeightCount(shape)
  const members = Array.from({ length: shape.members }, (_, m) => {
    const member = buildMember(backend, shape, m)
    insertWeights(backend, member, { shape, weights: weights.slice(m * stride, (m + 1) * stride) })
    return member
  })
  return {
    score: (features, rows) => {
      const inputs = standardiseRows(artefact, features, rows)
      const x = backend.tf.tensor2d(inputs, [rows, shape.inputs])
      const probabilities = members.map((member) => memberProbabilities(backend, member, x))
      x.dispose()
      return summariseRows(shape, probabilities, rows)
    },
    dispose: () => {
      for (const member of members) member.dispose()
    },
  }
}

function standardiseRows(
  artefact: UpliftNetwork,
  features: Float64Array,
  rows: number,
): Float32Array {
  const width = artefact.network.inputs
  const standardise = compileStandardise(artefact.standardisation)
  const inputs = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++)
    standardise(
      features.subarray(row * width, (row + 1) * width),
      inputs.subarray(row * width, (row + 1) * width),
    )
  return inputs
}

function memberProbabilities(backend: Backend, member: LayersModel, x: Tensor2D): Float32Array {
  const out = backend.tf.tidy(() =>
    backend.tf.sigmoid(member.predict(x, { batchSize: 4096 }) as Tensor),
  )
  const values = out.dataSync<'float32'>()
  out.dispose()
  return values
}

function summariseRows(
  shape: UpliftNetworkShape,
  members: readonly Float32Array[],
  rows: number,
): Float64Array {
  const layout = outputLayout({ network: shape })
  const out = new Float64Array(rows * layout.length)
  const of = (m: number, row: number, arm: number): number =>
    members[m]?.[row * shape.arms + arm] as number
  for (let row = 0; row < rows; row++) {
    const at = row * layout.length
    for (let arm = 0; arm < shape.arms; arm++) {
      const each = members.map((_, m) => of(m, row, arm))
      out[at + layout.probability + arm] = mean(each)
    }
    for (let arm = 1; arm < shape.arms; arm++) {
      const effects = members.map((_, m) => of(m, row, arm) - of(m, row, 0))
      out[at + layout.effect + arm - 1] = mean(effects)
      out[at + layout.sd + arm - 1] = sampleSd(effects)
    }
  }
  return out
}

const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length

function sampleSd(values: readonly number[]): number {
  const centre = mean(values)
  return Math.sqrt(values.reduce((sum, v) => sum + (v - centre) ** 2, 0) / (values.length - 1))
}
