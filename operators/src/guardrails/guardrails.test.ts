import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days, hours } from '#engine'
import type { Channel, Verdict } from '../contract.ts'
import type { Touch } from '../decide/touch-history.ts'
import { NOON } from '../triggers/testing.ts'
import { caps } from './caps.ts'
import { consent } from './consent.ts'
import { fatigue } from './fatigue.ts'
import { gap } from './gap.ts'
import { ask, type Guardrail, type GuardrailRequest, ruling, verdictsOf } from './guardrail.ts'
import { createGuardrails } from './index.ts'
import { reachability } from './reachability.ts'
import { GUARDRAIL_REASONS } from './reasons.ts'
import { act, granted, planWith, REACHABLE, request, touchesAt } from './testing.ts'

const answer = (guardrail: Guardrail, asked: GuardrailRequest): string => {
  const verdict = ask(guardrail, asked)
  return verdict.outcome === 'pass' ? 'pass' : verdict.reason
}

describe('all guardrails', () => {
  test('[GRD-1] each answers with its id, a rule of its own and evidence', () => {
    const guardrails = createGuardrails()
    for (const guardrail of guardrails) {
      const verdict = ask(guardrail, request())
      expect(verdict).toMatchObject({ guardrail: guardrail.id, outcome: 'pass' })
      expect(guardrail.rules).toContain(verdict.rule)
    }
    expect(new Set(guardrails.map((g) => g.id)).size).toBe(guardrails.length)
  })

  test('[GRD-3] [GR3] a throw, no answer, or a deferral to the past is no send', () => {
    const odd = (evaluate: () => Verdict): Guardrail => ({
      id: 'odd',
      family: 'spam',
      rules: ['GRD-3'],
      evaluate,
    })
    const broken = [
      odd(() => {
        throw new TypeError('ada@example.com')
      }),
      odd(() => ({}) as Verdict),
      odd(() => undefined as unknown as Verdict),
      odd(() => verdictsOf('odd', 'X').defer('quiet_hours', NOON)),
      odd(() => verdictsOf('odd', 'X').defer('quiet_hours', Number.NaN)),
    ]
    for (const guardrail of broken) {
      const verdict = ask(guardrail, request())
      expect(verdict).toMatchObject({ outcome: 'block', reason: 'guardrail_undecided' })
      expect(JSON.stringify(verdict)).not.toContain('ada@')
    }
    expect(ruling([])).toEqual({ outcome: 'block', reason: 'guardrail_undecided' })
  })

  test('[GRD-3] [GR3] whatever part of the knowledge is missing, no guardrail lets a throw out', () => {
    for (const guardrail of createGuardrails())
      for (const part of ['facts', 'touches', 'plan', 'topic', 'now', 'channel'] as const) {
        const asked = { ...request(), [part]: undefined } as unknown as GuardrailRequest
        expect(['pass', 'block', 'defer']).toContain(ask(guardrail, asked).outcome)
      }
  })

  test('[GRD-1] [GR2] a block outweighs a deferral, a deferral a pass, the latest instant counts', () => {
    const v = verdictsOf('g', 'X')
    const early = v.defer('minimum_gap', NOON + 1)
    const late = v.defer('quiet_hours', NOON + 2)
    expect(ruling([v.pass(), v.pass()])).toEqual({ outcome: 'pass' })
    expect(ruling([early, v.pass(), late])).toMatchObject({
      reason: 'quiet_hours',
      until: NOON + 2,
    })
    expect(ruling([late, early])).toMatchObject({ until: NOON + 2 })
    expect(ruling([late, v.block('no_consent')])).toEqual({
      outcome: 'block',
      reason: 'no_consent',
    })
  })

  test('every reason has a sentence', () => {
    for (const sentence of Object.values(GUARDRAIL_REASONS)) expect(sentence).toMatch(/^[A-Z].+\.$/)
  })
})

describe('consent', () => {
  const acts = (...consents: GuardrailRequest['facts']['consents']) =>
    request({ facts: { consents } })
  const said = (granted: boolean, at: number, topic = 'offers') => act('email', topic, granted, at)

  test('[CON-1] no act on record is no consent, nor is one for another channel or topic', () => {
    expect(answer(consent, acts())).toBe('no_consent')
    expect(answer(consent, acts(...granted(['sms', 'push'])))).toBe('no_consent')
    expect(answer(consent, acts(said(true, 1, 'news')))).toBe('no_consent')
    expect(answer(consent, acts(said(true, 1)))).toBe('pass')
  })

  test('[CON-1] the latest act counts, a withdrawal wins a tie, the future does not count', () => {
    expect(answer(consent, acts(said(true, 1), said(false, 2, '*')))).toBe('consent_withdrawn')
    expect(answer(consent, acts(said(false, 1, '*'), said(true, 2)))).toBe('pass')
    for (const tie of [
      [said(true, 5), said(false, 5, '*')],
      [said(false, 5, '*'), said(true, 5)],
    ])
      expect(answer(consent, acts(...tie))).toBe('consent_withdrawn')
    expect(answer(consent, acts(said(true, 1), said(false, 2, 'news')))).toBe('pass')
    expect(answer(consent, acts(said(true, NOON + 1)))).toBe('no_consent')
  })

  test('[CON-1] who unsubscribed for good gets nothing, whatever else was granted', () => {
    expect(answer(consent, request({ facts: { unsubscribed: true } }))).toBe('unsubscribed')
  })

  test('[CON-1] email only: no SMS, WhatsApp, push', () => {
    const ask1 = (channel: Channel) =>
      answer(consent, request({ channel, facts: { preferences: ['email_only'] } }))
    expect(ask1('email')).toBe('pass')
    for (const channel of ['sms', 'whatsapp', 'push'] as const)
      expect(ask1(channel)).toBe('email_only')
  })

  test('[CON-1] product updates only: promotional topics are blocked', () => {
    const facts = { preferences: ['product_updates_only' as const] }
    expect(answer(consent, request({ facts }))).toBe('product_updates_only')
    const topic = { id: 'offers', promotional: false }
    expect(answer(consent, request({ facts, topic }))).toBe('pass')
  })

  test('[CON-1] [GR4] weekly digest: one message in seven days, over all channels, to the millisecond', () => {
    const facts = { preferences: ['weekly_digest' as const] }
    expect(answer(consent, request({ facts, touches: touchesAt([days(7) - 1], 'sms') }))).toBe(
      'weekly_digest',
    )
    expect(answer(consent, request({ facts, touches: touchesAt([days(7)], 'sms') }))).toBe('pass')
  })
})

describe('reachability', () => {
  test('[CHN-2] no address, a slip, or a channel switched off is no send', () => {
    const at = (channel: Channel, facts: GuardrailRequest['facts']) =>
      answer(reachability, request({ channel, facts }))
    expect(at('email', { ...REACHABLE, email: null })).toBe('no_address')
    for (const email of ['ada', 'ada@', '@x.com', 'a b@x.com', 'ada@x', 'a@x.com, b@y.com', ''])
      expect(at('email', { ...REACHABLE, email })).toBe('invalid_address')
    for (const channel of ['sms', 'whatsapp'] as const) {
      expect(at(channel, { ...REACHABLE, phone: null })).toBe('no_address')
      expect(at(channel, { ...REACHABLE, phone: '07700 900123' })).toBe('invalid_address')
      expect(at(channel, REACHABLE)).toBe('pass')
    }
    expect(at('push', { ...REACHABLE, pushTokens: [] })).toBe('no_address')
    const none = planWith()
    const set = { ...none.set, channels: {} }
    expect(answer(reachability, request({ plan: { ...none, set } }))).toBe('channel_disabled')
  })
})

describe('caps', () => {
  test('[FAT-2] the fourth email and the fifth message of seven days are blocked', () => {
    const at = (touches: Touch[], channel: Channel = 'email') =>
      answer(caps, request({ touches, channel }))
    expect(at(touchesAt([1, 2]))).toBe('pass')
    expect(at(touchesAt([1, 2, 3]))).toBe('channel_cap')
    expect(at(touchesAt([1, 2, 3]), 'sms')).toBe('pass')
    const four = [...touchesAt([1, 2]), ...touchesAt([3, 4], 'push')]
    expect(at(four)).toBe('overall_cap')
    expect(at(four, 'whatsapp')).toBe('overall_cap')
    expect(at(four, 'web')).toBe('pass')
  })

  test('[FAT-2] [GR4] the window slides exactly: seven days ago no longer counts, a millisecond less does', () => {
    const two = [hours(1), hours(2)]
    expect(answer(caps, request({ touches: touchesAt([...two, days(7)]) }))).toBe('pass')
    expect(answer(caps, request({ touches: touchesAt([...two, days(7) - 1]) }))).toBe('channel_cap')
  })

  test('[CFG-1] the caps are those of the definitions', () => {
    const plan = planWith('kind: caps\nspec: { overall: 1, window: 1d }')
    const at = (age: number) => answer(caps, request({ plan, touches: touchesAt([age]) }))
    expect(at(days(1) - 1)).toBe('overall_cap')
    expect(at(days(1))).toBe('pass')
  })

  test('[FAT-2] property: the verdict is that of counting the last week by hand', () => {
    const arbTouch = fc.record({
      at: fc.integer({ min: 0, max: days(20) / hours(1) }).map((h) => NOON - days(10) + hours(h)),
      channel: fc.constantFrom<Channel>('email', 'sms', 'push', 'web', 'in_app'),
    })
    fc.assert(
      fc.property(fc.array(arbTouch, { maxLength: 14 }), fc.nat(10 * 24), (list, h) => {
        const now = NOON - days(5) + hours(h)
        const touches = list.map((t, i) => ({ ...t, decision: `${i}`, engaged: false }))
        let emails = 0
        let all = 0
        for (const touch of touches) {
          if (touch.channel === 'web' || touch.channel === 'in_app') continue
          if (touch.at > now || now - touch.at >= 7 * 24 * 3_600_000) continue
          all++
          if (touch.channel === 'email') emails++
        }
        const expected = emails >= 3 ? 'channel_cap' : all >= 4 ? 'overall_cap' : 'pass'
        expect(answer(caps, request({ now, touches }))).toBe(expected)
      }),
      { numRuns: 300 },
    )
  })
})

describe('fatigue', () => {
  const old = [days(2), days(3), days(4)]
  const plan = planWith('kind: caps\nspec: { overall: 100, per_channel: { email: 100 } }')
  const at = (touches: Touch[], channel: Channel = 'email') =>
    answer(fatigue, request({ touches, channel, plan }))

  test('[FAT-1] five messages in seven days, opened or not', () => {
    const opened = (ages: number[]) => touchesAt(ages, 'sms').map((t) => ({ ...t, engaged: true }))
    expect(at(opened([1, 2, 3, days(6)]))).toBe('pass')
    expect(at(opened([1, 2, 3, 4, days(7)]))).toBe('pass')
    expect(at(opened([1, 2, 3, 4, days(7) - 1]))).toBe('communication_fatigue')
  })

  test('[FAT-1] three settled messages without an open', () => {
    expect(at(touchesAt(old))).toBe('communication_fatigue')
    expect(at(touchesAt(old), 'web')).toBe('pass')
    expect(at(touchesAt(old.slice(1)))).toBe('pass')
    const one = touchesAt(old).map((t, i) => ({ ...t, engaged: i === 0 }))
    expect(at(one)).toBe('pass')
  })

  test('[FAT-1] a message counts as unopened after 24 hours, and only where opens are reported', () => {
    expect(at(touchesAt([hours(24) - 1, ...old.slice(1)]))).toBe('pass')
    expect(at(touchesAt([hours(24), ...old.slice(1)]))).toBe('communication_fatigue')
    expect(at(touchesAt(old, 'sms'))).toBe('pass')
  })

  test('[FAT-1] a fresh open, or a click in an SMS, ends the run of unopened ones', () => {
    const engaged = (age: number, channel: Channel) =>
      touchesAt([age], channel).map((t) => ({ ...t, decision: 'x', engaged: true }))
    expect(at([...touchesAt(old), ...engaged(1, 'email')])).toBe('pass')
    expect(at([...touchesAt(old), ...engaged(days(5), 'sms')])).toBe('pass')
    expect(at([...touchesAt(old), ...engaged(days(7), 'sms')])).toBe('communication_fatigue')
  })
})

describe('gap', () => {
  test('[ARB-1] [GR4] the next pushed message waits for four hours after the last, exactly', () => {
    const at = (age: number, channel: Channel = 'email') =>
      ask(gap, request({ touches: touchesAt([days(3), age], 'push'), channel }))
    expect(at(hours(4))).toMatchObject({ outcome: 'pass' })
    expect(at(hours(4) - 1)).toMatchObject({ outcome: 'defer', until: NOON + 1 })
    expect(at(1, 'in_app')).toMatchObject({ outcome: 'pass' })
    expect(ask(gap, request())).toMatchObject({ outcome: 'pass' })
  })
})
