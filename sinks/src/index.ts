/** The sinks' public names: where results leave. What is not listed here is not promised. */
export { type ChainHead, chainOf, decisionChain, type Linked, readDecision } from './audit/chain.ts'
export { type Exported, type ExportOptions, writeExport } from './audit/export.ts'
export {
  type ExportedChain,
  type ExportManifest,
  type ExportPart,
  readExport,
} from './audit/export-format.ts'
export { type KeyPlace, openSigningKey, readPublicKey } from './audit/keys.ts'
export { readSealFile } from './audit/outside-copy.ts'
export { type AuditFilter, auditRecords, filterRecords } from './audit/read.ts'
export { type AuditHeader, type AuditRecord, decodeRecord } from './audit/record.ts'
export {
  type Seal,
  type SealedHead,
  type SealFault,
  type SigningKey,
  type VerifiedSeals,
  verifySeals,
} from './audit/seal.ts'
export { SEALS } from './audit/seal-topic.ts'
export { type Sealer, type SealerOptions, type SealerStatus, startSealer } from './audit/sealer.ts'
export {
  type AuditFault,
  type AuditFaultKind,
  type ChainRange,
  type StoredRecord,
  type Verification,
  type VerifiedChain,
  verifyChains,
} from './audit/verify.ts'
export {
  type OutboxChannel,
  type OutboxOptions,
  type OutboxStatus,
  startOutbox,
} from './channels/outbox/outbox.ts'
export { type Analytics, type AnalyticsHealth, startAnalytics } from './clickhouse/analytics.ts'
export type {
  Answer,
  DatabaseOptions,
  EmbeddedDatabase,
  ReadLimits,
  RemoteDatabase,
} from './clickhouse/connect.ts'
export type { TopicNames } from './clickhouse/feeds.ts'
export type {
  AnalyticsLog,
  AnalyticsSettings,
  CrashPoint,
  LoadStatus,
} from './clickhouse/protocol.ts'
export {
  type LabelsOf,
  METRICS,
  type MetricDeclaration,
  type MetricName,
} from './metrics/declarations.ts'
export { createMetrics, type Metrics, type MetricsOptions } from './metrics/metrics.ts'
export { metricsReference } from './metrics/reference.ts'
export type { MetricsSnapshot, PathSnapshot, TaskSnapshot } from './metrics/snapshot.ts'
export { type Decision, DecisionSchema } from './topics/decision.ts'
export { topicsReference } from './topics/reference.ts'
export {
  type Activity,
  ActivitySchema,
  type IdentityChange,
  type OutboxMessage,
  type SessionRow,
  type Snapshot,
  type TriggerRow,
} from './topics/rows.ts'
export { SINK_TOPICS, type SinkTopic } from './topics/topics.ts'
