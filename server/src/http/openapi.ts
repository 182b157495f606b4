/**
 * The OpenAPI 3.1 document, made from the routes themselves. Schemas that several routes share are
 * recognised by identity and named; all others stand where they are used.
 */
import type Type from 'typebox'
import { Problem } from './problem.ts'
import type { Access, Described, Route } from './route.ts'
import * as views from './views.ts'

type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }
type JsonFields = { [key: string]: JsonValue }

const NAMED: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Problem, 'Problem'],
  ...Object.entries(views)
    .filter(([, value]) => typeof value === 'object')
    .map(([name, schema]) => [schema, name] as const),
])

const SECURITY: Readonly<Record<Access, JsonValue[]>> = {
  open: [],
  ingest: [{ writeKey: [] }, {}],
  read: [{ readSession: [] }, { operatorToken: [] }],
  operate: [{ operatorToken: [] }],
}

export function openApi(routes: readonly Route[], version: string): JsonFields {
  const paths: { [path: string]: JsonFields } = {}
  for (const route of routes) {
    if (route.hidden) continue
    const path = paths[route.path] ?? {}
    path[route.method.toLowerCase()] = operation(route)
    paths[route.path] = path
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Opportune',
      version,
      description:
        'Events in (compatible with the Segment Tracking API, and CloudEvents 1.0), decisions out.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'tracking', description: 'Events in. A 200 means durable.' },
      { name: 'read', description: 'Customers, decisions, topology, rates.' },
      { name: 'operate', description: 'Queries, dead letters, definitions, savepoints.' },
      { name: 'system', description: 'Health, metrics, this document.' },
    ],
    paths,
    components: { schemas: namedSchemas(), securitySchemes: securitySchemes() },
  }
}

function operation(route: Route): JsonFields {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')]
  return {
    operationId: route.id,
    summary: route.summary,
    tags: [route.tag],
    security: SECURITY[route.access],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.requestBody === null
      ? {}
      : { requestBody: { required: true, content: contentOf(route.requestBody) } }),
    responses: responsesOf(route),
  }
}

function responsesOf(route: Route): JsonFields {
  const problem: Described = {
    description: 'Any failure; `code` says which.',
    content: { 'application/problem+json': Problem },
  }
  const answers: [string, Described][] = [...Object.entries(route.answers), ['default', problem]]
  return Object.fromEntries(
    answers.map(([status, { description, content }]) => [
      status,
      { description, content: contentOf(content) },
    ]),
  )
}

const contentOf = (content: Readonly<Record<string, Type.TSchema>>): JsonFields =>
  Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [type, { schema: schemaOf(schema) }]),
  )

function parametersOf(schema: Type.TObject | null, where: 'path' | 'query'): JsonFields[] {
  if (schema === null) return []
  const required: readonly string[] = (schema as { required?: string[] }).required ?? []
  return Object.entries(schema.properties).map(([name, property]) => {
    const { description, ...rest } = schemaOf(property) as JsonFields
    const optional = where === 'query' && (!required.includes(name) || 'default' in rest)
    return {
      name,
      in: where,
      required: !optional,
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }
  })
}

/** A schema with every named one inside it as a reference. */
function schemaOf(schema: unknown, itself = false): JsonValue {
  const name = NAMED.get(schema)
  if (name !== undefined && !itself) return { $ref: `#/components/schemas/${name}` }
  if (Array.isArray(schema)) return schema.map((it) => schemaOf(it))
  if (typeof schema !== 'object' || schema === null) return schema as JsonValue
  return Object.fromEntries(Object.entries(schema).map(([key, it]) => [key, schemaOf(it)]))
}

const namedSchemas = (): JsonFields =>
  Object.fromEntries([...NAMED].map(([schema, name]) => [name, schemaOf(schema, true)]))

const securitySchemes = (): JsonFields => ({
  writeKey: {
    type: 'http',
    scheme: 'basic',
    description: 'The write key as user name, no password; or `writeKey` in the body.',
  },
  readSession: { type: 'http', scheme: 'bearer', description: 'Reads, and ends by itself.' },
  operatorToken: {
    type: 'http',
    scheme: 'bearer',
    description: '`operatorToken` of credentials.json in the data directory.',
  },
})
