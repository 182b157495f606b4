/**
 * The lifecycle stage changed (LIF-2). By time alone: a boundary is crossed exactly at anchor + limit
 * and not a millisecond before. By a record: the stage at the record's event time differs before and
 * after it. Cause `stage:<from>><to>@<instant>`. A late record that shows a crossing to have been wrong
 * changes the anchor silently; it neither undoes the trigger nor fires it again (TG1).
 */
import { days, type Millis } from '#engine'
import type { LifecycleStage } from '../contract.ts'
import { type LifecycleFacts, stageOf } from '../profile/lifecycle.ts'
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

const reaches = ({ plan: { spec } }: Watch, to: LifecycleStage): boolean =>
  spec.on === 'stage_change' && spec.to.includes(to)

const wanted = (watch: Watch, from: LifecycleStage, to: LifecycleStage): boolean => {
  const { spec } = watch.plan
  if (spec.on !== 'stage_change' || from === to || !reaches(watch, to)) return false
  return spec.from.length === 0 || spec.from.includes(from)
}

/** The first of the boundaries that time alone carries the customer over. */
function pending(state: TriggerState, watch: Watch): Pending | null {
  const start = startOf(state)
  if (start === NEVER) return null
  const { lifecycle } = watch
  const life = lifeOf(state)
  const heard = heardOf(state)
  let first: Pending | null = null
  const look = (to: LifecycleStage, anchor: Millis, due: Millis): void => {
    if (!reaches(watch, to) || (first !== null && first.due <= due)) return
    const from = stageOf(life, due - 1, lifecycle)
    if (stageOf(life, due, lifecycle) !== to || !wanted(watch, from, to)) return
    const mark = `${watch.plan.id}|${to}`
    if (anchor <= firedUpTo(state, mark)) return
    first = {
      due,
      mark,
      cause: () => `stage:${from}>${to}@${due}`,
      facts: () => ({ from, to, days_away: Math.floor((due - heard) / days(1)) }),
    }
  }
  look('active', start, start + lifecycle.newFor)
  look('at_risk', heard, heard + lifecycle.atRiskAfter)
  look('churned', heard, heard + lifecycle.churnedAfter)
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
