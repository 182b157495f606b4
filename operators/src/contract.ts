/**
 * The values that travel between the operators of the customer stage. One declaration each; what
 * leaves through a sink topic has its schema beside the sink.
 *
 *   router: validate -> route           (stateless; writes customer-inbox)
 *   customer stage, key = customer:
 *     dedupe -> identity -> profile -> triggers -> decide -> touches
 *   shop stage, key = shop:
 *     cut-points                         (back to every customer task as a broadcast)
 */
import type { Millis } from '#engine'

export type CallType = 'track' | 'identify' | 'page' | 'screen' | 'group' | 'alias'

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [k: string]: Json }
export type JsonObject = { readonly [k: string]: Json }

/** A validated producer call, as it stands in the inbox. */
export interface CustomerEvent {
  readonly messageId: string
  /** The producer sent no message id: it is a hash of the canonical bytes (ING-5). */
  readonly derivedId: boolean
  readonly type: CallType
  /** Track: the event's name. Page, screen: its name or ''. Else ''. */
  readonly name: string
  readonly userId: string | null
  readonly anonymousId: string | null
  /** alias: the id that becomes `userId`. */
  readonly previousId: string | null
  /** Event time, corrected for the producer's clock skew (ING-6). */
  readonly at: Millis
  readonly receivedAt: Millis
  readonly properties: JsonObject
  /** identify, group. */
  readonly traits: JsonObject
  /** The parts of the context that operators use: locale, timezone, campaign, ip is never kept. */
  readonly context: JsonObject
  /** How often it was forwarded from one id to another (identity chains end at 4). */
  readonly hops: number
}

/** An event for the key it is addressed to. */
export interface EventRecord {
  readonly kind: 'event'
  readonly event: CustomerEvent
  /** Set where it was forwarded: the key that the first hop sent it on to. */
  readonly via?: string
}

/** Asks the key to become part of `target`: somebody saw both ids in one call. */
export interface LinkRecord {
  readonly kind: 'link'
  readonly target: string
  /** Names the link; the same however often it is asked for by one message. */
  readonly link: string
  readonly at: Millis
}

/** Follows a hand-over of state along the pointers to the entity that keeps it. */
export interface LinkedRecord {
  readonly kind: 'linked'
  readonly link: string
  /** The keys it came through, first the one that was linked. */
  readonly path: readonly string[]
  readonly at: Millis
  /** The call that asked for the link; the entity at the end processes it. */
  readonly event: CustomerEvent | null
}

/** Tells a key that what it points to has moved on. */
export interface RedirectRecord {
  readonly kind: 'redirect'
  readonly target: string
  /** Only a pointer that still points here is changed. */
  readonly was: string
}

/** What reaches a customer's key: events, and what ids say to each other; later replies, feedback. */
export type InboxRecord = EventRecord | LinkRecord | LinkedRecord | RedirectRecord

/** What an operator of the customer stage sends to another customer key, through the inbox. */
export interface Forward {
  readonly to: string
  readonly record: InboxRecord
}

export type Channel = 'email' | 'sms' | 'whatsapp' | 'push' | 'in_app' | 'web'

export type Intervention =
  | 'free_shipping'
  | 'discount'
  | 'scarcity'
  | 'social_proof'
  | 'exclusivity'
  | 'content'
  | 'none'

export type TriggerKind =
  | 'abandoned_cart'
  | 'browse_abandonment'
  | 'inactivity'
  | 'dormancy'
  | 'stage_change'
  | 'purchase_milestone'

export type LifecycleStage = 'new' | 'active' | 'at_risk' | 'churned'

/** Something that happened to a customer, once per cause (TRG-2). */
export interface Trigger {
  readonly kind: TriggerKind
  /** The trigger definition that asked for it. */
  readonly definition: string
  /** Names the cause: two triggers with one cause are one trigger. */
  readonly cause: string
  readonly at: Millis
  /** Facts of the trigger (cart value, days inactive, stage from and to, ...). */
  readonly facts: JsonObject
}

export interface Candidate {
  readonly campaign: string
  readonly trigger: Trigger
  readonly channel: Channel
  readonly intervention: Intervention
  readonly template: string
  /** The model arm whose effect is the score; null where no model scored. */
  readonly arm: string | null
  /** Expected effect in probability, with its standard deviation. */
  readonly effect: number
  readonly effectSd: number
  readonly priority: number
  /** Expected margin less all costs, in the shop's currency; "nothing" is worth 0 (ARB-2). */
  readonly worth: number
}

export type Verdict = {
  readonly guardrail: string
  /** The requirement's rule id: the reader's way back to the text. */
  readonly rule: string
  readonly evidence: JsonObject
} & (
  | { readonly outcome: 'pass' }
  | { readonly outcome: 'block'; readonly reason: string }
  | { readonly outcome: 'defer'; readonly reason: string; readonly until: Millis }
)

export type DecisionOutcome = 'send' | 'defer' | 'block' | 'nothing'

/** The engine's answer to a trigger (AUD-1); what the `decisions` topic holds. */
export interface Decision {
  /** hash(key, cause, definition and version, ordinal): the same on every replay. */
  readonly decision_id: string
  readonly timestamp: Millis
  readonly customer_id: string
  readonly agent: string
  readonly action: DecisionOutcome
  readonly reason: string
  readonly trigger: Trigger
  readonly chosen: Candidate | null
  /** The others, each with why it lost. */
  readonly rejected: readonly { readonly candidate: Candidate; readonly reason: string }[]
  readonly guardrail_checks: readonly Verdict[]
  readonly confidence_score: number | null
  readonly human_override: null
  readonly override_reason: null
  readonly execution_status: 'handed_to_outbox' | 'waiting' | 'none'
  /** What was done: campaign, channel, template; empty where nothing was. */
  readonly parameters: JsonObject
  /** Probability with which this action was chosen; 1 without exploration. */
  readonly propensity: number
  /** Always null here: results are new records that point back (AUD-3). */
  readonly result_metrics: null
  readonly deferred_until: Millis | null
  /** The decision that this one continues (a deferral that came due). */
  readonly continues: string | null
  /** Everything the decision rests on: definition set, model, cut points, feature values. */
  readonly versions: {
    readonly definitions: string
    readonly model: string
    readonly cut_points: string
  }
  readonly inputs: JsonObject
}

/** A message to be sent, as the outbox channel writes it. Holds personal data, as a letter does. */
export interface OutboxMessage {
  readonly decision_id: string
  readonly customer_id: string
  readonly timestamp: Millis
  readonly campaign: string
  readonly channel: Channel
  readonly template: string
  /** Address, number or token; null on web and in-app, which find the customer by id. */
  readonly to: string | null
  readonly subject: string | null
  readonly body: string
}
