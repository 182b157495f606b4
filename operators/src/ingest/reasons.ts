/**
 * Why a record was refused: stable codes that travel to dead letters and metric labels, with a
 * sentence each for people. A code is never renamed; the detail beside it names a field of the
 * specification, never a value or a key that the producer chose (no personal data).
 */

/** Refusals of `parseEvent`: the record becomes a dead letter and can be redriven (ING-4). */
export const REJECTIONS = {
  record_too_large: 'The record is larger than the limit of its way in.',
  invalid_utf8: 'The bytes are not UTF-8.',
  invalid_json: 'The text is not one JSON value.',
  not_an_object: 'The record is JSON, but not an object.',
  too_deep: 'Objects and lists are nested deeper than the limit.',
  too_many_properties: 'One object has more keys, or the record more values, than the limit.',
  number_not_finite: 'A number is too large to be represented.',
  cloudevent_version: 'The CloudEvents version is not 1.0.',
  cloudevent_data: 'A CloudEvent without a JSON object as its data, or without id, source or type.',
  unknown_type: 'The type is none of identify, track, page, screen, group, alias.',
  wrong_type: 'A field of the specification has a value of another type.',
  id_missing: 'Neither userId nor anonymousId is given (alias: userId or previousId lacks).',
  id_empty: 'An id is an empty or blank string.',
  id_too_long: 'An id is longer than 256 characters.',
  id_characters: 'An id holds control characters or half a surrogate pair.',
  message_id_length: 'The messageId is empty or longer than 100 characters.',
  event_name: 'A track call without an event name, or with one of over 256 characters.',
  group_id_missing: 'A group call without groupId.',
  timestamp_invalid: 'A timestamp is not an ISO 8601 date or date-time.',
  timestamp_too_old: 'The event took place before 2000, after correction for clock skew.',
  timestamp_too_new: 'The event takes place in or after 2100, after correction for clock skew.',
} as const satisfies Record<string, string>

export type Rejection = keyof typeof REJECTIONS

/** Refusals of the identity operator. The customer's state stays whole; see identity.ts. */
export const IDENTITY_REFUSALS = {
  identity_chain_too_long: 'An event was forwarded more than 4 times from id to id.',
  identity_cycle:
    'A link would have closed a circle of ids; the circle was opened at its least id.',
} as const satisfies Record<string, string>

export type IdentityRefusal = keyof typeof IDENTITY_REFUSALS
