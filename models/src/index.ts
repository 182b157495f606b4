/** The models' public names: what serving promises, and training. What is not listed is not promised. */
export { ARTEFACT_FORMAT } from './artefact.ts'
export { type Backend, type BackendName, loadBackend } from './backend.ts'
export * from './serving.ts'
export { type UpliftMetrics, writeArtefact } from './uplift/artefact.ts'
export {
  type TrainCommandOptions,
  type TrainCommandResult,
  trainCommand,
} from './uplift/command.ts'
export { type Arm, knuthFold, type UpliftData } from './uplift/dataset.ts'
export { type EvaluateOptions, evaluateUplift, type UpliftRule } from './uplift/evaluate.ts'
export { isInTrialPopulation, isKnownFeature, UPLIFT_FEATURES } from './uplift/features.ts'
export { HILLSTROM_ARMS, HILLSTROM_RULES, readHillstrom } from './uplift/hillstrom.ts'
export {
  auucSklift,
  qiniCurve,
  qiniSklift,
  type Ranking,
  rank,
  type TwoArm,
  upliftAtK,
  upliftAtKByGroup,
  weightedAverageUplift,
} from './uplift/metrics.ts'
export { type BatchScorer, batchScorer } from './uplift/network.ts'
export { argmaxPolicy, type PolicyValue, policyValue } from './uplift/policy.ts'
export { ALL_FOLDS, type TrainOptions, type TrainProgress, trainUplift } from './uplift/train.ts'
