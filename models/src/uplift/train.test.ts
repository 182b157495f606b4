import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { readArtefact, writeArtefact } from './artefact.ts'
import type { UpliftData } from './dataset.ts'
import { standardisationOf } from './fit.ts'
import { compileForward, outputLayout } from './forward.ts'
import { syntheticTrial } from './testing.ts'
import { type TrainOptions, type TrainProgress, trainUplift } from './train.ts'

const SMALL: Omit<TrainOptions, 'data'> = {
  id: 'small',
  createdAt: '2026-01-02T03:04:05Z',
  about: { is: 'a test', isNot: 'a model' },
  seed: 42,
  epochs: 2,
  batchRows: 512,
  members: 2,
  folds: [],
  backend: 'wasm',
}

const trial = syntheticTrial(2_000, 1)

/** Training is seconds of CPU, and more of them where the machine is shared. */
const TRAINING = { timeout: 30_000 }

describe('determinism', () => {
  test(
    '[MOD-6] [T2] the same seed gives the same bytes twice on the wasm backend',
    TRAINING,
    async () => {
      const first = await trainUplift({ ...SMALL, data: trial, folds: [3], resamples: 5 })
      const second = await trainUplift({ ...SMALL, data: trial, folds: [3], resamples: 5 })
      expect(first.artefact.training.backend).toBe('wasm')
      expect(Buffer.compare(writeArtefact(first.artefact), writeArtefact(second.artefact))).toBe(0)
    },
  )

  test(
    '[T2] evaluating first does not change the weights; another seed does',
    TRAINING,
    async () => {
      const [plain, evaluated, other] = [
        await trainUplift({ ...SMALL, data: trial }),
        await trainUplift({ ...SMALL, data: trial, folds: [0], resamples: 2 }),
        await trainUplift({ ...SMALL, data: trial, seed: 43 }),
      ]
      expect(evaluated.artefact.weights).toBe(plain.artefact.weights)
      expect(other.artefact.weights).not.toBe(plain.artefact.weights)
    },
  )
})

test(
  '[MOD-1] a trial with a known truth is learned: each arm helps its own half',
  TRAINING,
  async () => {
    const { artefact } = await trainUplift({
      ...SMALL,
      data: syntheticTrial(8_000, 2),
      epochs: 10,
      learningRate: 0.02,
    })
    expect(readArtefact(writeArtefact(artefact)).ok).toBe(true)
    const forward = compileForward(artefact)
    const layout = outputLayout(artefact)
    const out = new Float64Array(layout.length)
    const row = new Float64Array(9).fill(0.5)
    const effects = (feature: number): readonly number[] => {
      row[0] = feature
      forward(row, out)
      return [out[layout.effect] as number, out[layout.effect + 1] as number]
    }
    const [firstHigh, secondHigh] = effects(0.9)
    const [firstLow, secondLow] = effects(0.1)
    for (const strong of [firstHigh, secondLow])
      expect(Math.abs((strong ?? 0) - 0.4)).toBeLessThan(0.12)
    for (const none of [secondHigh, firstLow]) expect(Math.abs(none ?? 1)).toBeLessThan(0.12)
  },
)

test(
  '[MOD-2] the report puts the model above random and beside every baseline',
  TRAINING,
  async () => {
    const { report, artefact } = await trainUplift({
      ...SMALL,
      data: syntheticTrial(6_000, 3),
      epochs: 8,
      learningRate: 0.02,
      folds: [0, 5],
      resamples: 40,
      rules: [
        {
          name: 'first half',
          score: (f) => f[0] as number,
          choose: (f) => ((f[0] as number) > 0.5 ? 1 : 2),
        },
      ],
    })
    expect(artefact.metrics).toEqual(report)
    const rows = report?.uplift.filter((row) => row.arm === 'mens_email') ?? []
    expect(rows.map((row) => row.scorer)).toEqual([
      'model',
      'random',
      'response',
      't_logistic',
      'first half',
    ])
    const [model, random] = rows
    expect(model?.qini_sklift).toBeGreaterThan(3 * (model?.qini_sklift_se ?? 1))
    expect(Math.abs(random?.qini_sklift ?? 1)).toBeLessThan(3 * (random?.qini_sklift_se ?? 0))
    expect(model?.model_minus).toBe(0)
    expect(report?.log_loss).toBeLessThan(report?.log_loss_base_rate ?? 0)
    const value = new Map(report?.policies.map((row) => [row.policy, row.dr]))
    expect(Math.abs((value.get('model argmax') ?? 0) - 0.6)).toBeLessThan(0.07)
    expect(value.get('model argmax')).toBeGreaterThan((value.get('all mens_email') ?? 1) + 0.1)
    expect(report?.rows).toBe(1200)
  },
)

test('progress counts every epoch of every fit once', TRAINING, async () => {
  const seen: TrainProgress[] = []
  await trainUplift({
    ...SMALL,
    data: trial,
    folds: [1],
    resamples: 2,
    onProgress: (p) => seen.push(p),
  })
  expect(seen.map((p) => p.done)).toEqual(Array.from({ length: 8 }, (_, i) => i + 1))
  expect(new Set(seen.map((p) => p.total))).toEqual(new Set([8]))
  expect(seen.map((p) => p.stage).indexOf('fit')).toBe(4)
})

describe('refusals', () => {
  const codeOf = async (options: TrainOptions) => {
    try {
      await trainUplift(options)
    } catch (error) {
      return findError(error)
    }
    return undefined
  }

  test('an arm without enough of either outcome is named', async () => {
    const thin: UpliftData = {
      ...trial,
      outcome: trial.outcome.map((y, i) => (trial.arm[i] === 2 ? 0 : y)),
    }
    const error = await codeOf({ ...SMALL, data: thin })
    expect([error?.code, error?.details['arm']]).toEqual(['model_data_thin', 'womens_email'])
    expect((await codeOf({ ...SMALL, data: syntheticTrial(0, 1) }))?.code).toBe('model_data_thin')
  })

  test('weights that leave the numbers are refused, not sealed', async () => {
    const error = await codeOf({ ...SMALL, data: trial, learningRate: 1e30 })
    expect(error?.code).toBe('model_training_diverged')
  })
})

test('standardisation has mean 0 and SD 1 afterwards, and survives a constant feature', () => {
  const rows = Uint32Array.from({ length: 500 }, (_, i) => i)
  const constant = { ...trial, features: trial.features.map((x, i) => (i % 9 === 4 ? 2 : x)) }
  const { mean, sd, least, most } = standardisationOf(constant, rows)
  expect([mean[4], sd[4], least[4], most[4]]).toEqual([2, 1, 2, 2])
  let sum = 0
  let squares = 0
  for (const row of rows) {
    const z = ((trial.features[row * 9] as number) - (mean[0] as number)) / (sd[0] as number)
    sum += z
    squares += z * z
  }
  expect(sum / 500).toBeCloseTo(0, 10)
  expect(squares / 500).toBeCloseTo(1, 10)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 499 }), (row) => {
      const x = trial.features[row * 9] as number
      expect(x >= (least[0] as number) && x <= (most[0] as number)).toBe(true)
    }),
  )
})
