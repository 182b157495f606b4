/** The decision record (AUD-1): made in one place, so that every one carries everything. */
import { createHash } from 'node:crypto'
import type { Millis } from '#engine'
import type { Decision, DecisionOutcome, JsonObject, Trigger, Verdict } from '../contract.ts'
import type { Lost } from './arbitrate.ts'
import { type ScoredCandidate, shown } from './candidates.ts'
import { confidenceOf } from './confidence.ts'

/** What all decisions of one instant share. */
export interface Basis {
  readonly customer: string
  readonly now: Millis
  readonly definitions: string
  readonly model: string
  readonly cutPoints: string
  readonly inputs: JsonObject
}

export interface Made {
  readonly action: DecisionOutcome
  readonly reason: string
  readonly trigger: Trigger
  readonly ordinal: number
  readonly continues: string | null
  readonly chosen?: ScoredCandidate | null
  readonly lost?: readonly Lost[]
  readonly verdicts?: readonly Verdict[]
  readonly deferredUntil?: Millis
}

/** The agent of the requirements that acts here; others come with their own pipelines. */
const AGENT = 'campaign-orchestration'

/**
 * The same on every replay: a hash of customer, trigger definition, cause, definition set and ordinal.
 * 128 bits, so that two decisions never share one.
 */
export const decisionId = (
  basis: Pick<Basis, 'customer' | 'definitions'>,
  trigger: Pick<Trigger, 'definition' | 'cause'>,
  ordinal: number,
): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        basis.customer,
        trigger.definition,
        trigger.cause,
        basis.definitions,
        ordinal,
      ]),
    )
    .digest('hex')
    .slice(0, 32)

const STATUS = {
  send: 'handed_to_outbox',
  defer: 'waiting',
  block: 'none',
  nothing: 'none',
} as const satisfies Record<DecisionOutcome, Decision['execution_status']>

export function decision(basis: Basis, made: Made): Decision {
  const chosen = made.chosen ?? null
  return {
    decision_id: decisionId(basis, made.trigger, made.ordinal),
    timestamp: basis.now,
    customer_id: basis.customer,
    agent: AGENT,
    action: made.action,
    reason: made.reason,
    trigger: made.trigger,
    chosen: chosen === null ? null : shown(chosen),
    rejected: (made.lost ?? []).map(({ candidate, reason }) => ({
      candidate: shown(candidate),
      reason,
    })),
    guardrail_checks: made.verdicts ?? [],
    confidence_score: chosen === null ? null : confidenceOf(chosen),
    human_override: null,
    override_reason: null,
    execution_status: STATUS[made.action],
    parameters:
      chosen === null
        ? {}
        : { campaign: chosen.campaign, channel: chosen.channel, template: chosen.template },
    propensity: 1,
    result_metrics: null,
    deferred_until: made.deferredUntil ?? null,
    continues: made.continues,
    versions: {
      definitions: basis.definitions,
      model: basis.model,
      cut_points: basis.cutPoints,
    },
    inputs: basis.inputs,
  }
}
