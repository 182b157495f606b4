/**
 * Marketing needs an explicit opt-in for the channel and topic, and the customer's preferences hold on
 * top of it (CON-1).
 *
 * Of the acts on record that cover the channel and topic (a topic `*` covers all), the latest counts;
 * a withdrawal wins a tie. No act is no consent. A permanent unsubscribe outweighs everything.
 */
import type { ConsentAct } from '../decide/facts.ts'
import { sentWithin } from '../decide/touch-history.ts'
import { type Guardrail, type GuardrailRequest, verdictsOf } from './guardrail.ts'

const verdicts = verdictsOf('consent', 'CON-1')

/** The act that counts for the request's channel and topic. */
export function actInForce(request: GuardrailRequest): ConsentAct | undefined {
  let best: ConsentAct | undefined
  for (const act of request.facts.consents) {
    if (act.channel !== request.channel || act.at > request.now) continue
    if (act.topic !== '*' && act.topic !== request.topic.id) continue
    const wins =
      best === undefined || act.at > best.at || (act.at === best.at && act.status === 'withdrawn')
    if (wins) best = act
  }
  return best
}

export const consent: Guardrail = {
  id: 'consent',
  family: 'consent',
  rules: ['CON-1'],
  evaluate(request) {
    const { facts, channel, topic, plan, now } = request
    if (facts.unsubscribed) return verdicts.block('unsubscribed')
    const act = actInForce(request)
    if (act === undefined) return verdicts.block('no_consent', { channel, topic: topic.id })
    const evidence = { channel, topic: topic.id, act_topic: act.topic, act_at: act.at }
    if (act.status === 'withdrawn') return verdicts.block('consent_withdrawn', evidence)
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
