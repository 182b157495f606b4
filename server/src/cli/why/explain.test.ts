import { describe, expect, test } from 'vitest'
import type { Candidate, Decision } from '#operators'
import { explainDecision } from './explain.ts'
import { KNOWN_REASONS, reasonWords } from './words.ts'

const NOON = Date.UTC(2026, 10, 20, 12)

const trigger = {
  kind: 'abandoned_cart',
  definition: 'cart-left',
  cause: 'cart:1',
  at: NOON,
  facts: { cart_value: 84.5, changed_at: NOON - 7_200_000 },
} as const

const email: Candidate = {
  campaign: 'cart-recovery',
  trigger,
  channel: 'email',
  intervention: 'free_shipping',
  template: 'cart-mail',
  arm: 'womens',
  effect: 0.0312,
  effectSd: 0.004,
  priority: 1,
  worth: 1.2345678,
}
const sms: Candidate = {
  ...email,
  channel: 'sms',
  template: 'cart-sms',
  arm: null,
  effect: 0.12,
  worth: 0.9,
}

function decision(over: Partial<Decision>): Decision {
  return {
    decision_id: 'd1',
    timestamp: NOON,
    customer_id: 'u:42',
    agent: 'campaign-orchestration',
    action: 'send',
    reason: 'best_candidate',
    trigger,
    chosen: email,
    rejected: [{ candidate: sms, reason: 'worth_less' }],
    guardrail_checks: [
      {
        guardrail: 'consent',
        rule: 'CON-1',
        outcome: 'pass',
        evidence: { act_at: NOON - 86_400_000 },
      },
      { guardrail: 'caps', rule: 'FAT-2', outcome: 'pass', evidence: { sent: 2, overall_cap: 4 } },
    ],
    confidence_score: 0.871,
    human_override: null,
    override_reason: null,
    execution_status: 'handed_to_outbox',
    parameters: {},
    propensity: 1,
    result_metrics: null,
    deferred_until: null,
    continues: null,
    versions: { definitions: 'v7', model: 'uplift-3', cut_points: '2026-11-20' },
    inputs: { country: 'GB', zone: null, model_features: { recency_months: 1.5 } },
    ...over,
  }
}

describe('[AUD-1] a decision explained from its record', () => {
  test('a send: trigger, candidates, verdicts with evidence, inputs, versions', () => {
    expect(explainDecision(decision({})).join('\n')).toBe(
      `Decision d1 about u:42, 2026-11-20 12:00 UTC

Sent: campaign cart-recovery by email (free_shipping, template cart-mail), because it was worth most of all candidates, and more than doing nothing.

What had happened
  2026-11-20 12:00 UTC: a cart was left behind (trigger cart-left, kind abandoned_cart)
  cart value 84.5
  changed at 2026-11-20 10:00 UTC

Candidates
  won: campaign cart-recovery by email (free_shipping, template cart-mail): expected effect 3.12 +- 0.4 points (from the model, arm womens), worth 1.2346, 87 % sure that it helps
  lost: campaign cart-recovery by sms (free_shipping, template cart-sms): expected effect 12 +- 0.4 points (from the channel's prior), worth 0.9; worth less than the winner

Guardrails
  pass  consent (CON-1): act at 2026-11-19 12:00 UTC
  pass  caps (FAT-2): sent 2, overall cap 4

What was known
  country GB
  zone -
  model features recency months 1.5

Made with
  definitions v7
  model uplift-3
  cut points 2026-11-20
  agent campaign-orchestration, chosen with probability 1`,
    )
  })

  test('[GRD-1] a block keeps every verdict, not only the first that said no', () => {
    const lines = explainDecision(
      decision({
        action: 'block',
        reason: 'no_consent',
        guardrail_checks: [
          {
            guardrail: 'consent',
            rule: 'CON-1',
            outcome: 'block',
            reason: 'no_consent',
            evidence: { channel: 'email' },
          },
          { guardrail: 'caps', rule: 'FAT-2', outcome: 'pass', evidence: {} },
          {
            guardrail: 'gap',
            rule: 'ARB-1',
            outcome: 'defer',
            reason: 'minimum_gap',
            until: NOON + 3_600_000,
            evidence: {},
          },
        ],
      }),
    )
    expect(lines).toContain(
      'Held back: campaign cart-recovery by email (free_shipping, template cart-mail), because no opt-in for this channel and topic is on record.',
    )
    expect(lines.filter((line) => /^ {2}(pass|block|defer) /.test(line))).toEqual([
      '  block consent (CON-1): no opt-in for this channel and topic is on record: channel email',
      '  pass  caps (FAT-2)',
      '  defer gap (ARB-1): the last message is too recent: until 2026-11-20 13:00 UTC',
    ])
  })

  test('a deferral says until when, and what takes it up says so', () => {
    const waiting = decision({
      action: 'defer',
      reason: 'quiet_hours',
      deferred_until: NOON + 3_600_000,
    })
    expect(explainDecision(waiting)[2]).toBe(
      'Put off: campaign cart-recovery by email (free_shipping, template cart-mail), because it is quiet hours where the customer is, or may be. It is looked at again at 2026-11-20 13:00 UTC.',
    )
    expect(explainDecision(decision({ continues: 'd0' }))[3]).toBe(
      'It takes up decision d0, which had waited.',
    )
  })

  test('nothing sent: no guardrail was asked, the losers say why', () => {
    const lines = explainDecision(
      decision({
        action: 'nothing',
        reason: 'nothing_is_better',
        chosen: null,
        confidence_score: null,
        guardrail_checks: [],
        rejected: [{ candidate: email, reason: 'not_above_nothing' }],
      }),
    )
    expect(lines[2]).toBe(
      'Nothing was sent, because no candidate was worth more than doing nothing.',
    )
    expect(lines).toContain('  None was asked: there was nothing to send.')
    expect(lines.find((line) => line.startsWith('  lost: '))).toMatch(
      /; worth no more than doing nothing$/,
    )
  })

  test('a reason that a newer release wrote is shown as it is', () => {
    expect(explainDecision(decision({ action: 'block', reason: 'moon_phase' }))[2]).toMatch(
      /because moon_phase\.$/,
    )
    expect(reasonWords('constructor')).toBe('constructor')
    expect(KNOWN_REASONS.every((code) => reasonWords(code) !== code)).toBe(true)
  })

  test('text that customers gave cannot steer the terminal', () => {
    const lines = explainDecision(
      decision({ customer_id: 'u:\u001b]0;x\u0007', inputs: { 'a\nb': '\u001b[2J' } }),
    )
    expect(lines.join('\n')).not.toMatch(/\p{Cc}(?<!\n)/u)
    expect(lines).toContain('  a\ufffdb \ufffd[2J')
  })
})
