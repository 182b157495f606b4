/** Small artefacts and trials with a known truth, for tests here and in the layers above. */
import { deriveSeed, uniformFrom } from '../random.ts'
import { encodeWeights, sealUplift, type UpliftArtefact, weightCount } from './artefact.ts'
import type { UpliftData } from './dataset.ts'
import { UPLIFT_FEATURES } from './features.ts'
import { HILLSTROM_ARMS } from './hillstrom.ts'

/** An untrained but valid artefact whose weights follow from the seed. */
export function randomArtefact(
  seed: number,
  shape: { readonly trunk?: number; readonly head?: number; readonly members?: number } = {},
): UpliftArtefact {
  const network = {
    inputs: UPLIFT_FEATURES.length,
    trunk: shape.trunk ?? 6,
    head: shape.head ?? 4,
    arms: HILLSTROM_ARMS.length,
    members: shape.members ?? 3,
  }
  const draw = uniformFrom(deriveSeed(seed, 'weights'))
  const weights = Float32Array.from({ length: weightCount(network) }, () => draw() * 2 - 1)
  const each = (value: number): number[] => UPLIFT_FEATURES.map(() => value)
  return sealUplift({
    kind: 'uplift',
    id: 'test-model',
    createdAt: '2026-01-02T03:04:05Z',
    outcome: 'visit',
    about: { is: 'random weights', isNot: 'trained' },
    features: [...UPLIFT_FEATURES],
    arms: HILLSTROM_ARMS.map((arm) => ({ ...arm })),
    standardisation: { mean: each(0.5), sd: each(2), least: each(-3), most: each(3) },
    network,
    weights: encodeWeights(weights),
    data: { sha256: '0'.repeat(64), rows: 1 },
    training: { seed, epochs: 1, batchRows: 1, learningRate: 0.01, l2: 0, backend: 'none' },
    metrics: null,
  })
}

/**
 * A randomised trial with the features of the contract (uniform in [0, 1)) and a known truth: arm 1
 * raises P(outcome) by 0.4 where feature 0 is above a half and by nothing elsewhere; arm 2 the reverse.
 */
export function syntheticTrial(count: number, seed: number): UpliftData {
  const width = UPLIFT_FEATURES.length
  const draw = uniformFrom(deriveSeed(seed, 'trial'))
  const features = Float64Array.from({ length: count * width }, draw)
  const arm = Uint8Array.from({ length: count }, () => Math.floor(draw() * 3))
  const outcome = arm.map((a, row) => {
    const high = (features[row * width] as number) > 0.5
    const effect = (a === 1 && high) || (a === 2 && !high) ? 0.4 : 0
    return draw() < 0.2 + effect ? 1 : 0
  })
  return {
    count,
    featureNames: UPLIFT_FEATURES,
    features,
    arm,
    outcome,
    outcomeName: 'visit',
    arms: HILLSTROM_ARMS,
    fingerprint: '0'.repeat(64),
  }
}
