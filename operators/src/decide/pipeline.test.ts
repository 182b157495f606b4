import { expect, test } from 'vitest'
import { days, hours, jsonCodec, topology } from '#engine'
import { TestDriver } from '#engine/testing'
import type { CustomerEvent, Decision } from '../contract.ts'
import { type DefinitionsActivated, definitions } from '../definitions/broadcast.ts'
import { profile } from '../profile/profile.ts'
import { added, NOON, ordered, page, setOf } from '../triggers/testing.ts'
import { createTriggers } from '../triggers/triggers.ts'
import { createDecide } from './decide.ts'
import { activeModel, type ModelActivated } from './model.ts'
import { BASICS, CART_CAMPAIGN, known } from './stage.fixture.ts'
import { type TouchInput, touches } from './touches.ts'

const events = jsonCodec<CustomerEvent>()
const decisions = jsonCodec<Decision>()

function shop() {
  const t = topology('shop')
  const clock = { kind: 'append', idle: 'hold' } as const
  const inbox = t.inbox<CustomerEvent>('customers', {
    codec: events,
    partitions: 1,
    mergeable: true,
  })
  t.source<CustomerEvent>('events', { topic: 'events', codec: events, clock }).into(
    inbox,
    (e) => `u:${e.userId}`,
  )
  const activations = jsonCodec<DefinitionsActivated>()
  t.source('definitions-feed', { topic: 'definitions', codec: activations, clock }).broadcastTo(
    inbox,
    definitions,
    activations,
  )
  const models = jsonCodec<ModelActivated>()
  t.source('models-feed', { topic: 'models', codec: models, clock }).broadcastTo(
    inbox,
    activeModel,
    models,
  )
  const profiled = inbox.stream().process(profile)
  profiled.session.ignore()
  profiled.snapshot.ignore()
  profiled.changed.ignore()
  const decided = profiled.profiled.process(createTriggers()).trigger.process(createDecide())
  decided.outbox.ignore()
  decided.decision.sink('decisions', {
    topic: 'decisions',
    codec: decisions,
    key: (d) => d.customer_id,
  })
  profiled.profiled
    .map(({ event }): TouchInput => ({ kind: 'event', event }))
    .merge(decided.touch)
    .process(touches)
  return t
}

test('[ARB-1] [FAT-2] [TRG-2] the operators in one stage: triggers of an instant meet, a send counts at once, a crash repeats nothing', async () => {
  const set = setOf(
    ...BASICS,
    ...CART_CAMPAIGN,
    'kind: trigger\nid: quarter\nspec: { on: dormancy, after: 90d }',
    'kind: trigger\nid: churned\nspec: { on: stage_change, to: [churned] }',
    'kind: campaign\nid: a\nspec: { title: A, triggers: [quarter], topic: marketing, value: 5, actions: [{ channel: email, template: mail, intervention: content }] }',
    'kind: campaign\nid: b\nspec: { title: B, triggers: [churned], topic: marketing, value: 6, actions: [{ channel: email, template: mail, intervention: discount }] }',
  )
  const driver = await TestDriver.start(shop(), { startAt: NOON - days(1) })
  const feeds = ['events', 'definitions-feed', 'models-feed']
  const to = async (at: number) => {
    for (const feed of feeds) await driver.control(feed, { mark: at }, { at })
    await driver.advance(at)
  }
  await driver.pipe('definitions-feed', [{ set }], { at: NOON - days(1) })
  await driver.pipe('models-feed', [{ artefact: null }], { at: NOON - days(1) })
  await to(NOON - hours(2))
  const tell = async (event: CustomerEvent) => {
    await driver.pipe('events', [event], { at: event.at })
    await to(event.at)
  }
  await tell(known(NOON - hours(1)))
  await tell(added(NOON))
  await to(NOON + hours(3))
  const [first] = await driver.read('decisions', decisions)
  const touched = () => driver.state('customers', 'touches', 'u:42') as { touches: unknown[] }
  expect(touched().touches).toMatchObject([{ decision: first?.decision_id }])
  await driver.crash()
  await tell(added(NOON + hours(4), 'rug'))
  await tell(ordered(NOON + hours(5)))
  await tell(page(NOON + hours(6)))
  await driver.crash()
  await to(NOON + days(92))
  const made = await driver.read('decisions', decisions)
  expect(made.map((d) => `${d.trigger.definition} ${d.action} ${d.reason}`)).toEqual([
    'cart send best_candidate',
    'quarter nothing outranked',
    'churned send best_candidate',
  ])
  // The first is older than the longest memory by now.
  expect(touched().touches).toMatchObject([{ decision: made[2]?.decision_id }])
  await driver.stop()
})
