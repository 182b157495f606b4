/**
 * The lifecycle stage changed (LIF-2). By time alone: a boundary is crossed exactly at anchor + limit
 * and not a millisecond before. By a record: the stage at the record's event time differs before and
 * after it. Cause `stage:<from>><to>@<instant>`. A late record that shows a crossing to have been wrong
 * changes the anchor silently; it neither undoes the trigger nor fires it again (T1).
 */
import { days, type Millis } from '#engine'
import type { LifecycleStage } from '../contract.ts'
import type { LifecyclePlan } from '../definitions/plan.ts'
import type { Pending, TriggerRule, Watch } from './rule.ts'
import { NEVER } from './signals.ts'
import { firedUpTo, type TriggerState } from './state.ts'

/** The last sign of life; a customer who only signed up counts from there. */
const heardOf = (state: TriggerState): Millis => Math.max(state.activeAt, state.since)

/** LIF-2, first match. Churn risk joins when a model serves it; until then inactivity alone decides. */
export function stageOf(state: TriggerState, at: Millis, limits: LifecyclePlan): LifecycleStage {
  const inactive = at - heardOf(state)
  if (inactive >= limits.churnedAfter) return 'churned'
  if (inactive >= limits.atRiskAfter) return 'at_risk'
  if (at - state.since < limits.newFor && state.orders.count === 0) return 'new'
  return 'active'
}

interface Crossing {
  readonly to: LifecycleStage
  readonly anchor: Millis
  readonly due: Millis
}

/** Every boundary that time alone carries the customer over, later ones included. */
function crossings(state: TriggerState, limits: LifecyclePlan): Crossing[] {
  const anchor = heardOf(state)
  return [
    { to: 'active', anchor: state.since, due: state.since + limits.newFor },
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
  if (state.since === NEVER) return null
  let first: Pending | null = null
  for (const { to, anchor, due } of crossings(state, watch.lifecycle)) {
    const mark = `${watch.plan.id}|${to}`
    const from = stageOf(state, due - 1, watch.lifecycle)
    const crossed = stageOf(state, due, watch.lifecycle) === to && wanted(watch, from, to)
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
    if (before.since === NEVER) return []
    const from = stageOf(before, at, watch.lifecycle)
    const to = stageOf(after, at, watch.lifecycle)
    if (!wanted(watch, from, to)) return []
    return [{ at, cause: `stage:${from}>${to}@${at}`, facts: { from, to } }]
  },
  // The stage is asked for at the trigger's own instant or later, whichever the state has reached.
  stands(state, trigger, limits) {
    const at = Math.max(trigger.at, heardOf(state))
    return stageOf(state, at, limits) === trigger.facts['to']
  },
}
