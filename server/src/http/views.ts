/**
 * What the API shows, declared once: types, the OpenAPI document and the tests that hold answers to
 * it come from here. Field names are snake_case, as in the sink topics; times are ms since 1970 (UTC)
 * unless their name says otherwise. Objects that grow with the product (a decision, a profile) are
 * open: a reader must ignore fields it does not know.
 */
import Type from 'typebox'

/** What a schema describes, for reading only: a view is handed on and never changed. */
type Seen<T extends Type.TSchema> = Frozen<Type.Static<T>>
type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T

const Millis = (description: string) => Type.Integer({ description })
const Fields = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description })
const Count = (description: string) => Type.Integer({ minimum: 0, description })

export const Health = Type.Object({
  live: Type.Boolean({ description: 'The process works; false asks for a restart.' }),
  ready: Type.Boolean({ description: 'Decisions are being made from complete, current state.' }),
  reasons: Type.Array(Type.String(), { description: 'Why it is not ready (or not live).' }),
})
export type Health = Seen<typeof Health>

const Trigger = Type.Object({
  kind: Type.String(),
  definition: Type.String(),
  cause: Type.String({ description: 'Two triggers of one cause are one trigger.' }),
  at: Millis('When it happened, event time.'),
  facts: Fields('Cart value, days inactive and the like.'),
})

const Candidate = Type.Object({
  campaign: Type.String(),
  channel: Type.String(),
  intervention: Type.String(),
  template: Type.String(),
  effect: Type.Number({ description: 'Expected effect, in probability.' }),
})

const Verdict = Type.Object({
  guardrail: Type.String(),
  rule: Type.String({ description: 'The rule of the requirements it enforces.' }),
  outcome: Type.Union([Type.Literal('pass'), Type.Literal('block'), Type.Literal('defer')]),
  reason: Type.Optional(Type.String()),
  until: Type.Optional(Millis('A deferral ends here.')),
  evidence: Fields('What the verdict rests on.'),
})

export const Decision = Type.Object(
  {
    decision_id: Type.String(),
    timestamp: Millis('When it was decided, event time.'),
    customer_id: Type.String(),
    agent: Type.String(),
    action: Type.Union(
      [Type.Literal('send'), Type.Literal('defer'), Type.Literal('block'), Type.Literal('nothing')],
      { description: 'The outcome.' },
    ),
    reason: Type.String(),
    trigger: Trigger,
    chosen: Type.Union([Candidate, Type.Null()]),
    rejected: Type.Array(Type.Object({ candidate: Candidate, reason: Type.String() })),
    guardrail_checks: Type.Array(Verdict),
    confidence_score: Type.Union([Type.Number(), Type.Null()]),
    execution_status: Type.String(),
    deferred_until: Type.Union([Type.Integer(), Type.Null()]),
    continues: Type.Union([Type.String(), Type.Null()]),
    versions: Fields('Definitions, model and cut points it rests on.'),
    inputs: Fields('Feature values it rests on.'),
  },
  { additionalProperties: true },
)
export type Decision = Seen<typeof Decision>

export const DecisionSummary = Type.Object({
  decision_id: Type.String(),
  timestamp: Millis('When it was decided, event time.'),
  customer_id: Type.String(),
  action: Decision.properties.action,
  reason: Type.String(),
  trigger: Type.String({ description: 'The kind of trigger.' }),
  campaign: Type.Union([Type.String(), Type.Null()]),
  channel: Type.Union([Type.String(), Type.Null()]),
})
export type DecisionSummary = Seen<typeof DecisionSummary>

export const summarise = (decision: Decision): DecisionSummary => ({
  decision_id: decision.decision_id,
  timestamp: decision.timestamp,
  customer_id: decision.customer_id,
  action: decision.action,
  reason: decision.reason,
  trigger: decision.trigger.kind,
  campaign: decision.chosen?.campaign ?? null,
  channel: decision.chosen?.channel ?? null,
})

export const Why = Type.Object({
  decision: Decision,
  lines: Type.Array(Type.String(), {
    description: 'The decision in sentences, from its record alone.',
  }),
  audit: Type.Union([
    Type.Object({ chain: Type.String(), seq: Type.Integer(), hash: Type.String() }),
    Type.Null(),
  ]),
})
export type Why = Seen<typeof Why>

export const Profile = Type.Object({
  customer_id: Type.String({ description: 'The id asked for.' }),
  canonical_id: Type.String({
    description: 'The id that keeps the state: another one after a merge.',
  }),
  epoch: Count('The epoch of the task that the answer reflects.'),
  profile: Fields('Every field that the profile has by now.'),
})
export type Profile = Seen<typeof Profile>

const Node = Type.Object({
  id: Type.String(),
  kind: Type.String(),
  state: Type.Optional(Type.Integer({ description: 'Version of its state.' })),
  topic: Type.Optional(Type.String()),
  feeds: Type.Array(Type.Object({ output: Type.String(), to: Type.String() })),
})

export const Topology = Type.Object({
  id: Type.String(),
  stages: Type.Array(
    Type.Object({
      id: Type.String(),
      topic: Type.String(),
      partitions: Type.Integer(),
      waitsFor: Type.Array(Type.String()),
      changelog: Type.Union([Type.String(), Type.Null()]),
      nodes: Type.Array(Node),
    }),
  ),
})
export type Topology = Seen<typeof Topology>

export const Rates = Type.Object({
  at: Millis('When it was measured, wall time.'),
  nodes: Type.Record(
    Type.String(),
    Type.Object({
      records_per_second: Type.Number({ minimum: 0 }),
      records_total: Count('Since the process started.'),
    }),
    { description: 'By `stage/node` of the topology; by node id where one stage has it.' },
  ),
  totals: Type.Object(
    {
      read: Count('Records read: accepted + duplicates + rejected.'),
      accepted: Count('Taken into the stream.'),
      duplicates: Count('Seen before.'),
      rejected: Count('Kept as dead letters.'),
      decisions: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
        description: 'Decisions by outcome.',
      }),
    },
    { description: 'Since the data directory was made.' },
  ),
})
export type Rates = Seen<typeof Rates>

export const Snapshot = Type.Object({
  health: Health,
  rates: Rates,
  decisions: Type.Array(DecisionSummary),
})
export type Snapshot = Seen<typeof Snapshot>

export const Member = Type.Object({
  instance: Type.String(),
  url: Type.String({ description: 'Where it is asked.' }),
  version: Type.String(),
  at: Millis('When it said so.'),
  duties: Type.Boolean({ description: 'It seals the audit, writes the outbox, loads analytics.' }),
  tasks: Type.Record(Type.String(), Type.Integer(), {
    description: 'The tasks it keeps, each with its epoch when that was said.',
  }),
})
export type Member = Seen<typeof Member>

export const QueryResult = Type.Object({
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
  rows: Type.Array(Type.Array(Type.Unknown())),
  truncated: Type.Boolean({ description: 'There were more rows than max_rows.' }),
  elapsed_ms: Type.Number(),
})
export type QueryResult = Seen<typeof QueryResult>

export const DeadLetter = Type.Object({
  id: Type.String({ description: 'Names it for a redrive.' }),
  code: Type.String(),
  detail: Type.String({ description: 'The field at fault; never a value.' }),
  at: Millis('When it was refused.'),
  source: Type.Object({
    topic: Type.String(),
    partition: Type.Integer(),
    offset: Type.Integer(),
  }),
  size: Count('Bytes of the original record.'),
  bytes_base64: Type.String({ description: 'The original bytes; they may be personal data.' }),
})
export type DeadLetter = Seen<typeof DeadLetter>

export const DeadLetterPage = Type.Object({
  dead_letters: Type.Array(DeadLetter),
  next_cursor: Type.Union([Type.String(), Type.Null()]),
})
export type DeadLetterPage = Seen<typeof DeadLetterPage>

export const RedriveResult = Type.Object({
  redriven: Count('Sent through the router again.'),
  unknown: Type.Array(Type.String(), { description: 'Ids that are none of a dead letter.' }),
})
export type RedriveResult = Seen<typeof RedriveResult>

export const DefinitionProblem = Type.Object({
  file: Type.String(),
  line: Type.Integer(),
  path: Type.String(),
  reason: Type.String(),
})
export type DefinitionProblem = Seen<typeof DefinitionProblem>

export const Applied = Type.Object({
  version: Type.String({ description: 'Names the set; decisions refer to it.' }),
  changed: Type.Boolean({ description: 'False where this set was in force already.' }),
})
export type Applied = Seen<typeof Applied>

export const Savepoint = Type.Object({
  id: Type.String(),
  path: Type.String({ description: 'Where it lies on the server.' }),
  at: Millis('When it was taken.'),
})
export type Savepoint = Seen<typeof Savepoint>
