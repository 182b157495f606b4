import { expect, test } from 'vitest'
import { testServer } from './testing.ts'

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required: boolean
  }[]
  readonly responses: Readonly<Record<string, unknown>>
  readonly security: readonly unknown[]
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: object; readonly securitySchemes: object }
}

async function description(): Promise<Document> {
  const { server } = testServer()
  const answer = await server.app.inject('/openapi.json')
  await server.close()
  return answer.json()
}

/** Every value of the key, however deep. */
function valuesOf(key: string, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, it]) => [
    ...(name === key ? [it] : []),
    ...valuesOf(key, it),
  ])
}

const operations = (document: Document): Operation[] =>
  Object.values(document.paths).flatMap((path) => Object.values(path))

test('[API-2] /openapi.json is OpenAPI 3.1 whose references all lead somewhere', async () => {
  const document = await description()
  expect(document.openapi).toBe('3.1.0')
  const schemas = Object.keys(document.components.schemas)
  const references = valuesOf('$ref', document)
  expect(references.length).toBeGreaterThan(10)
  for (const it of references)
    expect(schemas.map((name) => `#/components/schemas/${name}`)).toContain(it)
  const security = Object.keys(document.components.securitySchemes)
  for (const { security: needs } of operations(document))
    for (const need of needs.flatMap((it) => Object.keys(it as object)))
      expect(security).toContain(need)
})

test('each operation has a name of its own, its parameters, and an answer for failure', async () => {
  const document = await description()
  const names = operations(document).map((it) => it.operationId)
  expect(new Set(names).size).toBe(names.length)
  for (const [path, methods] of Object.entries(document.paths))
    for (const operation of Object.values(methods)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((it) => it[1])
      const declared = (operation.parameters ?? []).filter((it) => it.in === 'path')
      expect(declared.map((it) => it.name)).toEqual(inPath)
      expect(declared.every((it) => it.required)).toBe(true)
      expect(Object.keys(operation.responses)).toContain('default')
      expect(Object.keys(operation.responses).length).toBeGreaterThan(1)
    }
})

test('[ING-2] it describes every documented way in, and none of the short ones', async () => {
  const { paths } = await description()
  const tracking = Object.keys(paths).filter((it) => it.startsWith('/v1/'))
  expect(tracking).toEqual([
    '/v1/track',
    '/v1/identify',
    '/v1/page',
    '/v1/screen',
    '/v1/group',
    '/v1/alias',
    '/v1/batch',
    '/v1/events',
  ])
})

test('a call’s type is required in a batch, and not where its address says it', async () => {
  const { paths } = await description()
  expect(JSON.stringify(valuesOf('requestBody', paths['/v1/track']))).not.toContain(
    '"required":["type"',
  )
  expect(JSON.stringify(valuesOf('requestBody', paths['/v1/batch']))).toContain(
    '"required":["type"]',
  )
})
