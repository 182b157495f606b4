/**
 * A route is one value: address, who may call it, the schemas of what it takes and gives, and a
 * handler from parsed input to an answer. Validation and the OpenAPI document follow from it; the
 * handler knows nothing of the web framework.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type Type from 'typebox'
import { Check, Default, Errors } from 'typebox/value'
import { OpportuneError } from '#engine'
import type { Role } from './access.ts'

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Media type of the body. */
  readonly type: string
  readonly body: string | Uint8Array | Readable
}

/** A request as it came in, its body unpacked. */
export interface RawInput {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly remoteAddress: string
  readonly requestId: string
  /** Aborted when the client goes away or the route's time is up. */
  readonly signal: AbortSignal
}

export type Access = 'open' | 'ingest' | Role

/** One answer of a route, for the description. */
export interface Described {
  readonly description: string
  /** Media type to schema. */
  readonly content: Readonly<Record<string, Type.TSchema>>
}

export interface Route {
  readonly method: 'GET' | 'POST'
  /** As in OpenAPI: `/customers/{id}/profile`. */
  readonly path: string
  readonly id: string
  readonly tag: string
  readonly summary: string
  readonly access: Access
  /** Refuse a Host that is not this server's, against DNS rebinding. */
  readonly guardHost: boolean
  /** Bytes, packed and unpacked alike. */
  readonly bodyLimit: number
  /** ms until the answer must be there. */
  readonly timeoutMs: number
  readonly params: Type.TObject | null
  readonly query: Type.TObject | null
  readonly requestBody: Readonly<Record<string, Type.TSchema>> | null
  readonly answers: Readonly<Record<number, Described>>
  /** Not in the description: the page and its files. */
  readonly hidden: boolean
  handle(input: RawInput): Promise<Answer> | Answer
}

export type RouteBasics = Pick<Route, 'method' | 'path' | 'id' | 'tag' | 'summary'> &
  Partial<
    Pick<
      Route,
      'access' | 'guardHost' | 'bodyLimit' | 'timeoutMs' | 'requestBody' | 'answers' | 'hidden'
    >
  >

const SMALL_BODY = 1024
const TIMEOUT_MS = 30_000

/** A route that parses its input itself. */
export function rawRoute(basics: RouteBasics, handle: Route['handle']): Route {
  return {
    access: 'open',
    guardHost: false,
    bodyLimit: SMALL_BODY,
    timeoutMs: TIMEOUT_MS,
    requestBody: null,
    answers: {},
    hidden: false,
    ...basics,
    params: null,
    query: null,
    handle,
  }
}

export interface Schemas<P extends Type.TObject, Q extends Type.TObject, B extends Type.TSchema> {
  readonly params?: P
  readonly query?: Q
  readonly body?: B
}

export interface Input<P extends Type.TObject, Q extends Type.TObject, B extends Type.TSchema> {
  readonly params: Type.Static<P>
  readonly query: Type.Static<Q>
  readonly body: Type.Static<B>
  readonly raw: RawInput
}

/** A route of the API: parameters, query and JSON body are checked before the handler sees them. */
export function route<P extends Type.TObject, Q extends Type.TObject, B extends Type.TSchema>(
  basics: RouteBasics,
  schemas: Schemas<P, Q, B>,
  handle: (input: Input<P, Q, B>) => Promise<Answer> | Answer,
): Route {
  const { params, query, body } = schemas
  const checked = (raw: RawInput): Input<P, Q, B> => ({
    params: checkedInput(params, raw.params, 'path') as Type.Static<P>,
    query: checkedInput(query, numbersIn(query, raw.query), 'query') as Type.Static<Q>,
    body: (body === undefined ? null : checkedBody(body, raw)) as Type.Static<B>,
    raw,
  })
  return {
    ...rawRoute(basics, (raw) => handle(checked(raw))),
    access: basics.access ?? 'read',
    guardHost: basics.guardHost ?? true,
    params: params ?? null,
    query: query ?? null,
    requestBody: body === undefined ? null : { 'application/json': body },
  }
}

/** A query is text: where its schema wants a number, and the text is one, it becomes one. */
function numbersIn(
  schema: Type.TObject | undefined,
  query: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const wantsNumber = (name: string): boolean => {
    const { type } = (schema?.properties[name] ?? {}) as { readonly type?: unknown }
    return type === 'integer' || type === 'number'
  }
  return Object.fromEntries(
    Object.entries(query).map(([name, it]) => [
      name,
      wantsNumber(name) && typeof it === 'string' && it.trim() !== '' ? Number(it) : it,
    ]),
  )
}

function checkedBody(schema: Type.TSchema, raw: RawInput): unknown {
  let value: unknown
  try {
    value = JSON.parse(raw.body.toString('utf8'))
  } catch {
    throw new OpportuneError('http_malformed_json', 'It does not parse as JSON.')
  }
  return checkedInput(schema, value, 'body')
}

function checkedInput(schema: Type.TSchema | undefined, value: unknown, where: string): unknown {
  if (schema === undefined) return value
  const full = Default(schema, value)
  if (Check(schema, full)) return full
  const [first] = Errors(schema, full)
  // The path may be a key that the client chose, but it is the client that reads it.
  const at = first?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  throw new OpportuneError(
    'http_invalid_request',
    `${where}${at === '' ? '' : `.${at}`} ${first?.message ?? 'is wrong'}.`,
    { in: where },
  )
}

export const json = (value: unknown, status = 200): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(value),
})

export const text = (value: string, type = 'text/plain; charset=utf-8'): Answer => ({
  status: 200,
  type,
  body: value,
})

export const described = (description: string, schema: Type.TSchema): Described => ({
  description,
  content: { 'application/json': schema },
})
