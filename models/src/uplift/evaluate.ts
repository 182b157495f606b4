/**
 * Measures the procedure that makes a model, with honest baselines beside it.
 *
 * E1 Every row is scored by models that did not see it: for each Knuth fold a whole ensemble is fitted on
 *    the other rows, standardisation included. The figures are those of the pooled held-out rows.
 * E2 The baselines get the same rows and folds: `random`, `response` (P(outcome) whatever the arm),
 *    `t_logistic` (one logistic regression an arm), the caller's rules, and one arm for everybody.
 * E3 Standard errors are of a Poisson bootstrap over rows; differences to the model are paired in it.
 *    They cover sampling of the rows, not another training run.
 * E4 All policies are valued with the same mu (that of `t_logistic`), so none is judged by its own model.
 */
import type { Backend } from '../backend.ts'
import { deriveSeed, poissonOne, uniformFrom } from '../random.ts'
import {
  encodeWeights,
  type UpliftMetrics,
  type UpliftPolicyRow,
  type UpliftScoreRow,
} from './artefact.ts'
import {
  knuthFold,
  requireEnoughData,
  selectRows,
  splitByFold,
  type UpliftData,
} from './dataset.ts'
import { type FitOptions, fitEnsemble } from './fit.ts'
import { compileForward, outputLayout } from './forward.ts'
import { fitLogistic } from './logistic.ts'
import { qiniSklift, type Ranking, rank, upliftAtK } from './metrics.ts'
import { argmaxPolicy, policyValue } from './policy.ts'

/** A rule of thumb that needs no training; part of the baselines. */
export interface UpliftRule {
  readonly name: string
  /** Higher means treat first, for every treated arm alike. `features` is one row in raw units. */
  readonly score: (features: Float64Array) => number
  /** The arm that the rule would give. */
  readonly choose: (features: Float64Array) => number
}

export interface EvaluateOptions extends FitOptions {
  /** Knuth folds to hold out, 0..9, each once. */
  readonly folds: readonly number[]
  readonly rules: readonly UpliftRule[]
  /** Bootstrap samples for the standard errors. */
  readonly resamples: number
  readonly onFold?: (fold: number) => void
}

/** Held-out predictions, aligned with the rows of `data`. */
interface HeldOut {
  readonly data: UpliftData
  /** P(outcome | x, arm), row-major by arm. */
  readonly model: Float64Array
  readonly logistic: Float64Array
  readonly response: Float64Array
  /** P(outcome | arm) of the training rows, row-major by arm. */
  readonly baseRate: Float64Array
}

/** Runs the whole comparison. Throws `model_data_thin` when a training part is too small. */
export function evaluateUplift(
  backend: Backend,
  data: UpliftData,
  options: EvaluateOptions,
): UpliftMetrics {
  const held = predictHeldOut(backend, data, options)
  return {
    protocol:
      `${options.folds.length} of 10 Knuth folds held out, pooled; Qini as scikit-uplift 0.5.1; ` +
      `standard errors from ${options.resamples} Poisson bootstrap samples of the held-out rows`,
    rows: held.data.count,
    log_loss: round(logLoss(held.data, held.model)),
    log_loss_t_logistic: round(logLoss(held.data, held.logistic)),
    log_loss_base_rate: round(logLoss(held.data, held.baseRate)),
    uplift: held.data.arms.slice(1).flatMap((_, k) => compareScores(held, k + 1, options)),
    policies: comparePolicies(held, options),
  }
}

function predictHeldOut(backend: Backend, data: UpliftData, options: EvaluateOptions): HeldOut {
  const arms = data.arms.length
  const rows = Uint32Array.from({ length: data.count }, (_, row) => row).filter((row) =>
    options.folds.includes(knuthFold(row)),
  )
  const place = new Map(Array.from(rows, (row, i) => [row, i]))
  const held: HeldOut = {
    data: selectRows(data, rows),
    model: new Float64Array(rows.length * arms),
    logistic: new Float64Array(rows.length * arms),
    response: new Float64Array(rows.length),
    baseRate: new Float64Array(rows.length * arms),
  }
  for (const fold of options.folds) {
    const split = splitByFold(data, fold)
    requireEnoughData(data, split.training)
    const fit = fitEnsemble(backend, data, split.training, {
      ...options,
      seed: deriveSeed(options.seed, 'fold', fold),
    })
    const forward = compileForward({
      network: fit.shape,
      standardisation: fit.standardisation,
      weights: encodeWeights(fit.weights),
    })
    const out = new Float64Array(outputLayout({ network: fit.shape }).length)
    const baselines = fitBaselines(data, split.training)
    for (const row of split.held) {
      const at = place.get(row) as number
      forward(rowOf(data, row), out)
      held.model.set(out.subarray(0, arms), at * arms)
      held.response[at] = baselines.response(data, row)
      for (let arm = 0; arm < arms; arm++) {
        held.logistic[at * arms + arm] = baselines.arms[arm]?.(data, row) as number
        held.baseRate[at * arms + arm] = baselines.rates[arm] as number
      }
    }
    options.onFold?.(fold)
  }
  return held
}

function fitBaselines(data: UpliftData, training: Uint32Array) {
  const byArm = data.arms.map((_, arm) => training.filter((row) => data.arm[row] === arm))
  return {
    response: fitLogistic(data, training),
    arms: byArm.map((rows) => fitLogistic(data, rows)),
    rates: byArm.map(
      (rows) => rows.reduce((sum, row) => sum + (data.outcome[row] as number), 0) / rows.length,
    ),
  }
}

function rowOf(data: UpliftData, row: number): Float64Array {
  const width = data.featureNames.length
  return data.features.subarray(row * width, (row + 1) * width)
}

/** Every scorer's ranking of one arm against the control; the model comes first. */
function compareScores(held: HeldOut, arm: number, options: EvaluateOptions): UpliftScoreRow[] {
  const { data } = held
  const width = data.arms.length
  const rows = Uint32Array.from({ length: data.count }, (_, row) => row).filter(
    (row) => data.arm[row] === arm || data.arm[row] === 0,
  )
  const pair = {
    treated: Uint8Array.from(rows, (row) => (data.arm[row] === arm ? 1 : 0)),
    outcome: Uint8Array.from(rows, (row) => data.outcome[row] as number),
  }
  const draw = uniformFrom(deriveSeed(options.seed, 'random score', arm))
  const effect = (mu: Float64Array, row: number): number =>
    (mu[row * width + arm] as number) - (mu[row * width] as number)
  const scorers: (readonly [string, (row: number) => number])[] = [
    ['model', (row) => effect(held.model, row)],
    ['random', draw],
    ['response', (row) => held.response[row] as number],
    ['t_logistic', (row) => effect(held.logistic, row)],
    ...options.rules.map(
      (rule) => [rule.name, (row: number) => rule.score(rowOf(data, row))] as const,
    ),
  ]
  const rankings = scorers.map(([, score]) => rank(pair, Float64Array.from(rows, score)))
  const spread = bootstrap(rankings, rows.length, options)
  const qini = rankings.map((ranking) => qiniSklift(ranking))
  return rankings.map((ranking, s) => ({
    scorer: scorers[s]?.[0] as string,
    arm: data.arms[arm]?.id as string,
    qini_sklift: round(qini[s] as number),
    qini_sklift_se: round(spread.se[s] as number),
    model_minus: round((qini[0] as number) - (qini[s] as number)),
    model_minus_se: round(spread.pairedSe[s] as number),
    uplift_at_30: round(upliftAtK(ranking, 0.3)),
  }))
}

/** Standard errors of each ranking's Qini and of the first ranking's minus it. */
function bootstrap(rankings: readonly Ranking[], rows: number, options: EvaluateOptions) {
  const samples: number[][] = []
  for (let b = 0; b < options.resamples; b++) {
    const draw = uniformFrom(deriveSeed(options.seed, 'resample', b))
    const weights = Float64Array.from({ length: rows }, () => poissonOne(draw))
    samples.push(rankings.map((ranking) => qiniSklift(ranking, weights)))
  }
  const of = (value: (sample: readonly number[]) => number): number => sampleSd(samples.map(value))
  return {
    se: rankings.map((_, s) => of((sample) => sample[s] as number)),
    pairedSe: rankings.map((_, s) => of((sample) => (sample[0] as number) - (sample[s] as number))),
  }
}

function comparePolicies(held: HeldOut, options: EvaluateOptions): UpliftPolicyRow[] {
  const { data } = held
  const arms = data.arms.length
  const draw = uniformFrom(deriveSeed(options.seed, 'random policy'))
  const choices: (readonly [string, Uint8Array])[] = [
    ['model argmax', argmaxPolicy(held.model, arms)],
    ['t_logistic argmax', argmaxPolicy(held.logistic, arms)],
    ...options.rules.map(
      (rule) =>
        [
          rule.name,
          Uint8Array.from({ length: data.count }, (_, row) => rule.choose(rowOf(data, row))),
        ] as const,
    ),
    ...data.arms.map((arm, i) => [`all ${arm.id}`, new Uint8Array(data.count).fill(i)] as const),
    ['random arm', Uint8Array.from({ length: data.count }, () => Math.floor(draw() * arms))],
  ]
  return choices.map(([policy, choice]) => {
    const value = policyValue(data, choice, held.logistic)
    return {
      policy,
      ips: round(value.ips),
      snips: round(value.snips),
      dr: round(value.dr),
      dr_se: round(value.drSe),
    }
  })
}

/** Mean log-loss (nats) of P(outcome | x, assigned arm). */
function logLoss(data: UpliftData, mu: Float64Array): number {
  let sum = 0
  for (let row = 0; row < data.count; row++) {
    const p = mu[row * data.arms.length + (data.arm[row] as number)] as number
    sum -= Math.log(data.outcome[row] === 1 ? p : 1 - p)
  }
  return sum / data.count
}

function sampleSd(values: readonly number[]): number {
  if (values.length < 2) return 0
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1))
}

/** Six digits: far below any standard error here, and stable across libm versions. */
const round = (value: number): number => Math.round(value * 1e6) / 1e6
