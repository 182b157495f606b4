/** Between two pushed messages lies a minimum gap (ARB-1): the second waits for it. */
import { isPushed } from '../decide/touch-history.ts'
import { type Guardrail, verdictsOf } from './guardrail.ts'

const verdicts = verdictsOf('gap', 'ARB-1')

export const gap: Guardrail = {
  id: 'gap',
  family: 'rate',
  rules: ['ARB-1'],
  evaluate({ channel, touches, plan, now }) {
    if (!isPushed(channel)) return verdicts.pass({ exempt: channel })
    const last = touches
      .filter((touch) => isPushed(touch.channel))
      .reduce((at, touch) => Math.max(at, touch.at), Number.NEGATIVE_INFINITY)
    const until = last + plan.caps.minimumGap
    if (until > now) return verdicts.defer('minimum_gap', until, { last_at: last })
    return verdicts.pass(Number.isFinite(last) ? { last_at: last } : {})
  },
}
