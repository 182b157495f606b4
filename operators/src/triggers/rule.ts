/** What a kind of trigger is: pure answers about a customer's state. */
import type { Millis } from '#engine'
import type { JsonObject, Trigger, TriggerKind } from '../contract.ts'
import type { TriggerPlan } from '../definitions/plan.ts'
import type { LifecycleThresholds } from '../profile/lifecycle.ts'
import type { TriggerState } from './state.ts'

/** A definition together with the boundaries it is judged by. */
export interface Watch {
  readonly plan: TriggerPlan
  readonly lifecycle: LifecycleThresholds
}

/** What time alone will bring about if nothing else happens. */
export interface Pending {
  readonly due: Millis
  /** Which memory of TG1 it is checked against and leaves. */
  readonly mark: string
  /** Asked for only when it fires, as the facts: it is pending with every record and fires once. */
  cause(): string
  facts(): JsonObject
}

/** What a record brought about by itself. */
export interface Caused {
  readonly at: Millis
  readonly cause: string
  readonly facts: JsonObject
}

export interface TriggerRule {
  readonly kind: TriggerKind
  /** Null where nothing is pending. `due` may lie in the past: it fires at once then. */
  pending(state: TriggerState, watch: Watch): Pending | null
  /** The causes in the step from `before` to `after` by a record of event time `at`. */
  caused(before: TriggerState, after: TriggerState, at: Millis, watch: Watch): readonly Caused[]
  /** Whether a trigger that fired is still worth acting upon (TRG-2: an order cancels). */
  stands(state: TriggerState, trigger: Trigger, lifecycle: LifecycleThresholds): boolean
}

export const nothingCaused = (): readonly Caused[] => []
