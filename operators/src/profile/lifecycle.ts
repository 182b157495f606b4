/**
 * Lifecycle stages (LIF-2), first match: churned (inactive for `churnedAfter`), at_risk (inactive for
 * `atRiskAfter`, or not new and risk at or over the threshold), new (under `newFor` since signup, no
 * order), else active. Boundaries are inclusive: exactly 30 days of inactivity is at_risk.
 *
 * Inactivity counts from the last activity; without any, from the signup; without either the customer
 * is new: there is nothing that could have lapsed.
 */
import { days, END, type Millis } from '#engine'
import type { LifecycleStage } from '../contract.ts'

/** Defaults of the `lifecycle` definition; the one in force is passed in (CFG-1). */
export interface LifecycleThresholds {
  readonly newFor: Millis
  readonly atRiskAfter: Millis
  readonly churnedAfter: Millis
  /** Churn risk from which a customer who is not new is at risk. */
  readonly risk: number
}

export const LIFECYCLE_DEFAULTS: LifecycleThresholds = {
  newFor: days(30),
  atRiskAfter: days(30),
  churnedAfter: days(90),
  risk: 0.7,
}

export interface LifecycleFacts {
  readonly lastActivityAt: Millis | null
  readonly signedUpAt: Millis | null
  readonly orders: number
  /** Churn risk 0..1 of the model or formula in force; null where none has been computed. */
  readonly risk: number | null
}

export function stageOf(
  facts: LifecycleFacts,
  now: Millis,
  thresholds: LifecycleThresholds = LIFECYCLE_DEFAULTS,
): LifecycleStage {
  const since = facts.lastActivityAt ?? facts.signedUpAt
  if (since === null) return 'new'
  const isNew =
    facts.orders === 0 && facts.signedUpAt !== null && now < facts.signedUpAt + thresholds.newFor
  // Compared as instants and not as differences, exactly as the crossings below are computed.
  if (now >= since + thresholds.churnedAfter) return 'churned'
  if (now >= since + thresholds.atRiskAfter) return 'at_risk'
  if (!isNew && facts.risk !== null && facts.risk >= thresholds.risk) return 'at_risk'
  return isNew ? 'new' : 'active'
}

/** The first instant after `now` at which time alone changes the stage; null where it never does. */
export function nextStageCrossing(
  facts: LifecycleFacts,
  now: Millis,
  thresholds: LifecycleThresholds = LIFECYCLE_DEFAULTS,
): Millis | null {
  const since = facts.lastActivityAt ?? facts.signedUpAt
  if (since === null) return null
  const current = stageOf(facts, now, thresholds)
  const atRisk = since + thresholds.atRiskAfter
  const churned = since + thresholds.churnedAfter
  const notNew = facts.signedUpAt === null ? END : facts.signedUpAt + thresholds.newFor
  // Asked for with every event: without a list to be made and sorted.
  for (let at = now; ; ) {
    at = Math.min(after(at, atRisk), after(at, churned), after(at, notNew))
    if (at === END) return null
    if (stageOf(facts, at, thresholds) !== current) return at
  }
}

const after = (now: Millis, instant: Millis): Millis => (instant > now ? instant : END)
