export { type EmbeddedLog, type EmbeddedLogOptions, openEmbeddedLog } from './embedded/open.ts'
export {
  openEmbeddedLogReadOnly,
  type ReadOnlyLog,
  type ReadOnlyOptions,
} from './embedded/read-only.ts'
export type { Scheduler } from './local/scheduler.ts'
export {
  type ByteRange,
  type CommittedPosition,
  type EpochPosition,
  type EpochTransaction,
  type EventLog,
  type LogAppender,
  type LogBatch,
  type LogMember,
  type LogReader,
  type MemberListener,
  type OutgoingRecord,
  type PartitionBounds,
  type PollLimits,
  partitionKey,
  type TopicPartition,
  type TopicSpec,
} from './port.ts'
export {
  FAULT_POINTS,
  type FaultPlan,
  type FaultPoint,
  type InjectedFault,
} from './simulated/faults.ts'
export { createSimulatedLog, type SimulatedLog, type SimulatedLogOptions } from './simulated/log.ts'
export { Prng } from './simulated/prng.ts'
