/**
 * What a guardrail is: a pure question about one message to one customer at one instant.
 *
 * GR1 Every guardrail is asked, and every verdict is kept, not only the first that fails (GRD-1).
 * GR2 A block outweighs a deferral, a deferral a pass. Of several deferrals the latest instant
 *     counts; at that instant everything is asked again, so that one guardrail's answer may give
 *     way to another's.
 * GR3 A guardrail that cannot decide blocks: missing knowledge, an answer that is none, a throw
 *     (GRD-3).
 */
import type { Millis } from '#engine'
import type { Channel, JsonObject, Verdict } from '../contract.ts'
import type { CustomerFacts } from '../decide/facts.ts'
import type { Touch } from '../decide/touch-history.ts'
import type { Plan } from '../definitions/plan.ts'
import type { GuardrailReason } from './reasons.ts'

export interface GuardrailRequest {
  readonly now: Millis
  readonly channel: Channel
  readonly topic: { readonly id: string; readonly promotional: boolean }
  readonly facts: CustomerFacts
  /** Marketing messages handed over so far, in any order; the proposed one is not among them. */
  readonly touches: readonly Touch[]
  readonly plan: Plan
}

export interface Guardrail {
  readonly id: string
  /** Which of the families of GRD it belongs to. */
  readonly family: 'spam' | 'compliance' | 'rate' | 'consent' | 'channel'
  /** The rules of the requirements it keeps, the first being the one its verdicts name by default. */
  readonly rules: readonly [string, ...string[]]
  evaluate(request: GuardrailRequest): Verdict
}

/** The verdicts of one guardrail. */
export const verdictsOf = (guardrail: string, standardRule: string) => ({
  pass: (evidence: JsonObject = {}, rule = standardRule): Verdict => ({
    guardrail,
    rule,
    evidence,
    outcome: 'pass',
  }),
  block: (reason: GuardrailReason, evidence: JsonObject = {}, rule = standardRule): Verdict => ({
    guardrail,
    rule,
    evidence,
    outcome: 'block',
    reason,
  }),
  defer: (
    reason: GuardrailReason,
    until: Millis,
    evidence: JsonObject = {},
    rule = standardRule,
  ): Verdict => ({ guardrail, rule, evidence, outcome: 'defer', reason, until }),
})

/** The guardrail's verdict, or a block where it gives none that can be kept (GR3). */
export function ask(guardrail: Guardrail, request: GuardrailRequest): Verdict {
  const undecided = (why: string): Verdict =>
    verdictsOf(guardrail.id, 'GRD-3').block('guardrail_undecided', { why })
  try {
    const verdict = guardrail.evaluate(request)
    switch (verdict.outcome) {
      case 'pass':
      case 'block':
        return verdict
      case 'defer':
        return verdict.until > request.now && Number.isFinite(verdict.until)
          ? verdict
          : undecided('deferred to an instant that is not ahead')
      default:
        return undecided('gave no verdict')
    }
  } catch (error) {
    // The class only: a message may quote what a customer typed.
    return undecided(error instanceof Error ? error.name : 'threw')
  }
}

export type Ruling =
  | { readonly outcome: 'pass' }
  | { readonly outcome: 'block'; readonly reason: string }
  | { readonly outcome: 'defer'; readonly reason: string; readonly until: Millis }

/** What all verdicts come to (GR2). No verdict at all is no permission. */
export function ruling(verdicts: readonly Verdict[]): Ruling {
  if (verdicts.length === 0) return { outcome: 'block', reason: 'guardrail_undecided' }
  let sum: Ruling = { outcome: 'pass' }
  for (const verdict of verdicts) {
    if (verdict.outcome === 'block') return { outcome: 'block', reason: verdict.reason }
    if (verdict.outcome === 'defer' && (sum.outcome === 'pass' || sum.outcome === 'defer'))
      if (sum.outcome === 'pass' || verdict.until > sum.until)
        sum = { outcome: 'defer', reason: verdict.reason, until: verdict.until }
  }
  return sum
}
