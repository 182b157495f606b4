/** The sink topics: where results leave, who reads them, what a record holds. One list (SNK-1). */
import type Type from 'typebox'
import { DecisionSchema } from './decision.ts'
import {
  ActivitySchema,
  DeadLetterSchema,
  IdentitySchema,
  OutboxSchema,
  SessionSchema,
  SnapshotSchema,
  TriggerRowSchema,
} from './rows.ts'

export interface SinkTopic {
  readonly name: string
  readonly schema: Type.TSchema
  /** What decides the partition: the customer's key, or the task that writes. */
  readonly partitionedBy: 'customer' | 'task'
  /** Holds names, addresses or what customers did. */
  readonly personal: boolean
  readonly note: string
}

export const SINK_TOPICS: readonly SinkTopic[] = [
  {
    name: 'activity',
    schema: ActivitySchema,
    partitionedBy: 'customer',
    personal: true,
    note: 'What the table `events` is loaded from.',
  },
  {
    name: 'sessions',
    schema: SessionSchema,
    partitionedBy: 'customer',
    personal: true,
    note: 'A late activity may open a session of its own; none is ever taken back.',
  },
  {
    name: 'profiles',
    schema: SnapshotSchema,
    partitionedBy: 'customer',
    personal: true,
    note: 'The last record of a customer is the current profile.',
  },
  {
    name: 'triggers',
    schema: TriggerRowSchema,
    partitionedBy: 'customer',
    personal: true,
    note: 'Also those that no campaign answered.',
  },
  {
    name: 'decisions',
    schema: DecisionSchema,
    partitionedBy: 'task',
    personal: true,
    note:
      'Also the audit trail: never compacted, kept for ever. A record is `{"h": header, "b": body, "x": hash}`; ' +
      'the body is the exact JSON text of what is described here (see `sinks/src/audit/record.ts`).',
  },
  {
    name: 'outbox',
    schema: OutboxSchema,
    partitionedBy: 'customer',
    personal: true,
    note: 'Read by the channels.',
  },
  {
    name: 'identities',
    schema: IdentitySchema,
    partitionedBy: 'customer',
    personal: true,
    note: 'Which id belongs to which; resolved when queried.',
  },
  {
    name: 'dead-letters',
    schema: DeadLetterSchema,
    partitionedBy: 'task',
    personal: true,
    note: 'The bytes are what the producer sent.',
  },
]
