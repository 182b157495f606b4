export { type EmbeddedLog, type EmbeddedLogOptions, openEmbeddedLog } from './embedded/open.ts'
export {
  openEmbeddedLogReadOnly,
  type ReadOnlyLog,
} from './embedded/read-only.ts'
export { type KafkaEventLog, openKafkaLog } from './kafka/log.ts'
export type { KafkaLogOptions, KafkaSecurity } from './kafka/options.ts'
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
export type { FaultPlan } from './simulated/faults.ts'
export { createSimulatedLog, type SimulatedLog } from './simulated/log.ts'
