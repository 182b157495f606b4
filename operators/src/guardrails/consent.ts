/**
 * Marketing needs an explicit opt-in for the channel and topic, and the customer's preferences hold on
 * top of it (CON-1).
 *
 * Of the acts on record that cover the channel and topic, the latest counts (profile/consents.ts). No
 * act is no consent, nor is one dated after now. A permanent unsubscribe outweighs everything.
 */
import { sentWithin } from '../decide/touch-history.ts'
import { consentFor } from '../profile/consents.ts'
import { type Guardrail, verdictsOf } from './guardrail.ts'

const verdicts = verdictsOf('consent', 'CON-1')

export const consent: Guardrail = {
  id: 'consent',
  family: 'consent',
  rules: ['CON-1'],
  evaluate(request) {
    const { facts, channel, topic, plan, now } = request
    if (facts.unsubscribed) return verdicts.block('unsubscribed')
    const acts = facts.consents.filter((known) => known.at <= now)
    const act = consentFor(acts, channel, topic.id)
    if (act === null) return verdicts.block('no_consent', { channel, topic: topic.id })
    const evidence = { channel, topic: topic.id, act_topic: act.topic, act_at: act.at }
    if (!act.granted) return verdicts.block('consent_withdrawn', evidence)
    if (facts.preferences.includes('email_only') && !['email', 'in_app', 'web'].includes(channel))
      return verdicts.block('email_only', evidence)
    if (facts.preferences.includes('product_updates_only') && topic.promotional)
      return verdicts.block('product_updates_only', evidence)
    if (facts.preferences.includes('weekly_digest')) {
      const sent = sentWithin(request.touches, now, plan.caps.digestWindow).length
      if (sent >= plan.caps.digestMessages)
        return verdicts.block('weekly_digest', { ...evidence, sent })
    }
    return verdicts.pass(evidence)
  },
}
