/** The engine's public names. What is not listed here is not promised. */
export { asBuffer, ByteReader, ByteWriter } from './codec/bytes.ts'
export { bytesCodec, type Codec, fieldsCodec, jsonCodec, textCodec } from './codec/codec.ts'
export { type JsonShape, jsonProjection, type Projected } from './codec/json-projection.ts'
export {
  assert,
  ERRORS,
  type ErrorClass,
  type ErrorCode,
  findError,
  OpportuneError,
} from './errors.ts'
export { type FrameItem, FrameReader } from './frame/frame.ts'
export { hash53, hashPair, KEY_GROUPS, keyGroup, murmur3 } from './hash.ts'
export {
  type Both,
  type Change,
  type ChangeJoinOptions,
  changeJoin,
  type ForeignJoinOptions,
  foreignJoin,
  type Join,
  type Joined,
  type JoinOn,
  type JoinOptions,
  type JoinSide,
  type Keep,
  type LateSide,
  type OnlyLeft,
  type OnlyRight,
  type Reach,
  type Removals,
  type StreamJoinOptions,
  sameWindow,
  streamJoin,
  type TableJoinOptions,
  type Tagged,
  type TemporalJoinOptions,
  tableJoin,
  temporalJoin,
  within,
} from './joins/index.ts'
export {
  type ByteRange,
  type CommittedPosition,
  createSimulatedLog,
  type EmbeddedLog,
  type EmbeddedLogOptions,
  type EpochPosition,
  type EpochTransaction,
  type EventLog,
  type FaultPlan,
  type KafkaEventLog,
  type KafkaLogOptions,
  type KafkaSecurity,
  type LogAppender,
  type LogBatch,
  type LogMember,
  type LogReader,
  type MemberListener,
  type OutgoingRecord,
  openEmbeddedLog,
  openEmbeddedLogReadOnly,
  openKafkaLog,
  type PartitionBounds,
  type PollLimits,
  partitionKey,
  type ReadOnlyLog,
  type SimulatedLog,
  type TopicPartition,
  type TopicSpec,
} from './log/index.ts'
export { Prng } from './log/simulated/prng.ts'
export {
  type Broadcast,
  broadcast,
  type Context,
  type Merge,
  type Mode,
  type Operator,
  type Output,
  type Outputs,
  type OutputValue,
  operator,
  output,
  type StateSpec,
  stateSpec,
} from './operator.ts'
export type { DeadLetter } from './runtime/changelog.ts'
export { partitionOf } from './runtime/partition.ts'
export { type Rescaled, type RescaleOptions, rescale } from './runtime/rescale.ts'
export type { RestoreProgress } from './runtime/restore.ts'
export {
  fingerprint,
  openShadows,
  type SavepointMeta,
  type Shadow,
  saveTo,
  sinkTopics,
} from './runtime/savepoint.ts'
export { CONTROL_KEY } from './runtime/source-time.ts'
export type { Task, TaskStats } from './runtime/task.ts'
export { type OpenedState, Worker, type WorkerOptions } from './runtime/worker.ts'
export {
  type CheckpointBackend,
  KeyedState,
  memoryBackend,
  type SlotSpec,
  StateEnvironment,
  type StoreStats,
} from './state/index.ts'
export { BEGINNING, days, END, hours, type Millis, minutes, seconds } from './time.ts'
export {
  type DescribedNode,
  type DescribedStage,
  type Description,
  describe,
  describeMermaid,
  describeText,
} from './topology/describe.ts'
export type {
  InboxSpec,
  Plan,
  RecordInfo,
  SinkChain,
  SinkSpec,
  SourceClock,
  SourceSpec,
  Stage,
} from './topology/plan.ts'
export { Inbox, KeyedStream, Stream, Topology, topology } from './topology/topology.ts'
export {
  type Aggregate,
  type CombiningAggregate,
  hopping,
  type LateRecord,
  session,
  tumbling,
  type Window,
  type WindowOptions,
  type WindowResult,
  windowOperator,
} from './windows/index.ts'
