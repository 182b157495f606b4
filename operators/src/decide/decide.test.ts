import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days, hours, type Millis, minutes } from '#engine'
import { drive } from '#engine/testing'
import { readArtefact, type UpliftArtefact } from '#models/serving'
import { GUARDRAIL_REASONS } from '../guardrails/reasons.ts'
import { type CutPoints, cutPoints, EFFECTIVE_AFTER } from '../profile/cutpoints.ts'
import { cutPointsOf, NO_COUNTS } from '../profile/shop-counts.ts'
import { added, event, NOON, ordered, page, removed, setOf } from '../triggers/testing.ts'
import { createDecide } from './decide.ts'
import type { OpenTrigger } from './open-triggers.ts'
import { DECISION_REASONS } from './reasons.ts'
import { BASICS, CART_CAMPAIGN, CART_SHOP, CustomerStage, known } from './stage.fixture.ts'

const NIGHT = Date.UTC(2026, 0, 12, 22)
const MORNING = Date.UTC(2026, 0, 13, 9)

const stage = (set = CART_SHOP, at: Millis = NOON, traits = {}) =>
  new CustomerStage(set).tell(known(at - hours(1), traits))

describe('a send', () => {
  const sent = stage()
    .tell(added(NOON))
    .to(NOON + hours(3))
  const [decision] = sent.decisions

  test('[AUD-1] one decision carries everything that explains it', () => {
    expect(sent.decisions).toHaveLength(1)
    expect(decision).toMatchObject({
      timestamp: NOON + hours(2),
      customer_id: 'u:42',
      agent: 'campaign-orchestration',
      action: 'send',
      reason: 'best_candidate',
      trigger: { kind: 'abandoned_cart', cause: `cart:${NOON}` },
      chosen: { campaign: 'recover', channel: 'email', template: 'mail', arm: null, effect: 0.15 },
      parameters: { campaign: 'recover', channel: 'email', template: 'mail' },
      human_override: null,
      override_reason: null,
      result_metrics: null,
      propensity: 1,
      execution_status: 'handed_to_outbox',
      deferred_until: null,
      continues: null,
      versions: { definitions: CART_SHOP.version, model: 'none', cut_points: 'none' },
    })
    expect(decision?.decision_id).toMatch(/^[0-9a-f]{32}$/)
    expect(JSON.parse(JSON.stringify(decision))).toEqual(decision)
  })

  test('[AUD-1] [C1] it names the cut points in force at its instant, not those that are known', () => {
    const setOfDay = (version: string, midnight: Millis): CutPoints => ({
      ...cutPointsOf(NO_COUNTS, midnight),
      version,
    })
    const inForce = setOfDay('today', NOON - hours(12))
    const early = setOfDay('too early', NOON + hours(2) - EFFECTIVE_AFTER + 1)
    const informed = stage()
    for (const record of [inForce, early]) informed.decide.withBroadcast(cutPoints, { record })
    informed.tell(added(NOON)).to(NOON + hours(3))
    expect(informed.decisions).toMatchObject([{ versions: { cut_points: 'today' } }])
  })

  test('[GRD-1] [GR1] [JU3] the verdicts of all guardrails are kept', () => {
    expect(decision?.guardrail_checks.map((v) => `${v.guardrail} ${v.outcome}`)).toEqual([
      'reachability pass',
      'consent pass',
      'caps pass',
      'fatigue pass',
      'gap pass',
      'quiet-hours pass',
    ])
  })

  test('[ARB-3] losers keep their reason, in the order of their worth', () => {
    expect(decision?.rejected.map((r) => `${r.candidate.channel} ${r.reason}`)).toEqual([
      'sms worth_less',
      'push no_address',
    ])
  })

  test('the message is rendered and names its decision; the decision holds no address', () => {
    expect(sent.outbox).toEqual([
      {
        decision_id: decision?.decision_id,
        customer_id: 'u:42',
        timestamp: NOON + hours(2),
        campaign: 'recover',
        channel: 'email',
        template: 'mail',
        to: 'ada@example.com',
        subject: 'Hi Ada',
        body: 'Your A lamp, EUR 30.00',
      },
    ])
    for (const personal of ['ada@', 'Ada', '7700'])
      expect(JSON.stringify(decision)).not.toContain(personal)
  })

  test('[FAT-2] [DE4] it counts as a touch at once', () => {
    expect(sent.touches.state('u:42').touches).toEqual([
      { decision: decision?.decision_id, at: NOON + hours(2), channel: 'email', engaged: false },
    ])
  })

  test('nothing is left behind once all is decided', () => {
    expect(sent.decide.keys()).toEqual([])
  })
})

describe('arbitration', () => {
  test('[ARB-2] [AR1] the worth is effect x value less costs', () => {
    const [decision] = stage()
      .tell(added(NOON))
      .to(NOON + hours(2)).decisions
    expect(decision?.chosen?.worth).toBeCloseTo(0.15 * 10)
    expect(decision?.rejected[0]?.candidate.worth).toBeCloseTo(0.12 * 10 - 0.05)
  })

  test('[ARB-2] [AR1] where nothing is worth more than 0, nothing is sent', () => {
    const poor = setOf(...BASICS, ...CART_CAMPAIGN.map((d) => d.replace('value: 10', 'value: 0')))
    const run = stage(poor)
      .tell(added(NOON))
      .to(NOON + hours(2))
    expect(run.outcomes()).toEqual(['cart nothing nothing_is_better'])
    expect(run.decisions[0]?.rejected.map((r) => r.reason)).toContain('not_above_nothing')
    expect(run.outbox).toEqual([])
  })

  test('[ARB-2] [AR1] ties go to the higher priority, then to the smaller id', () => {
    const tie = (priority: number) =>
      setOf(
        ...BASICS.slice(3),
        ...['email', 'sms', 'push'].map((id) => `kind: channel\nid: ${id}\nspec: {}`),
        ...CART_CAMPAIGN.map((d) =>
          d.replace('template: text,', `template: text, priority: ${priority},`),
        ),
      )
    const chosen = (priority: number) =>
      stage(tie(priority))
        .tell(added(NOON))
        .to(NOON + hours(2)).decisions[0]?.chosen?.channel
    expect(chosen(0)).toBe('email')
    expect(chosen(1)).toBe('sms')
  })

  test('[CHN-1] [AR1] the preferred channel if it is open, else the best', () => {
    const chosen = (traits: object) =>
      stage(CART_SHOP, NOON, traits)
        .tell(added(NOON))
        .to(NOON + hours(2)).decisions[0]
    expect(chosen({ preferred_channel: 'sms' })?.chosen?.channel).toBe('sms')
    expect(chosen({ preferred_channel: 'sms' })?.rejected[0]?.reason).toBe(
      'other_channel_preferred',
    )
    expect(chosen({ preferred_channel: 'push' })?.chosen?.channel).toBe('email')
    expect(chosen({ consents: { sms: true } })?.chosen?.channel).toBe('sms')
  })

  test('[ARB-1] [JU1] triggers of one instant compete for one message', () => {
    const two = setOf(
      ...BASICS,
      'kind: trigger\nid: quarter\nspec: { on: dormancy, after: 90d }',
      'kind: trigger\nid: churned\nspec: { on: stage_change, to: [churned] }',
      'kind: campaign\nid: a\nspec: { title: A, triggers: [quarter], topic: marketing, value: 5, actions: [{ channel: email, template: mail, intervention: content }] }',
      'kind: campaign\nid: b\nspec: { title: B, triggers: [churned], topic: marketing, value: 6, actions: [{ channel: email, template: mail, intervention: discount }] }',
    )
    const run = stage(two)
      .tell(page(NOON))
      .to(NOON + days(91))
    expect(run.outcomes()).toEqual(['quarter nothing outranked', 'churned send best_candidate'])
    expect(run.outbox).toHaveLength(1)
  })
})

describe('blocks', () => {
  test('[CON-1] [CHN-2] [AR2] [GR1] nobody to write to: the guardrails say why, nothing leaves', () => {
    const run = new CustomerStage(CART_SHOP).tell(added(NOON)).to(NOON + hours(2))
    expect(run.outcomes()).toEqual(['cart block no_address'])
    expect(run.decisions[0]?.guardrail_checks.filter((v) => v.outcome === 'block')).toMatchObject([
      { reason: 'no_address' },
      { reason: 'no_consent' },
      { reason: 'guardrail_undecided' },
    ])
    expect(run.outbox).toEqual([])
    expect(run.touches.keys()).toEqual([])
  })

  test('[FAT-2] the fourth email of a week is blocked', () => {
    const run = stage()
    for (let n = 0; n < 4; n++) {
      const at = NOON + days(n)
      run.tell(added(at, `p${n}`)).to(at + hours(3))
      const opened = run.decisions.at(-1)?.decision_id ?? ''
      run.tell(event(at + hours(4), 'Email Link Clicked', { decision_id: opened }))
    }
    expect(run.outcomes()).toEqual([
      ...Array(3).fill('cart send best_candidate'),
      'cart block channel_cap',
    ])
  })

  test('[FAT-1] three unopened ones are enough before the caps are', () => {
    const wide = setOf(
      ...BASICS,
      ...CART_CAMPAIGN,
      'kind: caps\nspec: { overall: 9, per_channel: { email: 9 } }',
    )
    const run = stage(wide)
    for (let n = 0; n < 5; n++)
      run.tell(added(NOON + days(n), `p${n}`)).to(NOON + days(n) + hours(3))
    expect(run.outcomes().slice(2)).toEqual([
      'cart send best_candidate',
      'cart block communication_fatigue',
      'cart block communication_fatigue',
    ])
  })
})

describe('deferral', () => {
  const asleep = () => stage(CART_SHOP, NIGHT - hours(2)).tell(added(NIGHT - hours(2)))

  test('[TIM-3] [JU3] a trigger of the night is decided anew in the morning', () => {
    const run = asleep().to(NIGHT)
    expect(run.outcomes()).toEqual(['cart defer quiet_hours'])
    expect(run.decisions[0]).toMatchObject({
      deferred_until: MORNING,
      execution_status: 'waiting',
    })
    run.to(MORNING - 1)
    expect(run.decisions).toHaveLength(1)
    run.to(MORNING)
    expect(run.outcomes()[1]).toBe('cart send best_candidate')
    expect(run.decisions[1]).toMatchObject({
      timestamp: MORNING,
      continues: run.decisions[0]?.decision_id,
    })
    expect(run.decisions[1]?.decision_id).not.toBe(run.decisions[0]?.decision_id)
  })

  test('[TRG-2] an order or an emptied cart meanwhile cancels it', () => {
    for (const end of [ordered(NIGHT + hours(1)), removed(NIGHT + hours(1))]) {
      const run = asleep().to(NIGHT).tell(end).to(MORNING)
      expect(run.outcomes()).toEqual(['cart defer quiet_hours', 'cart nothing cancelled'])
      expect(run.outbox).toEqual([])
    }
  })

  test('[GRD-2] [JU3] [GR2] everything is asked again: a withdrawal overnight holds', () => {
    const run = asleep().to(NIGHT)
    run.tell(event(NIGHT + hours(1), 'Consent Withdrawn')).to(MORNING)
    expect(run.outcomes()[1]).toBe('cart block consent_withdrawn')
  })

  test('[TIM-1] [JU3] past its maximum age a trigger expires, at that instant', () => {
    const short = setOf(
      ...BASICS,
      ...CART_CAMPAIGN.map((d) => d.replace('abandoned_cart }', 'abandoned_cart, max_age: 3h }')),
    )
    const run = stage(short, NIGHT - hours(2))
      .tell(added(NIGHT - hours(2)))
      .to(MORNING)
    expect(run.outcomes()).toEqual(['cart defer quiet_hours', 'cart nothing expired'])
    expect(run.decisions[1]?.timestamp).toBe(NIGHT + hours(3))
  })

  test('a definition withdrawn overnight ends it', () => {
    const run = asleep()
      .to(NIGHT)
      .define(setOf(...BASICS))
      .to(MORNING)
    expect(run.outcomes()[1]).toBe('cart nothing definition_gone')
  })

  test('[ARB-1] a second message waits for the minimum gap', () => {
    const run = stage()
      .tell(added(NOON))
      .to(NOON + hours(2))
    run.tell(added(NOON + hours(2) + minutes(10), 'rug')).to(NOON + hours(7))
    expect(run.outcomes()).toEqual([
      'cart send best_candidate',
      'cart defer minimum_gap',
      'cart send best_candidate',
    ])
    expect(run.decisions[2]?.timestamp).toBe(NOON + hours(6))
  })
})

describe('the operator', () => {
  test('[TRG-2] [DE1] triggers of history move no decision, and are spent', () => {
    const run = new CustomerStage(CART_SHOP)
    run.tell(known(NOON), NOON, 'history').tell(added(NOON), NOON, 'history')
    run.to(NOON + hours(3), 'history').to(NOON + days(3))
    expect(run.decisions).toEqual([])
  })

  test('a trigger without a campaign is answered, too', () => {
    const run = stage(setOf(...BASICS, CART_CAMPAIGN[0] ?? '')).tell(added(NOON))
    expect(run.to(NOON + hours(2)).outcomes()).toEqual(['cart nothing no_candidate'])
  })

  test('[AUD-1] [JU1] [DE2] [DE3] [DE4] property: one final decision for each trigger, ids never repeat, however time is cut', () => {
    const arbLife = fc.array(
      fc.record({
        gap: fc.integer({ min: 1, max: hours(30) }),
        what: fc.constantFrom('add', 'order', 'page'),
      }),
      { maxLength: 12 },
    )
    const make = { add: added, order: ordered, page }
    const live = (
      life: readonly { gap: Millis; what: 'add' | 'order' | 'page' }[],
      cuts: number,
    ) => {
      const run = stage()
      let now = NOON
      for (const { gap, what } of life) {
        for (let i = 1; i < cuts; i++) run.to(now + Math.floor((gap * i) / cuts))
        now += gap
        run.tell(make[what](now))
      }
      return run.to(now + days(5))
    }
    fc.assert(
      fc.property(arbLife, fc.integer({ min: 2, max: 5 }), (life, cuts) => {
        const run = live(life as { gap: Millis; what: 'add' | 'order' | 'page' }[], 1)
        expect(
          live(life as { gap: Millis; what: 'add' | 'order' | 'page' }[], cuts).decisions,
        ).toEqual(run.decisions)
        const ids = run.decisions.map((d) => d.decision_id)
        expect(new Set(ids).size).toBe(ids.length)
        const final = run.decisions.filter((d) => d.action !== 'defer').map((d) => d.trigger.cause)
        expect(new Set(final).size).toBe(final.length)
        expect(new Set(run.decisions.map((d) => d.trigger.cause)).size).toBe(final.length)
        const sent = run.decisions.filter((d) => d.action === 'send').map((d) => d.decision_id)
        expect(run.outbox.map((message) => message.decision_id)).toEqual(sent)
        expect(run.touches.state('u:42').touches.map((touch) => touch.decision)).toEqual(sent)
        for (const d of run.decisions)
          expect({ ...DECISION_REASONS, ...GUARDRAIL_REASONS }).toHaveProperty(d.reason)
      }),
      { numRuns: 40 },
    )
  })

  test('[ING-7] merged customers keep one of what both wait for, and go on waiting', () => {
    const open = (due: Millis, ordinal: number): OpenTrigger => ({
      trigger: { kind: 'abandoned_cart', definition: 'cart', cause: 'cart:1', at: NOON, facts: {} },
      due,
      ordinal,
      continues: null,
    })
    const h = drive(createDecide(), { start: NOON })
    h.setState('u:1', { open: [open(NOON + 5, 0)] }, [{ name: 'decide', due: NOON + 5 }])
    h.setState('a:1', { open: [open(NOON + 9, 1)] }, [{ name: 'decide', due: NOON + 9 }])
    h.mergeInto('u:1', 'a:1', 'link')
    expect(h.state('u:1').open).toEqual([open(NOON + 9, 1)])
    expect(h.timers('u:1')).toEqual([{ name: 'decide', due: NOON + 9 }])
    expect(h.keys()).toEqual(['u:1'])
  })
})

describe('the model', () => {
  const artefact = ((): UpliftArtefact => {
    const file = new URL('../../../examples/models/hillstrom-visit.json', import.meta.url)
    const read = readArtefact(readFileSync(file))
    if (!read.ok) throw new Error(read.reason)
    return read.artefact
  })()
  const set = setOf(
    ...BASICS,
    'kind: trigger\nid: week\nspec: { on: inactivity }',
    `kind: campaign
id: back
spec:
  title: Back
  triggers: [week]
  topic: marketing
  value: 10
  actions: [{ channel: email, template: mail, intervention: content, arm: womens_email }]`,
  )
  const away = (buys: boolean, serve: UpliftArtefact | null) => {
    const run = stage(set).serve({ artefact: serve })
    if (buys) run.tell(event(NOON, 'Order Completed', { order_id: 'o', revenue: 120 }))
    else run.tell(page(NOON))
    return run.to(NOON + days(7)).decisions[0]
  }

  test('[AUD-1] the active model scores its arm, and the decision shows version and features', () => {
    const decision = away(true, artefact)
    expect(decision).toMatchObject({
      versions: { model: artefact.version },
      chosen: { arm: 'womens_email' },
      inputs: { model_applicable: true, model_features: { recency_months: 1, newbie: 1 } },
    })
    expect(decision?.chosen?.effectSd).toBeGreaterThan(0)
    expect(Object.keys(decision?.inputs['model_features'] ?? {})).toEqual(artefact.features)
    expect(away(true, artefact)).toEqual(decision)
  })

  test('[CMP-4] confidence is the probability that acting beats doing nothing', () => {
    const decision = away(true, artefact)
    const { effect = 0, effectSd = 1 } = decision?.chosen ?? {}
    expect(decision?.confidence_score).toBeGreaterThan(effect > 0 ? 0.5 : 0)
    expect(decision?.confidence_score).toBeLessThanOrEqual(1)
    expect(effect / effectSd).not.toBeNaN()
  })

  test('[CHN-1] without a model, or outside its population, the prior scores and no arm is named', () => {
    expect(away(true, null)).toMatchObject({
      chosen: { arm: null, effect: 0.1 },
      versions: { model: 'none' },
    })
    expect(away(false, artefact)).toMatchObject({
      chosen: { arm: null, effect: 0.1 },
      inputs: { model_applicable: false },
    })
  })
})
