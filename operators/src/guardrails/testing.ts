/** A request that every guardrail passes, to be spoilt one fact at a time. */
import type { Channel } from '../contract.ts'
import type { CustomerFacts } from '../decide/facts.ts'
import type { Touch } from '../decide/touch-history.ts'
import { createPlanner, type Plan } from '../definitions/plan.ts'
import type { Consent } from '../profile/consents.ts'
import { NOON, setOf } from '../triggers/testing.ts'
import type { GuardrailRequest } from './guardrail.ts'

const channel = (id: string, more = '') =>
  `kind: channel\nid: ${id}\nspec: { reports_opens: ${id === 'email' || id === 'push'}${more} }`

export const planWith = (...documents: string[]): Plan =>
  createPlanner()(
    setOf(
      ...['email', 'sms', 'whatsapp', 'push', 'in_app', 'web'].map((id) => channel(id)),
      ...documents,
    ),
  )

const STANDARD_PLAN = planWith()

export const act = (channel: Channel, topic: string, granted: boolean, at = 1): Consent => ({
  channel,
  topic,
  granted,
  at,
  by: 'customer',
  source: 'form',
  wording: '1',
})

export const granted = (channels: readonly Channel[], topic = 'offers'): Consent[] =>
  channels.map((channel) => act(channel, topic, true))

export const REACHABLE: CustomerFacts = {
  firstName: 'Ada',
  city: null,
  email: 'ada@example.com',
  phone: '+447700900123',
  pushTokens: ['token'],
  country: 'GB',
  region: null,
  zone: 'Europe/London',
  preferredChannel: null,
  consents: granted(['email', 'sms', 'whatsapp', 'push', 'in_app', 'web']),
  unsubscribed: false,
  preferences: [],
  firstOrderAt: null,
  lastOrderAt: null,
  spend12Months: 0,
}

export function request(
  change: Partial<Omit<GuardrailRequest, 'facts'>> & {
    readonly facts?: Partial<CustomerFacts>
  } = {},
): GuardrailRequest {
  return {
    now: NOON,
    channel: 'email',
    topic: { id: 'offers', promotional: true },
    touches: [],
    plan: STANDARD_PLAN,
    ...change,
    facts: { ...REACHABLE, ...change.facts },
  }
}

/** Messages sent so long before noon, in ms. */
export const touchesAt = (ages: readonly number[], on: Channel = 'email'): Touch[] =>
  ages.map((age, i) => ({ decision: `${on}${i}`, at: NOON - age, channel: on, engaged: false }))
