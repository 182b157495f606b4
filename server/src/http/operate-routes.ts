/** The operator's API: queries, dead letters, definitions, savepoints, read sessions. */
import Type from 'typebox'
import { OpportuneError } from '#engine'
import type { Tokens } from './access.ts'
import type { Limits } from './options.ts'
import type { ApplyAnswer, OperatePorts } from './ports.ts'
import { problemAnswer } from './problem.ts'
import {
  type Answer,
  described,
  json,
  type RawInput,
  type Route,
  type RouteBasics,
  route,
} from './route.ts'
import {
  Applied,
  DeadLetterPage,
  DefinitionProblem,
  QueryResult,
  RedriveResult,
  Savepoint,
} from './views.ts'

/** Registered with IANA. */
const ARROW = 'application/vnd.apache.arrow.file'
const SESSION_MS = 12 * 60 * 60 * 1000
const DEFINITION_BYTES = 4 * 1024 * 1024

const operate = (basics: Omit<RouteBasics, 'tag' | 'access'>): RouteBasics => ({
  tag: 'operate',
  access: 'operate',
  ...basics,
})

export const operateRoutes = (
  ports: OperatePorts,
  tokens: Tokens,
  limits: Limits,
): readonly Route[] => [
  queryRoute(ports, limits),
  ...deadLetterRoutes(ports),
  definitionsRoute(ports),
  route(
    operate({
      method: 'POST',
      path: '/api/v1/savepoints',
      id: 'take_savepoint',
      summary: 'Takes a savepoint.',
      timeoutMs: 10 * 60_000,
      answers: { 201: described('Taken.', Savepoint) },
    }),
    {},
    async () => json(await ports.savepoint(), 201),
  ),
  route(
    operate({
      method: 'POST',
      path: '/api/v1/sessions',
      id: 'open_session',
      summary: 'A token that may only read and ends by itself.',
      answers: {
        201: described(
          'The session.',
          Type.Object({ token: Type.String(), expires_at: Type.Integer() }),
        ),
      },
    }),
    {},
    () => {
      const { token, expiresAt } = tokens.readSession(SESSION_MS)
      return json({ token, expires_at: expiresAt }, 201)
    },
  ),
]

function queryRoute(ports: OperatePorts, limits: Limits): Route {
  let running = 0
  return route(
    operate({
      method: 'POST',
      path: '/api/v1/query',
      id: 'query',
      summary: 'SQL that reads, on the analytics tables.',
      bodyLimit: 256 * 1024,
      timeoutMs: limits.queryMs,
      answers: {
        200: {
          description: 'Rows; or all of the answer as an Arrow file, where that was asked for.',
          content: {
            'application/json': QueryResult,
            [ARROW]: Type.String({ contentEncoding: 'binary' }),
          },
        },
      },
    }),
    {
      body: Type.Object(
        {
          sql: Type.String({ minLength: 1, maxLength: 100_000 }),
          params: Type.Optional(
            Type.Record(
              Type.String(),
              Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]),
              { description: 'Values for {name:Type} in the SQL.' },
            ),
          ),
          max_rows: Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000 }),
          format: Type.Union([Type.Literal('json'), Type.Literal('arrow')], {
            default: 'json',
            description: 'arrow: max_rows does not apply.',
          }),
        },
        { additionalProperties: false },
      ),
    },
    async ({ body, raw }) => {
      if (running >= limits.queries)
        throw new OpportuneError('http_overloaded', 'As many queries run as may.')
      running++
      try {
        const { sql, params = {}, max_rows: maxRows, format } = body
        const { signal } = raw
        if (format === 'json') return json(await ports.query(sql, { params, maxRows, signal }))
        return { status: 200, type: ARROW, body: await ports.queryArrow(sql, { params, signal }) }
      } finally {
        running--
      }
    },
  )
}

const deadLetterRoutes = (ports: OperatePorts): Route[] => [
  route(
    operate({
      method: 'GET',
      path: '/api/v1/dead-letters',
      id: 'dead_letters',
      summary: 'Records that were refused, with reason and original bytes, newest first.',
      answers: { 200: described('A page of them.', DeadLetterPage) },
    }),
    {
      query: Type.Object({
        limit: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
        cursor: Type.Optional(Type.String({ maxLength: 256 })),
        code: Type.Optional(Type.String({ maxLength: 64 })),
      }),
    },
    async ({ query }) =>
      json(
        await ports.deadLetters({
          limit: query.limit,
          cursor: query.cursor ?? null,
          code: query.code ?? null,
        }),
      ),
  ),
  route(
    operate({
      method: 'POST',
      path: '/api/v1/dead-letters/redrive',
      id: 'redrive',
      summary: 'Sends dead letters through the router again: those named, or some of one code.',
      bodyLimit: 256 * 1024,
      timeoutMs: 60_000,
      answers: { 200: described('What was sent.', RedriveResult) },
    }),
    {
      body: Type.Union([
        Type.Object(
          { ids: Type.Array(Type.String({ maxLength: 256 }), { minItems: 1, maxItems: 1_000 }) },
          { additionalProperties: false },
        ),
        Type.Object(
          {
            code: Type.String({ maxLength: 64 }),
            limit: Type.Integer({ minimum: 1, maximum: 10_000 }),
          },
          { additionalProperties: false },
        ),
      ]),
    },
    async ({ body }) => json(await ports.redrive(body)),
  ),
]

const definitionsRoute = (ports: OperatePorts): Route =>
  route(
    operate({
      method: 'POST',
      path: '/api/v1/definitions',
      id: 'apply_definitions',
      summary: 'Puts a set of definitions in force: all of it, or nothing.',
      bodyLimit: DEFINITION_BYTES,
      answers: {
        200: described('In force.', Applied),
        422: {
          description: 'Refused; those in force stay.',
          content: {
            'application/problem+json': Type.Object(
              { code: Type.String(), problems: Type.Array(DefinitionProblem) },
              { additionalProperties: true },
            ),
          },
        },
      },
    }),
    {
      body: Type.Object(
        {
          files: Type.Array(
            Type.Object({
              path: Type.String({ minLength: 1, maxLength: 512 }),
              text: Type.String({ maxLength: DEFINITION_BYTES }),
            }),
            { minItems: 1, maxItems: 1_000 },
          ),
        },
        { additionalProperties: false },
      ),
    },
    async ({ body, raw }) => applied(await ports.applyDefinitions(body.files), raw),
  )

function applied(answer: ApplyAnswer, raw: RawInput): Answer {
  if (answer.ok) return json({ version: answer.version, changed: answer.changed })
  const { problems } = answer
  return problemAnswer(
    new OpportuneError('definitions_refused', `There are ${problems.length} problems.`),
    { requestId: raw.requestId, tracking: false },
    { problems },
  )
}
