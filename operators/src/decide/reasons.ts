/** Why a decision came out as it did, besides the guardrails' reasons: the closed list. */
export const DECISION_REASONS = {
  best_candidate: 'It was worth most of all candidates, and more than doing nothing.',
  nothing_is_better: 'No candidate was worth more than doing nothing.',
  outranked: 'A candidate of another trigger of the same instant was worth more.',
  no_candidate: 'No campaign answers this trigger.',
  definition_gone: 'The trigger definition is no longer in force.',
  cancelled: 'What the trigger told of no longer holds: an order, an emptied cart, a return.',
  expired: 'The trigger is older than its maximum age.',
  deferred_too_often: 'It was put off more often than the limit.',
  too_many_open: 'More triggers of this customer were waiting than the limit.',
} as const satisfies Record<string, string>

export type DecisionReason = keyof typeof DECISION_REASONS

/** Why a candidate lost, besides being closed out by a channel guardrail. */
export const LOSING_REASONS = {
  worth_less: 'Another candidate was worth more.',
  other_channel_preferred: 'The campaign can reach the customer on the channel they prefer.',
  not_above_nothing: 'It was worth no more than doing nothing.',
} as const satisfies Record<string, string>

export type LosingReason = keyof typeof LOSING_REASONS
