/** Profile, triggers, decide and touches of one customer, wired by hand over single-operator harnesses. */
import type { Millis, Mode } from '#engine'
import { drive } from '#engine/testing'
import type { CustomerEvent, Decision, OutboxMessage } from '../contract.ts'
import { definitions } from '../definitions/broadcast.ts'
import type { DefinitionSet } from '../definitions/set.ts'
import { hear } from '../profile/hear.ts'
import { profile } from '../profile/profile.ts'
import { NO_PROFILE, type ProfileState } from '../profile/state.ts'
import { TRIGGERS, type TriggerState } from '../triggers/state.ts'
import { event, setOf } from '../triggers/testing.ts'
import { createTriggers } from '../triggers/triggers.ts'
import { createDecide } from './decide.ts'
import { activeModel, type ModelActivated } from './model.ts'
import { TOUCHES, touches } from './touches.ts'

const KEY = 'u:42'

export class CustomerStage {
  readonly triggers = drive(createTriggers())
  readonly decide = drive(createDecide())
  readonly touches = drive(touches)
  profile: ProfileState = NO_PROFILE
  readonly decisions: Decision[] = []
  readonly outbox: OutboxMessage[] = []

  constructor(set: DefinitionSet) {
    this.define(set)
  }

  define(set: DefinitionSet): this {
    this.triggers.withBroadcast(definitions, { record: { set } })
    this.decide.withBroadcast(definitions, { record: { set } })
    return this
  }

  serve(record: ModelActivated): this {
    this.decide.withBroadcast(activeModel, { record })
    return this
  }

  tell(told: CustomerEvent, now: Millis = told.at, mode: Mode = 'live'): this {
    this.to(now, mode)
    this.profile = hear(this.profile, told, now)
    this.touches.record(KEY, { kind: 'event', event: told }, { at: told.at, now, mode })
    this.triggers.record(KEY, { event: told }, { at: told.at, now, mode })
    return this.#follow(now, mode)
  }

  /** Lets time pass; timers of both operators fire in the order of their due times. */
  to(now: Millis, mode: Mode = 'live'): this {
    for (;;) {
      const due = Math.min(
        ...[...this.triggers.timers(KEY), ...this.decide.timers(KEY)].map((timer) => timer.due),
      )
      if (due > now) break
      this.triggers.advanceTo(Math.max(due, this.triggers.now), mode)
      this.#follow(this.triggers.now, mode)
    }
    this.triggers.advanceTo(now, mode)
    return this.#follow(now, mode)
  }

  #follow(now: Millis, mode: Mode): this {
    this.decide
      .withRead(profile, KEY, this.profile)
      .withRead(TRIGGERS, KEY, this.triggers.state(KEY) as TriggerState)
      .withRead(TOUCHES, KEY, this.touches.state(KEY))
    const moment = { at: now, now, mode }
    // All triggers of the instant reach `decide` before its timer, as within one step of a stage.
    const fired = this.triggers.take('trigger')
    fired.forEach((trigger, i) => {
      if (i < fired.length - 1) this.decide.setState(KEY, this.#with(trigger, now), [])
      else this.decide.record(KEY, trigger, moment)
    })
    this.decide.advanceTo(now, mode)
    for (const touch of this.decide.take('touch')) this.touches.record(KEY, touch, moment)
    this.decisions.push(...this.decide.take('decision'))
    this.outbox.push(...this.decide.take('outbox'))
    return this
  }

  #with(trigger: ReturnType<typeof this.triggers.take<'trigger'>>[number], now: Millis) {
    const { open } = this.decide.state(KEY)
    return { open: [...open, { trigger, due: now, ordinal: 0, continues: null }] }
  }

  outcomes(): string[] {
    return this.decisions.map((d) => `${d.trigger.definition} ${d.action} ${d.reason}`)
  }
}

/** A customer who may be written to by email, SMS and push, and lives in London. */
export const known = (at: Millis, more: CustomerEvent['traits'] = {}): CustomerEvent =>
  event(
    at,
    '',
    {},
    {
      type: 'identify',
      messageId: `known-${at}`,
      traits: {
        first_name: 'Ada',
        email: 'ada@example.com',
        phone: '+44 7700 900123',
        address: { country: 'GB' },
        timezone: 'Europe/London',
        consents: { email: true, sms: true, push: true },
        ...more,
      },
    },
  )

const channel = (id: string, spec: string) => `kind: channel\nid: ${id}\nspec: { ${spec} }`
const template = (id: string, spec: string) => `kind: template\nid: ${id}\nspec: { ${spec} }`

export const BASICS = [
  channel('email', 'reports_opens: true, priors: { abandoned_cart: 0.15 }'),
  channel('sms', 'cost: 0.05, priors: { abandoned_cart: 0.12 }'),
  channel('push', 'priors: { abandoned_cart: 0.08 }'),
  'kind: topic\nid: marketing\nspec: { title: Offers }',
  template(
    'mail',
    'channel: email, subject: "Hi {{first_name}}", body: "Your {{product_name}}, {{cart_value}}", fallbacks: { first_name: there, product_name: things, cart_value: much }',
  ),
  template(
    'text',
    'channel: sms, body: "Your {{product_name}}", fallbacks: { product_name: things }',
  ),
  template('note', 'channel: push, subject: Hello, body: "Come back"'),
]

export const CART_CAMPAIGN = [
  'kind: trigger\nid: cart\nspec: { on: abandoned_cart }',
  `kind: campaign
id: recover
spec:
  title: Recover
  triggers: [cart]
  topic: marketing
  value: 10
  actions:
    - { channel: email, template: mail, intervention: content }
    - { channel: sms, template: text, intervention: content }
    - { channel: push, template: note, intervention: content }`,
]

export const CART_SHOP = setOf(...BASICS, ...CART_CAMPAIGN)
