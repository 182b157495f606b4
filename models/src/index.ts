/** The models' public names. What is not listed here is not promised. */
export {
  ARTEFACT_FORMAT,
  LARGEST_ARTEFACT_BYTES,
  type ModelRefusal,
  type ModelRefusalCode,
} from './artefact.ts'
export { type Backend, type BackendName, loadBackend } from './backend.ts'
export {
  createModelRegistry,
  type ModelRegistry,
  type Offer,
  type ServingModel,
} from './registry.ts'
export {
  type ReadUplift,
  readArtefact,
  type UpliftArtefact,
  type UpliftMetrics,
  writeArtefact,
} from './uplift/artefact.ts'
export {
  type TrainCommandOptions,
  type TrainCommandResult,
  trainCommand,
} from './uplift/command.ts'
export { type Arm, knuthFold, type UpliftData } from './uplift/dataset.ts'
export { type EvaluateOptions, evaluateUplift, type UpliftRule } from './uplift/evaluate.ts'
export {
  compileFeatures,
  type FeatureMap,
  isInTrialPopulation,
  isKnownFeature,
  type RetailProfile,
  UPLIFT_FEATURES,
} from './uplift/features.ts'
export {
  compileForward,
  type ForwardPass,
  type OutputLayout,
  outputLayout,
} from './uplift/forward.ts'
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
export {
  INTERVENTION_ALIASES,
  INTERVENTIONS,
  type Intervention,
  interventionNamed,
} from './vocabulary.ts'
