/** A set made ready to work by: durations in milliseconds, campaigns by trigger, in a fixed order. */
import type { Millis } from '#engine'
import type { LifecycleThresholds } from '../profile/lifecycle.ts'
import type { CampaignSpec } from './campaign.ts'
import { millis } from './parts.ts'
import type { DefinitionSet } from './set.ts'
import type { TriggerSpec } from './trigger.ts'

export interface TriggerPlan {
  readonly id: string
  readonly spec: TriggerSpec
  /** The delay of the kinds that wait (`idle` or `after`); 0 for those that do not. */
  readonly delay: Millis
  readonly maxAge: Millis
}

export interface CapsPlan {
  readonly window: Millis
  readonly overall: number
  readonly perChannel: Readonly<Record<string, number>>
  readonly minimumGap: Millis
  readonly digestWindow: Millis
  readonly digestMessages: number
  readonly fatigueWindow: Millis
  readonly fatigueMessages: number
  readonly fatigueUnopened: number
  readonly fatigueSettle: Millis
}

export interface CampaignPlan {
  readonly id: string
  readonly spec: CampaignSpec
}

export interface Plan {
  readonly set: DefinitionSet
  /** By id, so that triggers of one instant fire in an order that no file layout decides. */
  readonly triggers: readonly TriggerPlan[]
  readonly triggerById: ReadonlyMap<string, TriggerPlan>
  readonly campaigns: ReadonlyMap<string, readonly CampaignPlan[]>
  /** Boundaries of LIF-2. */
  readonly lifecycle: LifecycleThresholds
  readonly caps: CapsPlan
  /** How far ahead an instant outside quiet hours is looked for. */
  readonly quietHorizon: Millis
}

const byId = <T>(record: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))

function triggerPlan(id: string, spec: TriggerSpec): TriggerPlan {
  const delay = 'idle' in spec ? millis(spec.idle) : 'after' in spec ? millis(spec.after) : 0
  return { id, spec, delay, maxAge: millis(spec.max_age) }
}

function capsPlan(set: DefinitionSet): CapsPlan {
  const { caps } = set
  return {
    window: millis(caps.window),
    overall: caps.overall,
    perChannel: caps.per_channel,
    minimumGap: millis(caps.minimum_gap),
    digestWindow: millis(caps.digest.window),
    digestMessages: caps.digest.messages,
    fatigueWindow: millis(caps.fatigue.window),
    fatigueMessages: caps.fatigue.messages,
    fatigueUnopened: caps.fatigue.unopened,
    fatigueSettle: millis(caps.fatigue.settle),
  }
}

/** The boundaries of a set, for whoever needs nothing else of it. */
export const lifecycleOf = (set: Pick<DefinitionSet, 'lifecycle'>): LifecycleThresholds => ({
  newFor: millis(set.lifecycle.new_for),
  atRiskAfter: millis(set.lifecycle.at_risk_after),
  churnedAfter: millis(set.lifecycle.churned_after),
  risk: set.lifecycle.risk_threshold,
})

function planOf(set: DefinitionSet): Plan {
  const triggers = byId(set.triggers).map(([id, spec]) => triggerPlan(id, spec))
  const campaigns = new Map<string, CampaignPlan[]>()
  for (const [id, spec] of byId(set.campaigns))
    for (const trigger of spec.triggers)
      campaigns.set(trigger, [...(campaigns.get(trigger) ?? []), { id, spec }])
  return {
    set,
    triggers,
    triggerById: new Map(triggers.map((trigger) => [trigger.id, trigger])),
    campaigns,
    lifecycle: lifecycleOf(set),
    caps: capsPlan(set),
    quietHorizon: millis(set.quietHours.horizon),
  }
}

/** A function that makes the plan of a set once for as long as the same set is in force. */
export function createPlanner(): (set: DefinitionSet) => Plan {
  const plans = new WeakMap<DefinitionSet, Plan>()
  return (set) => {
    const known = plans.get(set)
    if (known !== undefined) return known
    const plan = planOf(set)
    plans.set(set, plan)
    return plan
  }
}
