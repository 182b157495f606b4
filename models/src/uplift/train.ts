/**
 * Training as one call: evaluate the procedure on held-out folds, then fit on all rows and seal the
 * artefact with its figures. The artefact served is therefore not the model measured, but the same
 * procedure on a ninth more rows.
 */
import { type BackendName, loadBackend } from '../backend.ts'
import { encodeWeights, sealUplift, type UpliftArtefact, type UpliftMetrics } from './artefact.ts'
import { allRows, requireEnoughData, type UpliftData } from './dataset.ts'
import { evaluateUplift, type UpliftRule } from './evaluate.ts'
import { type FitOptions, fitEnsemble } from './fit.ts'

/** How far a training run is; `done` and `total` count epochs over all fits. */
export interface TrainProgress {
  readonly stage: 'evaluate' | 'fit'
  readonly done: number
  readonly total: number
}

export interface TrainOptions {
  readonly data: UpliftData
  readonly id: string
  /** ISO 8601 in UTC; an argument, because a training run reads no clock. */
  readonly createdAt: string
  readonly about: UpliftArtefact['about']
  readonly seed: number
  readonly epochs?: number
  readonly batchRows?: number
  readonly learningRate?: number
  readonly l2?: number
  readonly members?: number
  /** Knuth folds to evaluate on; empty: no evaluation, and the artefact says so. */
  readonly folds?: readonly number[]
  readonly resamples?: number
  readonly rules?: readonly UpliftRule[]
  /** wasm by default: the same seed should give the same weights wherever the command runs. */
  readonly backend?: BackendName
  readonly onProgress?: (progress: TrainProgress) => void
}

export const ALL_FOLDS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

/** Set by out-of-fold log-loss on the trial, never by Qini or policy value: see the model card. */
const DEFAULTS = {
  epochs: 10,
  batchRows: 2048,
  learningRate: 0.01,
  l2: 1e-3,
  members: 5,
  resamples: 200,
  trunk: 16,
  head: 8,
} as const

/**
 * Trains an uplift model. Throws `model_data_thin`, `model_training_diverged` or
 * `model_backend_missing`.
 */
export async function trainUplift(
  options: TrainOptions,
): Promise<{ readonly artefact: UpliftArtefact; readonly report: UpliftMetrics | null }> {
  const { data } = options
  const rows = allRows(data)
  requireEnoughData(data, rows)
  const backend = await loadBackend(options.backend ? [options.backend] : ['wasm', 'cpu'])
  const folds = options.folds ?? ALL_FOLDS
  const fit = fitOptions(options, folds.length)
  const report =
    folds.length === 0
      ? null
      : evaluateUplift(backend, data, {
          ...fit('evaluate'),
          folds,
          rules: options.rules ?? [],
          resamples: options.resamples ?? DEFAULTS.resamples,
        })
  const settings = fit('fit')
  const final = fitEnsemble(backend, data, rows, settings)
  const artefact = sealUplift({
    kind: 'uplift',
    id: options.id,
    createdAt: options.createdAt,
    outcome: data.outcomeName,
    about: options.about,
    features: [...data.featureNames],
    arms: data.arms.map((arm) => ({ ...arm })),
    standardisation: final.standardisation,
    network: final.shape,
    weights: encodeWeights(final.weights),
    data: { sha256: data.fingerprint, rows: data.count },
    training: {
      seed: settings.seed,
      epochs: settings.epochs,
      batchRows: settings.batchRows,
      learningRate: settings.learningRate,
      l2: settings.l2,
      backend: backend.name,
    },
    metrics: report,
  })
  return { artefact, report }
}

/** The fit settings of a run, counting epochs over all of its fits for the progress callback. */
function fitOptions(
  options: TrainOptions,
  evaluations: number,
): (stage: TrainProgress['stage']) => FitOptions {
  const epochs = options.epochs ?? DEFAULTS.epochs
  const members = options.members ?? DEFAULTS.members
  const total = (evaluations + 1) * members * epochs
  let done = 0
  return (stage) => ({
    seed: options.seed,
    epochs,
    batchRows: options.batchRows ?? DEFAULTS.batchRows,
    learningRate: options.learningRate ?? DEFAULTS.learningRate,
    l2: options.l2 ?? DEFAULTS.l2,
    shape: {
      inputs: options.data.featureNames.length,
      trunk: DEFAULTS.trunk,
      head: DEFAULTS.head,
      arms: options.data.arms.length,
      members,
    },
    onEpoch: () => {
      done++
      options.onProgress?.({ stage, done, total })
    },
  })
}
