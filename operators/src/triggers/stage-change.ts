/**
 * The lifecycle stage changed (LIF-2). By time alone: a boundary is crossed exactly at anchor + limit
 * and not a millisecond before. By a record: the stage at the record's event time differs before and
 * after it. Cause `stage:<from>><to>@<instant>`. A late record that shows a crossing to have been wrong
 * changes the anchor silently; it neither undoes the trigger nor fires it again (TG1).
 */
import { days, type Millis } from '#engine'
import type { LifecycleStage } from '../contract.ts'
import { type LifecycleFacts, type LifecycleThresholds, stageOf } from '../profile/lifecycle.ts'
import type { Pending, TriggerRule, Watch } from './rule.ts'
import { NEVER } from './signals.ts'
import { firedUpTo, startOf, type TriggerState } from './state.ts'

/** Churn risk joins when a model serves it; until then inactivity alone decides. */
const lifeOf = (state: TriggerState): LifecycleFacts => ({
  lastActivityAt: state.activeAt || null,
  signedUpAt: startOf(state) || null,
  orders: state.orders.count,
  risk: null,
})

/** The last sign of life; a customer of whom none is known counts from the signup. */
const heardOf = (state: TriggerState): Millis => state.activeAt || startOf(state)

interface Crossing {
  readonly to: LifecycleStage
  readonly anchor: Millis
  readonly due: Millis
}

/** Every boundary that time alone carries the customer over, later ones included. */
function crossings(state: TriggerState, limits: LifecycleThresholds): Crossing[] {
  const anchor = heardOf(state)
  return [
    { to: 'active', anchor: startOf(state), due: startOf(state) + limits.newFor },
    { to: 'at_risk', anchor, due: anchor + limits.atRiskAfter },
    { to: 'churned', anchor, due: anchor + limits.churnedAfter },
  ]
}

const wanted = (watch: Watch, from: LifecycleStage, to: LifecycleStage): boolean => {
  const { spec } = watch.plan
  if (spec.on !== 'stage_change' || from === to) return false
  return spec.to.includes(to) && (spec.from.length === 0 || spec.from.includes(from))
}

function pending(state: TriggerState, watch: Watch): Pending | null {
  if (startOf(state) === NEVER) return null
  let first: Pending | null = null
  for (const { to, anchor, due } of crossings(state, watch.lifecycle)) {
    const mark = `${watch.plan.id}|${to}`
    const from = stageOf(lifeOf(state), due - 1, watch.lifecycle)
    const crossed = stageOf(lifeOf(state), due, watch.lifecycle) === to && wanted(watch, from, to)
    if (!crossed || anchor <= firedUpTo(state, mark) || (first !== null && first.due <= due))
      continue
    first = {
      due,
      mark,
      cause: `stage:${from}>${to}@${due}`,
      facts: () => ({ from, to, days_away: Math.floor((due - heardOf(state)) / days(1)) }),
    }
  }
  return first
}

export const stageChange: TriggerRule = {
  kind: 'stage_change',
  pending,
  caused(before, after, at, watch) {
    if (startOf(before) === NEVER) return []
    const from = stageOf(lifeOf(before), at, watch.lifecycle)
    const to = stageOf(lifeOf(after), at, watch.lifecycle)
    if (!wanted(watch, from, to)) return []
    return [{ at, cause: `stage:${from}>${to}@${at}`, facts: { from, to } }]
  },
  // The stage is asked for at the trigger's own instant or later, whichever the state has reached.
  stands(state, trigger, limits) {
    const at = Math.max(trigger.at, heardOf(state))
    return stageOf(lifeOf(state), at, limits) === trigger.facts['to']
  },
}
