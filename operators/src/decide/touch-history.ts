/** The marketing messages a customer was sent, as caps and fatigue count them. Pure. */
import type { Millis } from '#engine'
import type { Channel } from '../contract.ts'
import { PUSHED } from '../definitions/parts.ts'

export interface Touch {
  readonly decision: string
  /** When it was handed over. Until deliveries are reported, that stands for its delivery. */
  readonly at: Millis
  readonly channel: Channel
  /** Opened, clicked, replied or read by the person; a machine's open is none. */
  readonly engaged: boolean
}

export const isPushed = (channel: Channel): boolean => PUSHED.some((name) => name === channel)

/** Pushed messages of the last `window`: sent after now - window and not after now. */
export const sentWithin = (
  touches: readonly Touch[],
  now: Millis,
  window: Millis,
): readonly Touch[] =>
  touches.filter((touch) => isPushed(touch.channel) && touch.at > now - window && touch.at <= now)

/** Longest memory; a window of the definitions that is longer is refused. */
export const REMEMBERED_FOR: Millis = 90 * 86_400_000
/** Most messages remembered; far above any cap. The latest stay. */
const REMEMBERED = 500

const inOrder = (touches: readonly Touch[]): Touch[] =>
  [...touches].sort((a, b) => a.at - b.at || (a.decision < b.decision ? -1 : 1))

/** The history with one more message; one of the same decision is not counted twice. */
export const withTouch = (touches: readonly Touch[], touch: Touch): readonly Touch[] =>
  touches.some((known) => known.decision === touch.decision)
    ? touches
    : inOrder([...touches.filter((t) => t.at > touch.at - REMEMBERED_FOR), touch]).slice(
        -REMEMBERED,
      )

/** Marks a message as opened; the same array where it is not known or was marked before. */
export const withEngagement = (touches: readonly Touch[], decision: string): readonly Touch[] =>
  touches.some((touch) => touch.decision === decision && !touch.engaged)
    ? touches.map((touch) => (touch.decision === decision ? { ...touch, engaged: true } : touch))
    : touches

/** Two histories as one; a message in both is one message. */
export function mergeTouches(a: readonly Touch[], b: readonly Touch[]): readonly Touch[] {
  const byDecision = new Map<string, Touch>()
  for (const touch of [...a, ...b]) {
    const known = byDecision.get(touch.decision)
    byDecision.set(touch.decision, known?.engaged === true ? known : touch)
  }
  return inOrder([...byDecision.values()]).slice(-REMEMBERED)
}
