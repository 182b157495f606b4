/** The read API: what the engine knows of a customer, a decision, itself. */
import Type from 'typebox'
import { OpportuneError } from '#engine'
import type { LiveStreams } from './live.ts'
import type { ReadPorts } from './ports.ts'
import { described, json, type Route, type RouteBasics, route, text } from './route.ts'
import { Decision, Member, Profile, Rates, Snapshot, Topology, Why } from './views.ts'

const CustomerId = Type.Object({ id: Type.String({ minLength: 1, maxLength: 256 }) })
const DecisionId = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128 }) })

/** Set by one of our processes that asks another one. */
export const HOPS_HEADER = 'x-opportune-hops'

const hopsOf = (header: string | readonly string[] | undefined): number =>
  typeof header === 'string' && /^\d$/.test(header) ? Number(header) : 0

const read = (basics: Pick<RouteBasics, 'path' | 'id' | 'summary' | 'answers'>): RouteBasics => ({
  method: 'GET',
  tag: 'read',
  access: 'read',
  ...basics,
})

export const readRoutes = (ports: ReadPorts, live: LiveStreams): readonly Route[] => [
  profileRoute(ports),
  ...decisionRoutes(ports),
  topologyRoute(ports),
  route(
    read({
      path: '/api/v1/members',
      id: 'members',
      summary: 'The processes that share the log, and what each of them keeps.',
      answers: {
        200: described('The members.', Type.Object({ members: Type.Array(Member) })),
      },
    }),
    {},
    () => json({ members: ports.members() }),
  ),
  route(
    read({
      path: '/api/v1/rates',
      id: 'rates',
      summary: 'Records per second by node, and totals.',
      answers: { 200: described('The rates.', Rates) },
    }),
    {},
    () => json(ports.rates()),
  ),
  route(
    read({
      path: '/api/v1/live',
      id: 'live',
      summary: 'Server-sent events: a `snapshot` each second.',
      answers: {
        200: {
          description: 'Events named `snapshot` with this as data, or `trouble` with a code.',
          content: { 'text/event-stream': Snapshot },
        },
      },
    }),
    {},
    () => ({
      status: 200,
      type: 'text/event-stream; charset=utf-8',
      headers: { 'x-accel-buffering': 'no' },
      body: live.open(),
    }),
  ),
]

const profileRoute = (ports: ReadPorts): Route =>
  route(
    read({
      path: '/api/v1/customers/{id}/profile',
      id: 'profile',
      summary: 'A customer’s profile as of a committed epoch.',
      answers: { 200: described('The profile.', Profile) },
    }),
    {
      params: CustomerId,
      query: Type.Object({
        min_epoch: Type.Optional(
          Type.Integer({
            minimum: 0,
            description: 'Reflect this epoch at least (read your writes).',
          }),
        ),
      }),
    },
    async ({ params, query, raw }) => {
      const answer = await ports.profile(params.id, {
        minEpoch: query.min_epoch ?? null,
        hops: hopsOf(raw.headers[HOPS_HEADER]),
      })
      if (answer.kind === 'unknown')
        throw new OpportuneError('http_customer_unknown', 'Nothing was found.')
      if (answer.kind === 'behind')
        throw new OpportuneError('http_epoch_behind', `It stands at ${answer.epoch}.`, {
          epoch: answer.epoch,
        })
      const { kind: _, ...profile } = answer
      return json(profile)
    },
  )

function decisionRoutes(ports: ReadPorts): Route[] {
  const found = <T>(value: T | undefined): T => {
    if (value === undefined) throw new OpportuneError('http_decision_unknown', 'Nothing was found.')
    return value
  }
  return [
    route(
      read({
        path: '/api/v1/decisions',
        id: 'decisions',
        summary: 'The latest decisions, newest first.',
        answers: {
          200: described('Decisions.', Type.Object({ decisions: Type.Array(Decision) })),
        },
      }),
      {
        query: Type.Object({
          limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
          customer: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
        }),
      },
      async ({ query }) =>
        json({
          decisions: await ports.latestDecisions({
            limit: query.limit,
            customer: query.customer ?? null,
          }),
        }),
    ),
    route(
      read({
        path: '/api/v1/decisions/{id}',
        id: 'decision',
        summary: 'One decision as it was recorded.',
        answers: { 200: described('The decision.', Decision) },
      }),
      { params: DecisionId },
      async ({ params }) => json(found(await ports.decision(params.id))),
    ),
    route(
      read({
        path: '/api/v1/decisions/{id}/why',
        id: 'why',
        summary: 'One decision explained from its record alone.',
        answers: { 200: described('The explanation.', Why) },
      }),
      { params: DecisionId },
      async ({ params }) => json(found(await ports.why(params.id))),
    ),
  ]
}

const topologyRoute = (ports: ReadPorts): Route =>
  route(
    read({
      path: '/api/v1/topology',
      id: 'topology',
      summary: 'What runs: stages, operators and what feeds what.',
      answers: {
        200: {
          description: 'As asked for by `format`.',
          content: {
            'application/json': Topology,
            'text/plain': Type.String(),
            'text/vnd.mermaid': Type.String(),
          },
        },
      },
    }),
    {
      query: Type.Object({
        format: Type.Union([Type.Literal('json'), Type.Literal('text'), Type.Literal('mermaid')], {
          default: 'json',
        }),
      }),
    },
    ({ query }) => {
      const topology = ports.topology()
      if (query.format === 'text') return text(topology.text)
      if (query.format === 'mermaid')
        return text(topology.mermaid, 'text/vnd.mermaid; charset=utf-8')
      return json(topology.data)
    },
  )
