/**
 * Judges all triggers of one customer that are due at one instant, together: they compete for the one
 * message that the instant may bring (ARB-1). Pure: what it returns is what the operator does.
 *
 * JU1 Each due trigger gets exactly one decision.
 * JU2 Order of questions: is the definition in force, has the trigger expired, does it still stand,
 *     was it put off too often, does any campaign answer it. Those left compete; the losers'
 *     triggers end as `outranked`, or as `nothing_is_better` where nobody wins.
 * JU3 All guardrails are asked about the winner, and all verdicts kept: block outweighs defer
 *     outweighs pass. A deferred trigger is judged again from the start, at the instant it was put
 *     off to or at its expiry, whichever is first.
 */
import type { Millis } from '#engine'
import type { Decision, JsonObject, OutboxMessage, Trigger } from '../contract.ts'
import type { Plan } from '../definitions/plan.ts'
import { ask, type Guardrail, type GuardrailRequest, ruling } from '../guardrails/guardrail.ts'
import { CHANNEL_GUARDRAILS } from '../guardrails/index.ts'
import { addressOn } from '../guardrails/reachability.ts'
import { arbitrate, type Lost } from './arbitrate.ts'
import { candidatesFor, type ScoredCandidate } from './candidates.ts'
import { type Basis, decision } from './decision.ts'
import type { CustomerFacts } from './facts.ts'
import type { ModelScores } from './model.ts'
import { MAX_DEFERRALS, type OpenTrigger } from './open-triggers.ts'
import type { DecisionReason } from './reasons.ts'
import { render } from './render.ts'
import { sentWithin, type Touch } from './touch-history.ts'

export interface Case {
  readonly customer: string
  readonly now: Millis
  readonly due: readonly OpenTrigger[]
  readonly facts: CustomerFacts
  readonly touches: readonly Touch[]
  readonly plan: Plan
  /** Version of the cut points in force; `none` before the first. */
  readonly cutPoints: string
  readonly model: { readonly version: string; readonly scores: ModelScores | null }
  stands(trigger: Trigger): boolean
}

export interface Judgement {
  readonly decisions: readonly Decision[]
  /** Deferred triggers, with their new due time. */
  readonly open: readonly OpenTrigger[]
  readonly message: OutboxMessage | null
  readonly touch: Touch | null
}

export function judge(theCase: Case, guardrails: readonly Guardrail[]): Judgement {
  const basis = basisOf(theCase)
  const decisions: Decision[] = []
  const contenders: { open: OpenTrigger; candidates: readonly ScoredCandidate[] }[] = []
  const sentLately = sentWithin(
    theCase.touches,
    theCase.now,
    theCase.plan.caps.fatigueWindow,
  ).length
  for (const open of theCase.due) {
    const { plan, model } = theCase
    const candidates = candidatesFor(open.trigger, { plan, scores: model.scores, sentLately })
    const reason = outOfTheRunning(open, theCase, candidates.length)
    if (reason === null) contenders.push({ open, candidates })
    else decisions.push(decision(basis, { ...open, action: 'nothing', reason }))
  }
  if (contenders.length === 0) return { decisions, open: [], message: null, touch: null }
  const entries = contenders.flatMap(({ candidates }) =>
    candidates.map((candidate) => ({ candidate, closed: channelClosed(candidate, theCase) })),
  )
  const { winner, lost } = arbitrate(entries, theCase.facts.preferredChannel)
  const lostBy = (open: OpenTrigger): Lost[] =>
    lost.filter((entry) => entry.candidate.trigger === open.trigger)
  for (const { open } of contenders)
    if (open.trigger !== winner?.trigger) {
      const reason: DecisionReason = winner === null ? 'nothing_is_better' : 'outranked'
      decisions.push(decision(basis, { ...open, action: 'nothing', reason, lost: lostBy(open) }))
    }
  const champion = contenders.find(({ open }) => open.trigger === winner?.trigger)?.open
  if (winner === null || champion === undefined)
    return { decisions, open: [], message: null, touch: null }
  const finalist = { theCase, basis, winner, champion, lost: lostBy(champion) }
  return conclude(finalist, guardrails, decisions)
}

/** JU2: why a trigger does not compete; null where it does. */
function outOfTheRunning(
  open: OpenTrigger,
  theCase: Case,
  candidates: number,
): DecisionReason | null {
  const expiry = expiryOf(open.trigger, theCase.plan)
  if (expiry === null) return 'definition_gone'
  if (theCase.now >= expiry) return 'expired'
  if (!theCase.stands(open.trigger)) return 'cancelled'
  if (open.ordinal > MAX_DEFERRALS) return 'deferred_too_often'
  return candidates === 0 ? 'no_candidate' : null
}

/** The first instant at which the trigger is too old; null where its definition is gone. */
function expiryOf(trigger: Trigger, plan: Plan): Millis | null {
  const known = plan.triggerById.get(trigger.definition)
  return known === undefined || known.spec.on !== trigger.kind ? null : trigger.at + known.maxAge
}

const requestOf = (candidate: ScoredCandidate, theCase: Case): GuardrailRequest => ({
  now: theCase.now,
  channel: candidate.channel,
  topic: {
    id: candidate.topic,
    promotional: theCase.plan.set.topics[candidate.topic]?.promotional ?? true,
  },
  facts: theCase.facts,
  touches: theCase.touches,
  plan: theCase.plan,
})

function channelClosed(candidate: ScoredCandidate, theCase: Case): string | null {
  const request = requestOf(candidate, theCase)
  const sum = ruling(CHANNEL_GUARDRAILS.map((guardrail) => ask(guardrail, request)))
  return sum.outcome === 'pass' ? null : sum.reason
}

interface Finalist {
  readonly theCase: Case
  readonly basis: Basis
  readonly winner: ScoredCandidate
  readonly champion: OpenTrigger
  readonly lost: readonly Lost[]
}

/** JU3. */
function conclude(
  finalist: Finalist,
  guardrails: readonly Guardrail[],
  others: readonly Decision[],
): Judgement {
  const { theCase, basis, winner, champion, lost } = finalist
  const request = requestOf(winner, theCase)
  const verdicts = guardrails.map((guardrail) => ask(guardrail, request))
  const sum = ruling(verdicts)
  const record = { ...champion, chosen: winner, lost, verdicts }
  if (sum.outcome === 'block') {
    const blocked = decision(basis, { ...record, action: 'block', reason: sum.reason })
    return { decisions: [...others, blocked], open: [], message: null, touch: null }
  }
  if (sum.outcome === 'defer') {
    const expiry = expiryOf(champion.trigger, theCase.plan) ?? theCase.now
    const due = Math.min(sum.until, expiry)
    const deferred = decision(basis, {
      ...record,
      action: 'defer',
      reason: sum.reason,
      deferredUntil: due,
    })
    const { trigger, ordinal } = champion
    const open = { trigger, due, ordinal: ordinal + 1, continues: deferred.decision_id }
    return { decisions: [...others, deferred], open: [open], message: null, touch: null }
  }
  const reason: DecisionReason = 'best_candidate'
  const sent = decision(basis, { ...record, action: 'send', reason })
  return {
    decisions: [...others, sent],
    open: [],
    message: messageOf(sent.decision_id, winner, theCase),
    touch: {
      decision: sent.decision_id,
      at: theCase.now,
      channel: winner.channel,
      engaged: false,
    },
  }
}

function messageOf(id: string, winner: ScoredCandidate, theCase: Case): OutboxMessage {
  const { facts, plan, customer, now } = theCase
  const template = plan.set.templates[winner.template]
  const shop = plan.set.shop
  const text =
    template === undefined
      ? { subject: null, body: '' }
      : render(template, { facts, trigger: winner.trigger, shop })
  return {
    decision_id: id,
    customer_id: customer,
    timestamp: now,
    campaign: winner.campaign,
    channel: winner.channel,
    template: winner.template,
    to: addressOn(winner.channel, facts) || null,
    ...text,
  }
}

/** What the decisions rest on besides the trigger: never an address or a name. */
function basisOf(theCase: Case): Basis {
  const { facts, model, touches, now, plan } = theCase
  const inputs: JsonObject = {
    model_features: model.scores?.features ?? null,
    model_applicable: model.scores?.applicable ?? null,
    sent_in_window: sentWithin(touches, now, plan.caps.window).length,
    preferred_channel: facts.preferredChannel,
    last_order_at: facts.lastOrderAt,
    spend_12_months: facts.spend12Months,
    country: facts.country,
    zone: facts.zone,
  }
  return {
    customer: theCase.customer,
    now,
    definitions: plan.set.version,
    model: model.version,
    cutPoints: theCase.cutPoints,
    inputs,
  }
}
