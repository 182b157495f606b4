/** The unchained sink topics: what their records hold. */
import Type from 'typebox'
import { TriggerSchema } from './decision.ts'
import {
  CHANNELS,
  CustomerId,
  type DeepReadonly,
  FactsSchema,
  Nullable,
  oneOf,
  Text,
  Time,
} from './parts.ts'

const CustomerEventSchema = Type.Object(
  {
    messageId: Text('The message id of the producer, or a hash of its bytes.'),
    derivedId: Type.Boolean({ description: 'The producer sent no message id (ING-5).' }),
    type: oneOf(['track', 'identify', 'page', 'screen', 'group', 'alias'], 'The kind of call.'),
    name: Text("Track: the event's name. Page, screen: its name or empty. Else empty."),
    userId: Nullable(Text('As sent.')),
    anonymousId: Nullable(Text('As sent.')),
    previousId: Nullable(Text('alias: the id that becomes userId.')),
    at: Time('Event time, corrected for the clock skew of the producer (ING-6)'),
    receivedAt: Time('When it arrived'),
    properties: FactsSchema('As sent.'),
    traits: FactsSchema('identify and group: as sent.'),
    context: FactsSchema('The parts of the context that operators use.'),
    hops: Type.Integer({ description: 'How often it was forwarded from one id to another.' }),
  },
  { description: 'A validated producer call.' },
)

export const ActivitySchema = Type.Object(
  {
    customer: CustomerId,
    event: CustomerEventSchema,
    late_ms: Type.Integer({
      minimum: 0,
      description: 'receivedAt less event time, in ms; at least 0.',
    }),
    order: Nullable(
      Type.Object(
        {
          kind: oneOf(['completed', 'refunded', 'cancelled'], 'What happened to the order.'),
          id: Text('Order id.'),
          amount: Nullable(
            Type.Number({
              description:
                'Completed: revenue net of discount, without tax and shipping. Refunded: what was given back; null: all of it. Cancelled: null (shop currency).',
            }),
          ),
        },
        { description: 'What an order event means, by the rule that profiles follow; else null.' },
      ),
    ),
    mode: oneOf(
      ['history', 'live'],
      'history: from an import, changes state but proposes nothing.',
    ),
  },
  { description: 'An accepted event, once: after validation, deduplication and identity.' },
)

export const SessionSchema = Type.Object(
  {
    customer_id: CustomerId,
    start: Time('Event time of its first activity'),
    end: Time('Event time of its last activity'),
    duration_s: Type.Number({ minimum: 0, description: 'From the first to the last (s).' }),
    events: Type.Integer({ minimum: 1, description: 'Activities in it.' }),
  },
  { description: 'A session that closed: 30 minutes without activity (PRO-6).' },
)

export const TriggerRowSchema = Type.Object(
  { customer_id: CustomerId, trigger: TriggerSchema },
  { description: 'A trigger, once per cause (TRG-2).' },
)

export const SnapshotSchema = Type.Object(
  {
    cause: oneOf(
      ['order', 'refund', 'traits', 'consent', 'stage', 'session', 'identity'],
      'The first of these, in this order, that applies.',
    ),
    profile: FactsSchema('Every field of the profile as of `as_of`; see the profile reference.'),
  },
  {
    description: 'A profile where something changed that a reader waits for; the last one counts.',
  },
)

export const OutboxSchema = Type.Object(
  {
    decision_id: Text('The decision that authorises it.'),
    customer_id: CustomerId,
    timestamp: Time('Task time of the decision'),
    campaign: Text('The campaign it belongs to.'),
    channel: oneOf(CHANNELS, 'Where it goes.'),
    template: Text('The template rendered.'),
    to: Nullable(Text('Address, number or token; null on web and in-app. Personal data.')),
    subject: Nullable(Text('Rendered; null where the channel has none.')),
    body: Text('Rendered.'),
  },
  { description: 'A message to be sent.' },
)

export const IdentitySchema = Type.Object(
  {
    id: Text('The id that belongs to the target.'),
    target: Text('The id it belongs to.'),
    at: Time('Since when'),
    cause: oneOf(['linked', 'repointed', 'opened'], 'How it came about.'),
  },
  { description: 'A change of identity (ING-7).' },
)

export const DeadLetterSchema = Type.Object(
  {
    code: Text('Stable code.'),
    reason: Text('For people; no personal data.'),
    by: Text('Stage or operator that refused it.'),
    topic: Text('Where it stood.'),
    partition: Type.Integer({ description: 'Partition of that topic.' }),
    offset: Type.Integer({ description: 'Offset in that partition.' }),
    at: Time('Time of the record'),
    bytes: Text('The record, base64: `opportune dlq redrive` puts it back.'),
  },
  { description: 'Something that could not be processed, with its bytes (ING-4).' },
)

export type Activity = DeepReadonly<Type.Static<typeof ActivitySchema>>
export type SessionRow = DeepReadonly<Type.Static<typeof SessionSchema>>
export type TriggerRow = DeepReadonly<Type.Static<typeof TriggerRowSchema>>
export type Snapshot = DeepReadonly<Type.Static<typeof SnapshotSchema>>
export type OutboxMessage = DeepReadonly<Type.Static<typeof OutboxSchema>>
export type IdentityChange = DeepReadonly<Type.Static<typeof IdentitySchema>>
