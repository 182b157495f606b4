/**
 * What the stream needs of the models: read an artefact, compile it, score a row. Nothing here leads to
 * tfjs, to training or to a data file, so that a server starts without them; a test keeps it so
 * (`operators/src/imports.test.ts`). Whoever trains or evaluates imports `#models`.
 */
export { LARGEST_ARTEFACT_BYTES, type ModelRefusal, type ModelRefusalCode } from './artefact.ts'
export {
  createModelRegistry,
  type ModelRegistry,
  type Offer,
  type ServingModel,
} from './registry.ts'
export { type ReadUplift, readArtefact, type UpliftArtefact } from './uplift/artefact.ts'
export { compileFeatures, type FeatureMap, type RetailProfile } from './uplift/features.ts'
export {
  compileForward,
  type ForwardPass,
  type OutputLayout,
  outputLayout,
} from './uplift/forward.ts'
export {
  INTERVENTION_ALIASES,
  INTERVENTIONS,
  type Intervention,
  interventionNamed,
} from './vocabulary.ts'
