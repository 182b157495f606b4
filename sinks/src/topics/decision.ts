/** The topic `decisions`: one record per decision (AUD-1), each linked to the one before it (AUD-2). */
import Type from 'typebox'
import {
  CHANNELS,
  CustomerId,
  type DeepReadonly,
  type Facts,
  FactsSchema,
  INTERVENTIONS,
  Nullable,
  oneOf,
  Text,
  Time,
  TRIGGER_KINDS,
} from './parts.ts'

export const TriggerSchema = Type.Object(
  {
    kind: oneOf(TRIGGER_KINDS, 'What kind of thing happened.'),
    definition: Text('The trigger definition that asked for it.'),
    cause: Text('Names the cause: two triggers with one cause are one trigger (TRG-2).'),
    at: Time('When it happened'),
    facts: FactsSchema('Facts of the trigger: cart value, days inactive, stage from and to, ...'),
  },
  { description: 'What happened to the customer.' },
)

const CandidateSchema = Type.Object(
  {
    campaign: Text('The campaign that proposes.'),
    trigger: TriggerSchema,
    channel: oneOf(CHANNELS, 'The channel proposed.'),
    intervention: oneOf(INTERVENTIONS, 'The kind of persuasion.'),
    template: Text('The content template.'),
    arm: Nullable(Text('The model arm whose effect is the score; null: no model scored.')),
    effect: Type.Number({ description: 'Expected effect, in probability.' }),
    effectSd: Type.Number({ description: 'Its standard deviation.' }),
    priority: Type.Number({ description: 'Settles ties; higher wins.' }),
    worth: Type.Number({
      description: 'Expected margin less all costs (shop currency); "nothing" is worth 0 (ARB-2).',
    }),
  },
  { description: 'A proposal to act.' },
)

interface Asked {
  readonly guardrail: string
  readonly rule: string
  readonly evidence: Facts
}

/** What follows from an outcome is in the type; the schema, which is also a page, has one list of fields. */
type Verdict =
  | (Asked & { readonly outcome: 'pass' })
  | (Asked & { readonly outcome: 'block'; readonly reason: string })
  | (Asked & { readonly outcome: 'defer'; readonly reason: string; readonly until: number })

const VerdictFields = Type.Object(
  {
    guardrail: Text('The guardrail asked.'),
    rule: Text("The requirement's rule id."),
    evidence: FactsSchema('What the verdict rests on.'),
    outcome: oneOf(['pass', 'block', 'defer'], 'What it said.'),
    reason: Type.Optional(Text('Stable reason code; absent where it passed.')),
    until: Type.Optional(Time('Not before; where it deferred')),
  },
  { description: "One guardrail's answer; all are kept, not only the first failure (GRD-1)." },
)
const VerdictSchema = Type.Unsafe<Verdict>(VerdictFields)

export const DecisionSchema = Type.Object(
  {
    decision_id: Text(
      'hash(key, cause, definition and version, ordinal): the same on every replay.',
    ),
    timestamp: Time('Task time of the decision'),
    customer_id: CustomerId,
    agent: Text('The agent that proposed what was decided on.'),
    action: oneOf(['send', 'defer', 'block', 'nothing'], 'The answer.'),
    reason: Text('Stable reason code.'),
    trigger: TriggerSchema,
    chosen: Nullable(CandidateSchema),
    rejected: Type.Array(
      Type.Object({ candidate: CandidateSchema, reason: Text('Why it lost.') }),
      {
        description: 'The other candidates.',
      },
    ),
    guardrail_checks: Type.Array(VerdictSchema, {
      description: 'Every verdict on the chosen one.',
    }),
    confidence_score: Nullable(Type.Number({ description: 'P(effect > 0); null: not scored.' })),
    human_override: Type.Null({ description: 'Overrides are records of their own (AUD-3).' }),
    override_reason: Type.Null({ description: 'See human_override.' }),
    execution_status: oneOf(['handed_to_outbox', 'waiting', 'none'], 'What became of it so far.'),
    parameters: FactsSchema('What was done: campaign, channel, template; empty where nothing was.'),
    propensity: Type.Number({
      description: 'Probability with which this action was chosen; 1 without exploration.',
    }),
    result_metrics: Type.Null({ description: 'Results are records that point back (AUD-3).' }),
    deferred_until: Nullable(Time('When it is looked at again')),
    continues: Nullable(Text('The decision that this one continues (a deferral that came due).')),
    versions: Type.Object(
      {
        definitions: Text('Definition set.'),
        model: Text('Model artefact.'),
        cut_points: Text('Cut points of the shop.'),
      },
      { description: 'Versions of everything the decision rests on.' },
    ),
    inputs: FactsSchema('The feature values used.'),
  },
  { description: "The engine's answer to a trigger." },
)

export type Decision = DeepReadonly<Type.Static<typeof DecisionSchema>>
