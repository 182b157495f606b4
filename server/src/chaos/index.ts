/** Chaos: the whole path, disturbed on purpose, must come to what it comes to undisturbed. */
export { type ChaosEmbeddedOptions, type ChaosEmbeddedResult, chaosEmbedded } from './embedded.ts'
export {
  type ChaosSimulatedOptions,
  type ChaosSimulatedResult,
  chaosSimulated,
} from './simulated.ts'
