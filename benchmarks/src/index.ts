/** Benchmarks of the engine's queries; `bench pipeline` measures the whole product elsewhere. */
export { type ClickstreamEvent, clickstream, introductions } from '../pipeline/clickstream.ts'
export { ENGINE_QUERIES, type EngineQuery } from './engine/run.ts'
export {
  type BenchOptions,
  type BenchProgress,
  type BenchReport,
  benchCommand,
  benchQuery,
  isEngineQuery,
  type QueryReport,
  queriesOf,
  type Spread,
  whereTimeGoes,
} from './runner/bench.ts'
export type { Shares } from './runner/job.ts'
