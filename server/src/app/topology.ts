/**
 * Opportune as one topology: router, customer stage, shop stage, sinks. The only place where the
 * operators meet.
 *
 *   events, import -> validate -> customer-inbox -> dedupe -> identity -> profile -> triggers -> decide -> touches
 *                                       ^                                   |
 *                                       |                                   '-> contribute
 *                                       '--- cut points <- shop-inbox <------------'   (broadcast)
 *   control -> definitions, model (broadcast)
 */
import {
  asBuffer,
  bytesCodec,
  type Codec,
  type DeadLetter,
  days,
  jsonCodec,
  type KeyedStream,
  output,
  type SinkChain,
  type Stream,
  type Topology,
  topology,
} from '#engine'
import {
  activeModel,
  type CustomerEvent,
  contributionChangeCodec,
  createContribute,
  createDecide,
  createDedupe,
  createProfile,
  createTriggers,
  cutPoints,
  cutPointsOperator,
  type Decision,
  type DefinitionSet,
  type DefinitionsActivated,
  definitions,
  type Forward,
  type InboxRecord,
  identity,
  lifecycleOf,
  type ModelActivated,
  parseEvent,
  routingKey,
  type TouchInput,
  type Trigger,
  touches,
} from '#operators'
import { activityCodec, activityRow } from './activity-row.ts'
import { withEnvelope } from './binary-event.ts'

/** What the `control` topic holds. */
export type ControlRecord =
  | { readonly kind: 'definitions'; readonly activated: DefinitionsActivated }
  | { readonly kind: 'model'; readonly activated: ModelActivated }

export interface TopologyOptions {
  /** Partitions of the customer inbox: how far the customer stage can be spread. */
  readonly partitions: number
  /** Partitions of the topic of raw events; 1 unless it is somebody else's. */
  readonly eventPartitions?: number
  /** Whether live events are taken in beside imported ones. */
  readonly live: boolean
  /** Links decisions into the audit chain. */
  readonly decisionChain: SinkChain<Decision>
}

export const TOPICS = {
  events: 'events',
  import: 'import',
  control: 'control',
  customerInbox: 'customer-inbox',
  activity: 'activity',
  duplicates: 'duplicates',
  sessions: 'sessions',
  profiles: 'profiles',
  identities: 'identities',
  triggers: 'triggers',
  decisions: 'decisions',
  outbox: 'outbox',
  deadLetters: 'dead-letters',
} as const

export interface TriggerRow {
  readonly customer_id: string
  readonly trigger: Trigger
}

const json = <T>(): Codec<T> => jsonCodec<T>()
const customerKey = { key: (row: { readonly customer_id: string }) => row.customer_id }
const keyOfShop = (): string => 'shop'
/** Raw topics are landing zones (protocols, Erasure 2). */
const RAW_RETENTION = days(3)

export function opportune(options: TopologyOptions): Topology {
  const t = topology('opportune')
  const inbox = t.inbox<InboxRecord>(TOPICS.customerInbox, {
    codec: json<InboxRecord>(),
    partitions: options.partitions,
    mergeable: true,
    retentionMs: days(30),
  })

  const { accepted, rejected } = route(t, options)
  accepted.into(inbox, routingKey, { wrap: (event): InboxRecord => ({ kind: 'event', event }) })
  rejected.sink('rejected', { topic: TOPICS.deadLetters, codec: json(), partitions: 1 })

  const control = t.source<ControlRecord>('control', {
    topic: TOPICS.control,
    codec: json<ControlRecord>(),
    clock: { kind: 'append', idle: 'wall' },
  })
  control
    .flatMap((record) => (record.kind === 'definitions' ? [record.activated] : []))
    .broadcastTo(inbox, definitions, json<DefinitionsActivated>())
  control
    .flatMap((record) => (record.kind === 'model' ? [record.activated] : []))
    .broadcastTo(inbox, activeModel, json<ModelActivated>())

  const events = customers(inbox.stream(), (forwards) =>
    forwards.into(inbox, (f) => f.to, { wrap: (f) => f.record, loop: true }),
  )
  const { contributions } = decisions(events, options)
  const shop = contributions
    .keyBy('shop-inbox', keyOfShop, { codec: contributionChangeCodec, retentionMs: days(7) })
    .process(cutPointsOperator)
  shop.cutPoints.broadcastTo(inbox, cutPoints, json())
  // A change after its set was made: counted in the operator's state.
  shop.late.ignore()
  return t
}

/** The router's part: every raw record becomes an event or a dead letter (ING-4). */
function route(t: Topology, { live, eventPartitions = 1 }: TopologyOptions) {
  const imported = t.source<Uint8Array>('import', {
    topic: TOPICS.import,
    codec: bytesCodec,
    clock: { kind: 'append', idle: 'hold', optional: true },
    startsIn: 'history',
    retentionMs: RAW_RETENTION,
  })
  const raw = live ? imported.merge(liveEvents(t, eventPartitions)) : imported
  return raw.branch(
    'validate',
    { accepted: output<CustomerEvent>(), rejected: output<DeadLetter>() },
    (raw, emit, info) => {
      const bytes = withEnvelope(asBuffer(raw), info.headers())
      const parsed = parseEvent(bytes, info.appendedAt)
      if (parsed.ok) emit.accepted(parsed.event)
      else
        emit.rejected({
          code: parsed.code,
          reason: parsed.detail,
          by: 'validate',
          topic: info.topic,
          partition: info.partition,
          offset: info.offset,
          at: info.appendedAt,
          bytes: bytes.toString('base64'),
        })
    },
  )
}

const liveEvents = (t: Topology, partitions: number): Stream<Uint8Array> =>
  t.source<Uint8Array>('events', {
    topic: TOPICS.events,
    partitions,
    codec: bytesCodec,
    clock: { kind: 'append', idle: 'wall' },
    retentionMs: RAW_RETENTION,
  })

/** Who it is and whether it is new. */
function customers(
  stream: KeyedStream<InboxRecord>,
  forward: (forwards: Stream<Forward>) => void,
): KeyedStream<CustomerEvent> {
  const deduped = stream.process(createDedupe())
  deduped.duplicate.sink('duplicate-rows', { topic: TOPICS.duplicates, codec: json() })
  deduped.overflow.ignore()
  const identified = deduped.fresh.process(identity)
  forward(identified.forward)
  identified.identity.sink('identity-rows', { topic: TOPICS.identities, codec: json() })
  identified.refused
    .map(
      ({ code, id, event }, info): DeadLetter => ({
        code,
        reason:
          event === null
            ? 'Only the link was refused; no event is lost.'
            : 'The event was not processed.',
        by: 'identity',
        topic: info.topic,
        partition: info.partition,
        offset: info.offset,
        at: info.time,
        bytes: Buffer.from(JSON.stringify(event ?? { id })).toString('base64'),
      }),
    )
    .sink('refused', { topic: TOPICS.deadLetters, codec: json(), partitions: 1 })
  return identified.event
}

/** What is known of her, what happened to her, what to do about it. */
function decisions(events: KeyedStream<CustomerEvent>, options: TopologyOptions) {
  const profile = createProfile({
    lifecycle: { broadcast: definitions, read: (set) => lifecycleOf(set as DefinitionSet) },
  })
  events.map(activityRow).sink('activity-rows', {
    topic: TOPICS.activity,
    codec: activityCodec,
    retentionMs: days(7),
    key: (row) => row.customer,
  })
  const profiled = events.process(profile)
  profiled.session.sink('session-rows', { topic: TOPICS.sessions, codec: json(), ...customerKey })
  profiled.snapshot.sink('profile-rows', {
    topic: TOPICS.profiles,
    codec: json(),
    key: (row) => row.profile.customer_id,
  })

  const triggered = profiled.profiled.process(createTriggers())
  triggered.trigger
    .map((trigger, { key }): TriggerRow => ({ customer_id: key ?? '', trigger }))
    .sink('trigger-rows', { topic: TOPICS.triggers, codec: json(), ...customerKey })

  const decided = triggered.trigger.process(createDecide())
  decided.decision.sink('decision-records', {
    topic: TOPICS.decisions,
    codec: json(),
    partitionBy: 'task',
    chain: options.decisionChain,
  })
  decided.outbox.sink('outbox-messages', { topic: TOPICS.outbox, codec: json(), ...customerKey })
  decided.touch
    .merge(profiled.profiled.map(({ event }): TouchInput => ({ kind: 'event', event })))
    .process(touches)
  return { contributions: profiled.changed.process(createContribute(profile)).change }
}
