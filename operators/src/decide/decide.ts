/**
 * The operator `decide`: one answer to every live trigger.
 *
 * State: the triggers that await a decision. Timer `decide`, at the first due time of them. A new
 * trigger is due at once, which is after the record or timer that brought it, so that all triggers of
 * one instant are judged together. Everything else is read at that moment: the profile, the triggers'
 * own state (does the cause still hold), the touches, the definitions and the model in force.
 *
 * DE1 A trigger of history is not decided upon (TRG-2). A deferral made live comes due in whatever
 *     mode.
 * DE2 Every live trigger ends in exactly one of send, block, nothing, after any number of defers up
 *     to a limit; each of these is a decision record.
 * DE3 A decision's id is a hash of customer, trigger definition, cause, definition set and ordinal:
 *     none is made twice.
 * DE4 A message leaves only with a send decision, in the same step, and is counted as a touch in
 *     it.
 */
import { type Context, operator, output } from '#engine'
import type { Decision, OutboxMessage, Trigger } from '../contract.ts'
import { definitions } from '../definitions/broadcast.ts'
import { createPlanner, type Plan } from '../definitions/plan.ts'
import { createGuardrails } from '../guardrails/index.ts'
import { cutPoints, cutPointsAt } from '../profile/cutpoints.ts'
import { profile } from '../profile/profile.ts'
import { TRIGGERS, type TriggerState } from '../triggers/state.ts'
import { RULES } from '../triggers/triggers.ts'
import { decision } from './decision.ts'
import { factsOf } from './facts.ts'
import { type Case, judge } from './judge.ts'
import { activeModel, createModelScorer } from './model.ts'
import {
  DECIDE,
  type DecideState,
  firstDue,
  MAX_OPEN,
  type OpenTrigger,
  uniteOpen,
} from './open-triggers.ts'
import { TOUCHES, type TouchInput } from './touches.ts'

const outputs = {
  decision: output<Decision>(),
  outbox: output<OutboxMessage>(),
  touch: output<TouchInput>(),
}
type Cx = Context<DecideState, typeof outputs>

export function createDecide() {
  const planOf = createPlanner()
  const scoresOf = createModelScorer()
  const guardrails = createGuardrails()

  const caseOf = (cx: Cx, due: readonly OpenTrigger[]): Case => {
    const facts = factsOf(cx.read(profile), cx.now)
    const plan = planOf(cx.shared(definitions))
    const artefact = cx.shared(activeModel)
    const scores = artefact === null ? null : scoresOf(artefact, facts, cx.now)
    const watched = cx.read(TRIGGERS)
    return {
      customer: cx.key,
      now: cx.now,
      due,
      facts,
      touches: cx.read(TOUCHES).touches,
      plan,
      cutPoints: cutPointsVersion(cx),
      model: { version: artefact?.version ?? 'none', scores },
      stands: (trigger) => stillStands(watched, trigger, plan),
    }
  }

  return operator({
    ...DECIDE,
    outputs,
    reads: [profile, TRIGGERS, TOUCHES],
    broadcasts: [definitions, activeModel, cutPoints],
    merge: (mine: DecideState, theirs: DecideState): DecideState => ({
      open: uniteOpen(mine.open, theirs.open),
    }),
    onRecord(trigger: Trigger, cx: Cx) {
      if (cx.mode === 'history') return
      const { open } = cx.get()
      if (open.length >= MAX_OPEN) refuse(trigger, cx, planOf(cx.shared(definitions)))
      else wait(cx, uniteOpen(open, [{ trigger, due: cx.now, ordinal: 0, continues: null }]))
    },
    onTimer(_name, cx) {
      const { open } = cx.get()
      const due = open.filter((one) => one.due <= cx.now)
      const later = open.filter((one) => one.due > cx.now)
      if (due.length === 0) return wait(cx, later)
      const judgement = judge(caseOf(cx, due), guardrails)
      for (const made of judgement.decisions) cx.emit('decision', made)
      if (judgement.message !== null) cx.emit('outbox', judgement.message)
      if (judgement.touch !== null) cx.emit('touch', { kind: 'sent', touch: judgement.touch })
      wait(cx, uniteOpen(later, judgement.open))
    },
    onMerged(_from, cx) {
      wait(cx, cx.get().open)
    },
  })
}

/** Of the set that the profile's scores rest on at this instant (C1). */
const cutPointsVersion = (cx: Cx): string =>
  cutPointsAt(cx.shared(cutPoints), cx.now)?.version ?? 'none'

function stillStands(watched: TriggerState, trigger: Trigger, plan: Plan): boolean {
  return RULES[trigger.kind].stands(watched, trigger, plan.lifecycle)
}

/** Keeps what waits, and a timer for the first of it; nothing at all where nothing waits. */
function wait(cx: Cx, open: readonly OpenTrigger[]): void {
  const due = firstDue(open)
  if (due === undefined) return cx.clear()
  cx.set({ open })
  cx.setTimer('decide', due)
}

function refuse(trigger: Trigger, cx: Cx, plan: Plan): void {
  const basis = {
    customer: cx.key,
    now: cx.now,
    definitions: plan.set.version,
    model: 'none',
    cutPoints: cutPointsVersion(cx),
    inputs: {},
  }
  const open = { trigger, ordinal: 0, continues: null }
  cx.emit('decision', decision(basis, { ...open, action: 'nothing', reason: 'too_many_open' }))
}
