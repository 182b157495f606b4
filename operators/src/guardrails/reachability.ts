/** A message goes only where there is a way to the customer (CHN-2). */
import type { Channel } from '../contract.ts'
import type { CustomerFacts } from '../decide/facts.ts'
import type { Guardrail } from './guardrail.ts'
import { verdictsOf } from './guardrail.ts'

const verdicts = verdictsOf('reachability', 'CHN-2')

// Deliberately loose: enough to tell an address from a slip; the provider is the judge of the rest.
const EMAIL = /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]+\.[^\s@<>,;".]{2,}$/
const PHONE = /^\+[1-9][0-9]{6,14}$/

/** The customer's address on a channel; null where there is none, '' where the channel needs none. */
export function addressOn(channel: Channel, facts: CustomerFacts): string | null {
  switch (channel) {
    case 'email':
      return facts.email
    case 'sms':
    case 'whatsapp':
      return facts.phone
    case 'push':
      return facts.pushTokens[0] ?? null
    case 'in_app':
    case 'web':
      return ''
  }
}

function isPlausible(channel: Channel, address: string): boolean {
  switch (channel) {
    case 'email':
      return address.length <= 254 && EMAIL.test(address)
    case 'sms':
    case 'whatsapp':
      return PHONE.test(address)
    case 'push':
      return address.length > 0 && address.length <= 4096
    case 'in_app':
    case 'web':
      return true
  }
}

export const reachability: Guardrail = {
  id: 'reachability',
  family: 'channel',
  rules: ['CHN-2'],
  evaluate({ channel, facts, plan }) {
    if (plan.set.channels[channel]?.enabled !== true) return verdicts.block('channel_disabled')
    const address = addressOn(channel, facts)
    if (address === null) return verdicts.block('no_address')
    return isPlausible(channel, address) ? verdicts.pass() : verdicts.block('invalid_address')
  },
}
