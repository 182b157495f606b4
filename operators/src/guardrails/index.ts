/** The guardrails, in the order in which their verdicts are listed. */
import { caps } from './caps.ts'
import { consent } from './consent.ts'
import { fatigue } from './fatigue.ts'
import { gap } from './gap.ts'
import type { Guardrail } from './guardrail.ts'
import { createQuietHours } from './quiet-hours.ts'
import { reachability } from './reachability.ts'

/** Those that say whether a channel is open to the customer at all, whatever the moment (CHN-1). */
export const CHANNEL_GUARDRAILS: readonly Guardrail[] = [reachability, consent]

export const createGuardrails = (): readonly Guardrail[] => [
  ...CHANNEL_GUARDRAILS,
  caps,
  fatigue,
  gap,
  createQuietHours(),
]
