/**
 * The operator `triggers`: keeps what the kinds of trigger need, and fires each cause once.
 *
 * State: TriggerState (TG1-TG3). One timer, `next`, armed no later than the earliest pending cause of
 * any definition. It is moved only to an earlier time; a timer that finds its cause gone arms the
 * next one, so a busy customer does not rewrite it with every event, and a changed definition takes
 * hold at the next record or timer of the customer.
 *
 * Causes that time brings about fire in the order (due, definition), those of one record in the order
 * of the definitions. In history mode all of this happens as well: the causes are spent, and `decide`
 * ignores what is emitted then.
 */
import { assert, type Context, type Millis, operator, output } from '#engine'
import type { CustomerEvent, Trigger, TriggerKind } from '../contract.ts'
import { definitions } from '../definitions/broadcast.ts'
import { createPlanner, type Plan, type TriggerPlan } from '../definitions/plan.ts'
import { abandonedCart } from './abandoned-cart.ts'
import { browseAbandonment } from './browse-abandonment.ts'
import { dormancy } from './dormancy.ts'
import { inactivity } from './inactivity.ts'
import { purchaseMilestone } from './purchase-milestone.ts'
import type { TriggerRule, Watch } from './rule.ts'
import { signalOf } from './signals.ts'
import { stageChange } from './stage-change.ts'
import { mergeTriggerStates, stateAfter, TRIGGERS, type TriggerState, withFired } from './state.ts'

export interface TriggerInput {
  readonly event: CustomerEvent
}

const outputs = { trigger: output<Trigger>() }
type Cx = Context<TriggerState, typeof outputs>

export const RULES: Readonly<Record<TriggerKind, TriggerRule>> = {
  abandoned_cart: abandonedCart,
  browse_abandonment: browseAbandonment,
  inactivity,
  dormancy,
  stage_change: stageChange,
  purchase_milestone: purchaseMilestone,
}

const ruleOf = (watch: Watch): TriggerRule => RULES[watch.plan.spec.on]

/** Each firing spends a cause; a customer has at most a few for each definition at one instant. */
const MAX_FIRINGS = 10_000

export function createTriggers() {
  const planOf = createPlanner()
  const known = new WeakMap<Plan, readonly Watch[]>()
  /** What is watched for by the definitions in force, made once for as long as they are. */
  const watches = (cx: Cx): readonly Watch[] => {
    const plan = planOf(cx.shared(definitions))
    const made = known.get(plan)
    if (made !== undefined) return made
    const { lifecycle } = plan
    const fresh = plan.triggers.map((trigger) => ({ plan: trigger, lifecycle }))
    known.set(plan, fresh)
    return fresh
  }
  return operator({
    ...TRIGGERS,
    outputs,
    broadcasts: [definitions],
    merge: mergeTriggerStates,
    onRecord(input: TriggerInput, cx: Cx) {
      const signal = signalOf(input.event)
      const before = cx.get()
      const after = stateAfter(before, signal)
      cx.set(after)
      const watched = watches(cx)
      for (const watch of watched)
        for (const caused of ruleOf(watch).caused(before, after, signal.at, watch))
          emit(cx, watch.plan, caused)
      settle(cx, watched)
    },
    onTimer(_name, cx) {
      settle(cx, watches(cx))
    },
    onMerged(_from, cx) {
      settle(cx, watches(cx))
    },
  })
}

const emit = (cx: Cx, trigger: TriggerPlan, what: Pick<Trigger, 'at' | 'cause' | 'facts'>): void =>
  cx.emit('trigger', {
    kind: trigger.spec.on,
    definition: trigger.id,
    cause: what.cause,
    at: what.at,
    facts: what.facts,
  })

/** Fires what is due and sees to it that the next cause finds a timer. */
function settle(cx: Cx, watched: readonly Watch[]): void {
  let state = cx.get()
  for (let firings = 0; ; firings++) {
    assert(firings < MAX_FIRINGS, 'the causes of one customer do not come to an end')
    let due = Number.POSITIVE_INFINITY
    let first: Watch | undefined
    for (const watch of watched) {
      const at = ruleOf(watch).due(state, watch)
      if (at === null || at >= due) continue
      due = at
      first = watch
    }
    if (first === undefined) return
    if (due > cx.now) return armBy(cx, due)
    const { mark, cause, facts } = ruleOf(first).elapsed(state, first, due)
    emit(cx, first.plan, { at: due, cause, facts })
    state = withFired(state, mark, due)
    cx.set(state)
  }
}

function armBy(cx: Cx, due: Millis): void {
  const armed = cx.timerDue('next')
  if (armed === undefined || armed > due) cx.setTimer('next', due)
}
