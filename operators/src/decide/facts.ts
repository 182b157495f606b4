/** What scores and guardrails need to know of a customer, and nothing else; read from the profile. */
import type { Millis } from '#engine'
import type { Channel } from '../contract.ts'
import { CHANNELS } from '../definitions/parts.ts'
import type { Consents } from '../profile/consents.ts'
import { orderTotals } from '../profile/orders.ts'
import type { ProfileState } from '../profile/state.ts'
import { traitOf } from '../profile/traits.ts'

export const PREFERENCES = ['email_only', 'weekly_digest', 'product_updates_only'] as const
export type Preference = (typeof PREFERENCES)[number]

/** As of one instant. Null means unknown. */
export interface CustomerFacts {
  readonly firstName: string | null
  readonly city: string | null
  readonly email: string | null
  /** As told, without spaces and punctuation. */
  readonly phone: string | null
  readonly pushTokens: readonly string[]
  /** As told: an ISO 3166-1 code or an English name. */
  readonly country: string | null
  /** As told: state or province. */
  readonly region: string | null
  /** As told: an IANA name if it is right. */
  readonly zone: string | null
  readonly preferredChannel: Channel | null
  readonly consents: Consents
  /** For good, from everything. */
  readonly unsubscribed: boolean
  readonly preferences: readonly Preference[]
  readonly firstOrderAt: Millis | null
  readonly lastOrderAt: Millis | null
  /** Net of refunds, last 12 months, in the shop's currency. */
  readonly spend12Months: number
}

/** The word among contact preferences that ends all marketing for good (CON-1). */
const UNSUBSCRIBED = 'unsubscribed'

export function factsOf(profile: ProfileState, now: Millis): CustomerFacts {
  const { traits } = profile
  const said = traitOf(traits, 'contact_preferences')?.split(/[\s,]+/) ?? []
  const token = traitOf(traits, 'push_token')
  const preferred = traitOf(traits, 'preferred_channel')
  const totals = orderTotals(profile.orders, now)
  return {
    firstName: traitOf(traits, 'first_name'),
    city: traitOf(traits, 'city'),
    email: traitOf(traits, 'email'),
    phone: traitOf(traits, 'phone')?.replaceAll(/[\s().-]/g, '') ?? null,
    pushTokens: token === null ? [] : [token],
    country: traitOf(traits, 'country'),
    region: traitOf(traits, 'region'),
    zone: traitOf(traits, 'timezone'),
    preferredChannel: CHANNELS.find((channel) => channel === preferred) ?? null,
    consents: profile.consents,
    unsubscribed: said.includes(UNSUBSCRIBED),
    preferences: PREFERENCES.filter((preference) => said.includes(preference)),
    firstOrderAt: totals.firstAt,
    lastOrderAt: totals.lastAt,
    spend12Months: totals.yearNet / 100,
  }
}
