/**
 * Caps over a sliding window, exact to the millisecond, the proposed message not included (FAT-2).
 * With a cap of 3 the fourth is blocked. A message sent exactly one window ago no longer counts.
 */
import { isPushed, sentWithin } from '../decide/touch-history.ts'
import { type Guardrail, verdictsOf } from './guardrail.ts'

const verdicts = verdictsOf('caps', 'FAT-2')

export const caps: Guardrail = {
  id: 'caps',
  family: 'spam',
  rules: ['FAT-2', 'SPM-1'],
  evaluate({ channel, touches, plan, now }) {
    if (!isPushed(channel)) return verdicts.pass({ exempt: channel })
    const sent = sentWithin(touches, now, plan.caps.window)
    const onChannel = sent.filter((touch) => touch.channel === channel).length
    const cap = plan.caps.perChannel[channel] ?? null
    const evidence = {
      sent: sent.length,
      on_channel: onChannel,
      overall_cap: plan.caps.overall,
      channel_cap: cap,
    }
    if (cap !== null && onChannel >= cap) return verdicts.block('channel_cap', evidence)
    if (sent.length >= plan.caps.overall) return verdicts.block('overall_cap', evidence)
    return verdicts.pass(evidence)
  },
}
