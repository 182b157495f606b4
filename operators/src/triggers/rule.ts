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

/** A cause that time alone brought about. */
export interface Elapsed {
  /** Which memory of TG1 it is checked against and leaves. */
  readonly mark: string
  readonly cause: string
  readonly facts: JsonObject
}

/** What a record brought about by itself. */
export interface Caused {
  readonly at: Millis
  readonly cause: string
  readonly facts: JsonObject
}

export interface TriggerRule {
  readonly kind: TriggerKind
  /**
   * When time alone will bring a cause about if nothing else happens; null: never. May lie in the past:
   * it fires at once then. Asked with every record, so it makes nothing but the number.
   */
  due(state: TriggerState, watch: Watch): Millis | null
  /** What comes about at `due`, which is what `due` answered for the same state. */
  elapsed(state: TriggerState, watch: Watch, due: Millis): Elapsed
  /** The causes in the step from `before` to `after` by a record of event time `at`. */
  caused(before: TriggerState, after: TriggerState, at: Millis, watch: Watch): readonly Caused[]
  /** Whether a trigger that fired is still worth acting upon (TRG-2: an order cancels). */
  stands(state: TriggerState, trigger: Trigger, lifecycle: LifecycleThresholds): boolean
}

const NOTHING: readonly Caused[] = []
export const nothingCaused = (): readonly Caused[] => NOTHING
