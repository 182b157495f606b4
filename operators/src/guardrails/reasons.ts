/** Every reason for which a guardrail holds a message back: the closed list, with a sentence each. */
export const GUARDRAIL_REASONS = {
  guardrail_undecided:
    'The guardrail lacked what it needs to decide, or failed; that means no send.',
  no_consent: 'No explicit opt-in for this channel and topic is on record.',
  consent_withdrawn: 'The opt-in for this channel and topic was withdrawn.',
  unsubscribed: 'The customer unsubscribed from everything, for good.',
  email_only: 'The customer asked for email only.',
  weekly_digest: 'The customer asked for a weekly digest and has had it.',
  product_updates_only: 'The customer asked for product updates only, and this advertises.',
  communication_fatigue: 'Too many messages lately, or several in a row that were not opened.',
  channel_cap: 'The cap of this channel is reached.',
  overall_cap: 'The cap over all channels is reached.',
  minimum_gap: 'The last message is too recent.',
  quiet_hours: 'It is quiet hours where the customer is, or may be.',
  no_open_hour: 'No instant within the horizon is allowed everywhere the customer may be.',
  channel_disabled: 'The shop does not use this channel.',
  no_address: 'The customer has no address on this channel.',
  invalid_address: 'The address on this channel cannot be one.',
} as const satisfies Record<string, string>

export type GuardrailReason = keyof typeof GUARDRAIL_REASONS
