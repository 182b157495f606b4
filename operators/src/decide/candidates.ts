/**
 * The candidates that answer a trigger, each with what it is expected to be worth:
 *
 *   worth = effect * value - channel cost - incentive cost - goodwill (ARB-2)
 *
 * The effect is the model's for the action's arm; where no arm is named, no model is active or the
 * customer is unlike those it learned from, the channel's prior for the trigger with the spread of
 * Beta(w p, w (1 - p)) (CHN-1), and `arm` is null. A score that is not a number is no score.
 */
import type { Candidate, Channel, Trigger } from '../contract.ts'
import type { CampaignAction, CampaignSpec } from '../definitions/campaign.ts'
import type { Plan } from '../definitions/plan.ts'
import type { Effect, ModelScores } from './model.ts'

export interface ScoredCandidate extends Candidate {
  readonly topic: string
  /** Margin of one outcome, and what a send costs whatever comes of it. */
  readonly value: number
  readonly cost: number
}

export interface Scoring {
  readonly plan: Plan
  readonly scores: ModelScores | null
  /** Messages within the fatigue window: each makes the next one cost more goodwill. */
  readonly sentLately: number
}

export function candidatesFor(trigger: Trigger, scoring: Scoring): readonly ScoredCandidate[] {
  const campaigns = scoring.plan.campaigns.get(trigger.definition) ?? []
  return campaigns.flatMap(({ id, spec }) =>
    spec.actions.map((action) => candidate(trigger, { id, spec }, action, scoring)),
  )
}

function candidate(
  trigger: Trigger,
  campaign: { readonly id: string; readonly spec: CampaignSpec },
  action: CampaignAction,
  scoring: Scoring,
): ScoredCandidate {
  const learned = learnedEffect(action, scoring.scores)
  const { effect, sd } = learned ?? priorEffect(trigger, action.channel, scoring.plan)
  const { channels, shop } = scoring.plan.set
  const value = action.value ?? campaign.spec.value
  const cost =
    (channels[action.channel]?.cost ?? 0) +
    action.incentive_cost +
    shop.fatigue_cost * scoring.sentLately
  return {
    campaign: campaign.id,
    trigger,
    channel: action.channel,
    intervention: action.intervention,
    template: action.template,
    arm: learned === undefined ? null : (action.arm ?? null),
    effect,
    effectSd: sd,
    priority: action.priority,
    worth: effect * value - cost,
    topic: campaign.spec.topic,
    value,
    cost,
  }
}

function learnedEffect(action: CampaignAction, scores: ModelScores | null): Effect | undefined {
  if (action.arm === undefined || scores === null || !scores.applicable) return undefined
  const effect = scores.effects.get(action.arm)
  if (effect === undefined) return undefined
  return Number.isFinite(effect.effect) && Number.isFinite(effect.sd) ? effect : undefined
}

function priorEffect(trigger: Trigger, channel: Channel, plan: Plan): Effect {
  const spec = plan.set.channels[channel]
  if (spec === undefined) return { effect: 0, sd: 0 }
  const p = spec.priors[trigger.kind] ?? spec.priors.default
  return { effect: p, sd: Math.sqrt((p * (1 - p)) / (spec.prior_weight + 1)) }
}

/** What tells candidates apart and breaks the last tie. */
export const candidateId = (c: Candidate): string =>
  `${c.campaign}/${c.channel}/${c.template}/${c.trigger.definition}/${c.trigger.cause}`

/** The candidate as a decision shows it. */
export function shown(candidate: ScoredCandidate): Candidate {
  const { topic: _topic, value: _value, cost: _cost, ...rest } = candidate
  return rest
}
