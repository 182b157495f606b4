/** Decisions for tests: complete, small, and different in everything that a test may ask for. */
import type { Decision } from './decision.ts'

export const NOON = Date.UTC(2026, 10, 20, 12)

export function someDecision(n: number, over: Partial<Decision> = {}): Decision {
  const trigger = {
    kind: 'abandoned_cart' as const,
    definition: 'cart-1',
    cause: `cart:${n}`,
    at: NOON + n * 1_000,
    facts: { value: 12.5 + n, currency: 'GBP' },
  }
  const chosen = {
    campaign: 'winter',
    trigger,
    channel: 'email' as const,
    intervention: 'free_shipping' as const,
    template: 'cart-mail',
    arm: 'womens',
    effect: 0.031,
    effectSd: 0.004,
    priority: 1,
    worth: 0.31,
  }
  return {
    decision_id: `d-${n}`,
    timestamp: NOON + n * 1_000,
    customer_id: `u:${n % 7}`,
    agent: 'cart-recovery',
    action: n % 3 === 0 ? 'block' : 'send',
    reason: n % 3 === 0 ? 'no_consent' : 'best_candidate',
    trigger,
    chosen,
    rejected: [{ candidate: { ...chosen, campaign: 'autumn' }, reason: 'lower_value' }],
    guardrail_checks: [
      n % 3 === 0
        ? {
            guardrail: 'consent',
            rule: 'CON-1',
            outcome: 'block',
            reason: 'no_consent',
            evidence: {},
          }
        : { guardrail: 'consent', rule: 'CON-1', outcome: 'pass', evidence: { since: NOON } },
      { guardrail: 'caps', rule: 'FAT-2', outcome: 'pass', evidence: { sent: n % 4, cap: 4 } },
    ],
    confidence_score: 0.87,
    human_override: null,
    override_reason: null,
    execution_status: n % 3 === 0 ? 'none' : 'handed_to_outbox',
    parameters: { campaign: 'winter', channel: 'email', template: 'cart-mail' },
    propensity: 1,
    result_metrics: null,
    deferred_until: null,
    continues: null,
    versions: { definitions: 'v1', model: 'uplift-3', cut_points: '2026-11-20' },
    inputs: { recency: 3, note: 'caf\u00e9 \u{1f600}' },
    ...over,
  }
}
