/**
 * The operator `touches`: the contact history that caps, fatigue and the gap are judged by.
 *
 * State: the marketing messages of the last 90 days. Fed by `decide` with every send, in the same step
 * of the stage, so that the next decision of the customer sees it; and by email events that name a
 * decision (`decision_id`, or `email_id` where the provider carries ours there).
 *
 * TO1 A message counts once, however often it is told and whichever ids were merged: histories unite
 *     by decision.
 * TO2 An open or a click by a person marks its message; one by a machine, or of a message that is not
 *     known, marks none.
 */
import { type Context, operator, stateSpec } from '#engine'
import type { CustomerEvent } from '../contract.ts'
import { textOf } from '../ingest/fields.ts'
import { kindOf } from '../ingest/vocabulary.ts'
import { mergeTouches, type Touch, withEngagement, withTouch } from './touch-history.ts'

export type TouchInput =
  | { readonly kind: 'sent'; readonly touch: Touch }
  | { readonly kind: 'event'; readonly event: CustomerEvent }

export interface TouchState {
  readonly touches: readonly Touch[]
}

export const TOUCHES = {
  id: 'touches',
  state: stateSpec<TouchState>({ version: 1, initial: { touches: [] } }),
} as const

/** The decision whose message a person opened or clicked; null for every other event. */
function engagedWith(event: CustomerEvent): string | null {
  const kind = kindOf(event)
  const counts =
    kind === 'email_clicked' ||
    (kind === 'email_opened' && event.properties['machine_open'] !== true)
  return counts ? textOf(event.properties, 'decision_id', 'email_id') : null
}

export const touches = operator({
  ...TOUCHES,
  outputs: {},
  merge: (mine: TouchState, theirs: TouchState): TouchState => ({
    touches: mergeTouches(mine.touches, theirs.touches),
  }),
  onRecord(input: TouchInput, cx: Context<TouchState, Record<never, never>>) {
    const before = cx.get().touches
    const after = input.kind === 'sent' ? withTouch(before, input.touch) : opened(before, input)
    if (after !== before) cx.set({ touches: after })
  },
})

function opened(
  touches: readonly Touch[],
  input: Extract<TouchInput, { kind: 'event' }>,
): readonly Touch[] {
  const decision = touches.length === 0 ? null : engagedWith(input.event)
  return decision === null ? touches : withEngagement(touches, decision)
}
