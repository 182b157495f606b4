/**
 * Who has had enough is left alone (FAT-1): many messages lately whatever became of them, or several
 * of which none was opened. The second leg counts only messages whose opening would be known: on a
 * channel that reports opens, and old enough to have been read. An opening of any message of the window,
 * a click in an SMS included, says that they are not all ignored.
 */
import { isPushed, sentWithin } from '../decide/touch-history.ts'
import { type Guardrail, verdictsOf } from './guardrail.ts'

const verdicts = verdictsOf('fatigue', 'FAT-1')

export const fatigue: Guardrail = {
  id: 'fatigue',
  family: 'spam',
  rules: ['FAT-1'],
  evaluate({ channel, touches, plan, now }) {
    if (!isPushed(channel)) return verdicts.pass({ exempt: channel })
    const { caps } = plan
    const sent = sentWithin(touches, now, caps.fatigueWindow)
    const settled = sent.filter(
      (touch) =>
        now - touch.at >= caps.fatigueSettle &&
        plan.set.channels[touch.channel]?.reports_opens === true,
    )
    const opened = sent.filter((touch) => touch.engaged).length
    const evidence = { sent: sent.length, settled: settled.length, opened }
    const unopened = opened === 0 && settled.length >= caps.fatigueUnopened
    return sent.length >= caps.fatigueMessages || unopened
      ? verdicts.block('communication_fatigue', evidence)
      : verdicts.pass(evidence)
  },
}
