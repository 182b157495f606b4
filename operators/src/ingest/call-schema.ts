/**
 * The shape of a producer's call, declared once: OpenAPI and the reference come from here, and a
 * property test holds the hand-written checks of validate.ts (the hot path) to it. What a schema
 * cannot say (ranges of the corrected time, depth, number of keys) is checked there alone.
 *
 * Fields follow the Segment specification. Ids may also be integers (databases have them); `null`
 * means absent, as Segment's own libraries send it. Unknown fields are allowed and ignored.
 */
import Type from 'typebox'
import type { CallType } from '../contract.ts'
import { ISO_TIME_PATTERN } from './iso-time.ts'

export const CALL_TYPES = [
  'track',
  'identify',
  'page',
  'screen',
  'group',
  'alias',
] as const satisfies readonly CallType[]

export const isCallType = (value: unknown): value is CallType =>
  CALL_TYPES.includes(value as CallType)

export const MAX_ID = 256
export const MAX_MESSAGE_ID = 100
export const MAX_NAME = 256

const Id = (description: string) =>
  Type.Union(
    [
      Type.String({ pattern: '\\S', minLength: 1, maxLength: MAX_ID }),
      Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
    ],
    { description },
  )
const orNull = <T extends Type.TSchema>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]))
const Time = (description: string) =>
  orNull(Type.String({ pattern: ISO_TIME_PATTERN, description }))
const Free = (description: string) =>
  orNull(Type.Record(Type.String(), Type.Unknown(), { description }))

const common = {
  messageId: orNull(
    Type.String({
      minLength: 1,
      maxLength: MAX_MESSAGE_ID,
      description: 'Names the message: a second one within the horizon is a duplicate.',
    }),
  ),
  timestamp: Time('When it took place by the producer’s clock; absent: when it was received.'),
  originalTimestamp: Time('As timestamp, which it takes precedence over.'),
  sentAt: Time('When it was sent by the producer’s clock: corrects the timestamp for skew.'),
  receivedAt: Time('When an earlier collector received it (imports of recorded calls).'),
  properties: Free('What the call is about; read by the vocabulary.'),
  traits: Free('What is known of the customer (identify, group); read by the traits convention.'),
  context: Free('Locale, timezone, campaign, device, page, active, traits; the rest is dropped.'),
}

const userId = Id('The customer’s id in the shop’s database.')
const anonymousId = Id('An id of the device or browser for who is not known yet.')

const ids = { userId: orNull(userId), anonymousId: orNull(anonymousId) }
const oneId = { anyOf: [Type.Object({ userId }), Type.Object({ anonymousId })] }

const call = <T extends CallType, P extends Type.TProperties>(type: T, fields: P) =>
  Type.Intersect([
    Type.Object({ type: Type.Literal(type), ...common, ...ids, ...fields }),
    Type.Union(oneId.anyOf),
  ])

const pageName = orNull(Type.String({ maxLength: MAX_NAME }))

/** One schema a call type. */
export const CALL_SCHEMAS = {
  track: call('track', {
    event: Type.String({ pattern: '\\S', maxLength: MAX_NAME, description: 'The event’s name.' }),
  }),
  identify: call('identify', {}),
  page: call('page', { name: pageName }),
  screen: call('screen', { name: pageName }),
  group: call('group', { groupId: Id('The account or group the customer belongs to.') }),
  alias: Type.Object({
    type: Type.Literal('alias'),
    ...common,
    userId,
    previousId: Id('The id that is the same person as userId.'),
    anonymousId: orNull(anonymousId),
  }),
} as const
