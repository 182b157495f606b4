/**
 * The lifecycle stage changed (LIF-2). By time alone: a boundary is crossed exactly at anchor + limit
 * and not a millisecond before. By a record: the stage at the record's event time differs before and
 * after it. Cause `stage:<from>><to>@<instant>`. A late record that shows a crossing to have been wrong
 * changes the anchor silently; it neither undoes the trigger nor fires it again (TG1).
 */
import { assert, days, type Millis } from '#engine'
import type { LifecycleStage } from '../contract.ts'
import { type LifecycleFacts, stageOf } from '../profile/lifecycle.ts'
import { nothingCaused, type TriggerRule, type Watch } from './rule.ts'
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

interface Boundary {
  readonly from: LifecycleStage
  readonly to: LifecycleStage
  readonly mark: string
  readonly due: Millis
}

/** The crossing into `to` at anchor + limit; null where it is not watched for, or was made. */
function boundary(
  state: TriggerState,
  watch: Watch,
  to: LifecycleStage,
  at: { readonly anchor: Millis; readonly limit: Millis },
): Boundary | null {
  if (!reaches(watch, to)) return null
  const { anchor, limit } = at
  const mark = `${watch.plan.id}|${to}`
  if (anchor <= firedUpTo(state.fired, mark)) return null
  const due = anchor + limit
  const life = lifeOf(state)
  const from = stageOf(life, due - 1, watch.lifecycle)
  if (stageOf(life, due, watch.lifecycle) !== to || !wanted(watch, from, to)) return null
  return { from, to, mark, due }
}

/** The first of the boundaries that time alone carries the customer over. */
function nextBoundary(state: TriggerState, watch: Watch): Boundary | null {
  const start = startOf(state)
  if (start === NEVER) return null
  const { newFor, atRiskAfter, churnedAfter } = watch.lifecycle
  const heard = heardOf(state)
  return nearer(
    boundary(state, watch, 'active', { anchor: start, limit: newFor }),
    nearer(
      boundary(state, watch, 'at_risk', { anchor: heard, limit: atRiskAfter }),
      boundary(state, watch, 'churned', { anchor: heard, limit: churnedAfter }),
    ),
  )
}

/** Of two at one instant the first. */
const nearer = (a: Boundary | null, b: Boundary | null): Boundary | null =>
  a === null || (b !== null && b.due < a.due) ? b : a

export const stageChange: TriggerRule = {
  kind: 'stage_change',
  due: (state, watch) => nextBoundary(state, watch)?.due ?? null,
  elapsed(state, watch, due) {
    const next = nextBoundary(state, watch)
    assert(next?.due === due, 'the boundary is the one that is due')
    const { from, to, mark } = next
    const days_away = Math.floor((due - heardOf(state)) / days(1))
    return { mark, cause: `stage:${from}>${to}@${due}`, facts: { from, to, days_away } }
  },
  caused(before, after, at, watch) {
    if (startOf(before) === NEVER) return nothingCaused()
    const from = stageOf(lifeOf(before), at, watch.lifecycle)
    const to = stageOf(lifeOf(after), at, watch.lifecycle)
    if (!wanted(watch, from, to)) return nothingCaused()
    return [{ at, cause: `stage:${from}>${to}@${at}`, facts: { from, to } }]
  },
  // The stage is asked for at the trigger's own instant or later, whichever the state has reached.
  stands(state, trigger, limits) {
    const at = Math.max(trigger.at, heardOf(state))
    return stageOf(lifeOf(state), at, limits) === trigger.facts['to']
  },
}
