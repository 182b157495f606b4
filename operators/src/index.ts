/** What the other layers may use of the operators. */
export type {
  CallType,
  Candidate,
  Channel,
  CustomerEvent,
  Decision,
  DecisionOutcome,
  EventRecord,
  Forward,
  InboxRecord,
  Intervention,
  Json,
  JsonObject,
  LifecycleStage,
  OutboxMessage,
  Trigger,
  TriggerKind,
  Verdict,
} from './contract.ts'
export { createDecide } from './decide/decide.ts'
export { activeModel, type ModelActivated } from './decide/model.ts'
export { type TouchInput, touches } from './decide/touches.ts'
export { type DefinitionsActivated, definitions } from './definitions/broadcast.ts'
export { lifecycleOf } from './definitions/plan.ts'
export { type ReadResult, readDefinitions } from './definitions/read.ts'
export { definitionReference } from './definitions/reference.ts'
export type { DefinitionSet } from './definitions/set.ts'
export { CALL_SCHEMAS } from './ingest/call-schema.ts'
export { createDedupe, type DuplicateRow } from './ingest/dedupe.ts'
export { type IdentityRow, type IdentityState, identity } from './ingest/identity.ts'
export { type OrderMeaning, orderMeaning } from './ingest/order-meaning.ts'
export { REJECTIONS, type Rejection } from './ingest/reasons.ts'
export { anonymousKey, routingKey, userKey } from './ingest/routing.ts'
export { HTTP_MAX_BYTES, parseEvent } from './ingest/validate.ts'
export { createContribute } from './profile/contribute.ts'
export { contributionChangeCodec } from './profile/contribution-codec.ts'
export { cutPointsOperator } from './profile/cut-points-operator.ts'
export {
  type CutPoints,
  type CutPointsInForce,
  cutPoints,
  cutPointsAt,
} from './profile/cutpoints.ts'
export {
  createProfile,
  profile,
  type SessionRow,
  type SnapshotCause,
  type SnapshotRow,
} from './profile/profile.ts'
export type { ProfileState } from './profile/state.ts'
export { profileView } from './profile/view.ts'
export { type ProfileView, ProfileViewSchema } from './profile/view-schema.ts'
export { createTriggers } from './triggers/triggers.ts'
