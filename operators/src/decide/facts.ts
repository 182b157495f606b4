/** What triggers, scores and guardrails need to know of a customer, and nothing else. */
import type { Millis } from '#engine'
import type { Channel } from '../contract.ts'

export interface ConsentAct {
  readonly channel: Channel
  /** A topic of the definitions, or `*` for all. */
  readonly topic: string
  readonly status: 'granted' | 'withdrawn'
  readonly at: Millis
}

export type Preference = 'email_only' | 'weekly_digest' | 'product_updates_only'

/** As of one instant. Null means unknown. */
export interface CustomerFacts {
  readonly firstName: string | null
  readonly city: string | null
  readonly email: string | null
  /** E.164. */
  readonly phone: string | null
  readonly pushTokens: readonly string[]
  /** As told: an ISO 3166-1 code or an English name. */
  readonly country: string | null
  /** State or province, ISO 3166-2 without the country. */
  readonly region: string | null
  /** IANA name, as told. */
  readonly zone: string | null
  readonly preferredChannel: Channel | null
  readonly consents: readonly ConsentAct[]
  readonly unsubscribed: boolean
  readonly preferences: readonly Preference[]
  readonly firstOrderAt: Millis | null
  readonly lastOrderAt: Millis | null
  /** Net of refunds, last 12 months, in the shop's currency. */
  readonly spend12Months: number
}
