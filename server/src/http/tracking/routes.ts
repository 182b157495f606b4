/**
 * The ways in for events: Segment's Tracking API under the addresses of its documentation and the
 * short ones that its browser library calls (`/v1/t` and so on: the first letter of the type, `/v1/b`
 * for batches), and CloudEvents. One path for all: take, authenticate, limit, stamp, append.
 */
import Type from 'typebox'
import { OpportuneError } from '#engine'
import { basicUser } from '../access.ts'
import { isJsonType, jsonText, unpack } from '../body.ts'
import type { Doorkeeper } from '../doorkeeper.ts'
import {
  type Answer,
  described,
  type RawInput,
  type Route,
  type RouteBasics,
  rawRoute,
} from '../route.ts'
import { EVENT_BYTES, takeCloudEvents } from './cloud-events.ts'
import {
  BATCH_BYTES,
  CALL_BYTES,
  type CallType,
  type Taken,
  takeBatch,
  takeCall,
} from './segment.ts'

const CALLS: readonly CallType[] = ['track', 'identify', 'page', 'screen', 'group', 'alias']

const Success = Type.Object({ success: Type.Literal(true) })
const SUCCESS: Answer = {
  status: 200,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify({ success: true }),
}

export type CallSchemas = Readonly<Record<CallType, Type.TSchema>>

export function trackingRoutes(door: Doorkeeper, schemas: CallSchemas): readonly Route[] {
  const segment = (
    basics: Pick<RouteBasics, 'path' | 'id' | 'summary' | 'bodyLimit'>,
    schema: Type.TSchema,
    take: (text: string) => Taken,
  ): Route[] => {
    const made = rawRoute(
      {
        method: 'POST',
        tag: 'tracking',
        access: 'ingest',
        requestBody: { 'application/json': schema },
        answers: { 200: described('Durable.', Success) },
        ...basics,
      },
      (raw) => receive(raw, take, basics.bodyLimit ?? CALL_BYTES, door),
    )
    const short = `/v1/${basics.path.charAt('/v1/'.length)}`
    return [made, { ...made, path: short, id: `${made.id}_short`, hidden: true }]
  }
  return [
    ...CALLS.flatMap((type) =>
      segment(
        { path: `/v1/${type}`, id: type, summary: `A ${type} call.`, bodyLimit: CALL_BYTES },
        addressed(schemas[type]),
        (text) => takeCall(text, type),
      ),
    ),
    ...segment(
      { path: '/v1/batch', id: 'batch', summary: 'Calls of any type.', bodyLimit: BATCH_BYTES },
      batchSchema(schemas),
      takeBatch,
    ),
    cloudEventRoute(door),
  ]
}

async function receive(
  raw: RawInput,
  take: (text: string) => Taken,
  limit: number,
  door: Doorkeeper,
): Promise<Answer> {
  const contentType = raw.headers['content-type']
  // Browser libraries send text/plain, which spares them a preflight.
  if (contentType !== undefined && !isJsonType(contentType) && !/^text\/plain\b/i.test(contentType))
    throw new OpportuneError('http_content_type', 'Events are JSON.')
  const user = basicUser(raw.headers.authorization)
  // A key in a header is checked before its body costs anything.
  if (user !== null) door.admit(user)
  const taken = take(jsonText(await unpack(raw.body, raw.headers['content-encoding'], limit)))
  if (user === null) door.admit(taken.writeKey)
  await door.ingest((receivedAt) => taken.stamp(receivedAt))
  return SUCCESS
}

function cloudEventRoute(door: Doorkeeper): Route {
  const event = Type.Object(
    {
      specversion: Type.Literal('1.0'),
      id: Type.String(),
      source: Type.String(),
      type: Type.String(),
    },
    { additionalProperties: true },
  )
  return rawRoute(
    {
      method: 'POST',
      path: '/v1/events',
      id: 'cloud_events',
      tag: 'tracking',
      summary: 'CloudEvents 1.0: structured, batched, or binary (ce- headers, data as the body).',
      access: 'ingest',
      bodyLimit: BATCH_BYTES,
      requestBody: {
        'application/cloudevents+json': event,
        'application/cloudevents-batch+json': Type.Array(event),
        'application/json': Type.Unknown({ description: `Data, up to ${EVENT_BYTES} bytes.` }),
      },
      answers: { 200: described('Durable.', Success) },
    },
    async (raw) => {
      door.admit(basicUser(raw.headers.authorization))
      const body = await unpack(raw.body, raw.headers['content-encoding'], BATCH_BYTES)
      const records = takeCloudEvents(raw.headers, body)
      await door.ingest(() => records)
      return SUCCESS
    },
  )
}

/** The schema of a call whose type its address says. */
function addressed(schema: Type.TSchema): Type.TSchema {
  const plain = JSON.parse(JSON.stringify(schema)) as SchemaParts
  return Type.Unsafe(withoutType(plain))
}

interface SchemaParts {
  readonly required?: readonly string[]
  readonly allOf?: readonly SchemaParts[]
}

function withoutType(schema: SchemaParts): SchemaParts {
  const { required, allOf } = schema
  return {
    ...schema,
    ...(required === undefined ? {} : { required: required.filter((it) => it !== 'type') }),
    ...(allOf === undefined ? {} : { allOf: allOf.map(withoutType) }),
  }
}

const batchSchema = (schemas: CallSchemas): Type.TSchema =>
  Type.Object(
    {
      batch: Type.Array(Type.Union(CALLS.map((type) => schemas[type])), { maxItems: 2_500 }),
      sentAt: Type.Optional(
        Type.String({ description: 'By the producer’s clock; of all events.' }),
      ),
      context: Type.Optional(
        Type.Record(Type.String(), Type.Unknown(), {
          description: 'Merged under each event’s own.',
        }),
      ),
      integrations: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      writeKey: Type.Optional(Type.String({ description: 'Instead of basic authentication.' })),
    },
    { additionalProperties: true },
  )
