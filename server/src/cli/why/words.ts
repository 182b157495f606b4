/**
 * Reason codes in the words of whoever runs campaigns. A code that is not listed (a newer release
 * wrote it) is shown as it is: codes are readable.
 */

/** Completes "Nothing was sent: ...", "It was held back: ...". */
const DECISIONS: Readonly<Record<string, string>> = {
  best_candidate: 'it was worth most of all candidates, and more than doing nothing',
  nothing_is_better: 'no candidate was worth more than doing nothing',
  outranked: 'another trigger of the same moment had a candidate worth more',
  no_candidate: 'no campaign answers this trigger',
  definition_gone: 'the trigger is no longer among the definitions in force',
  cancelled: 'what had triggered it no longer held (an order, an emptied cart, a return)',
  expired: 'the trigger was older than its maximum age',
  deferred_too_often: 'it had been put off more often than the limit',
  too_many_open: 'more triggers of this customer were waiting than the limit',
}

const CANDIDATES: Readonly<Record<string, string>> = {
  worth_less: 'worth less than the winner',
  other_channel_preferred: 'the customer prefers another channel that the campaign can use',
  not_above_nothing: 'worth no more than doing nothing',
}

const GUARDRAILS: Readonly<Record<string, string>> = {
  guardrail_undecided: 'the guardrail could not tell, and then nothing is sent',
  no_consent: 'no opt-in for this channel and topic is on record',
  consent_withdrawn: 'the opt-in for this channel and topic was withdrawn',
  unsubscribed: 'the customer unsubscribed from everything',
  email_only: 'the customer asked for email only',
  weekly_digest: 'the customer asked for a weekly digest and has had it',
  product_updates_only: 'the customer asked for product updates only, and this advertises',
  communication_fatigue: 'too many messages lately, or several in a row that were not opened',
  channel_cap: 'the cap of this channel is reached',
  overall_cap: 'the cap over all channels is reached',
  minimum_gap: 'the last message is too recent',
  quiet_hours: 'it is quiet hours where the customer is, or may be',
  no_open_hour: 'no coming hour is allowed everywhere the customer may be',
  channel_disabled: 'the shop does not use this channel',
  no_address: 'the customer has no address on this channel',
  invalid_address: 'the address on this channel cannot be one',
}

const WORDS = { ...DECISIONS, ...CANDIDATES, ...GUARDRAILS }

/** The codes that have words, for a test. */
export const KNOWN_REASONS: readonly string[] = Object.keys(WORDS)

export const reasonWords = (code: string): string =>
  Object.hasOwn(WORDS, code) ? (WORDS[code] as string) : code

const TRIGGERS: Readonly<Record<string, string>> = {
  abandoned_cart: 'a cart was left behind',
  browse_abandonment: 'products were viewed and nothing was put into the cart',
  inactivity: 'nothing was heard of the customer for a while',
  dormancy: 'nothing was heard of the customer for a long time',
  stage_change: 'the customer moved to another stage of the lifecycle',
  purchase_milestone: 'the customer reached a number of orders',
}

export const triggerWords = (kind: string): string =>
  Object.hasOwn(TRIGGERS, kind) ? (TRIGGERS[kind] as string) : kind
