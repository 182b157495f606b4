/** Checks one document against the schema of its kind and says what is wrong in words. */
import type Type from 'typebox'
import { Check, Default, Errors } from 'typebox/value'
import type { Problem, SourceDocument } from './documents.ts'
import { KIND_ENTRIES, KINDS, type Kind } from './kinds.ts'
import { CHANNELS, ID_PATTERN } from './parts.ts'
import { didYouMean } from './suggest.ts'

export interface Definition {
  readonly kind: Kind
  readonly id: string
  /** Valid, with its defaults filled in. */
  readonly spec: unknown
  readonly source: SourceDocument
}

type Path = readonly (string | number)[]
type Fields = Readonly<Record<string, unknown>>

const FIELDS = ['kind', 'id', 'spec'] as const

/** What stands where a word should, as far as it can be quoted. */
const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const isFields = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

export const problemAt = (source: SourceDocument, path: Path, reason: string): Problem => ({
  file: source.file,
  line: source.lineOf(path),
  path: path.join('.'),
  reason,
})

/** A definition, or everything that keeps the document from being one. */
export function checkDocument(
  source: SourceDocument,
): { readonly definition: Definition } | { readonly problems: readonly Problem[] } {
  const value = source.value
  if (!isFields(value))
    return { problems: [problemAt(source, [], 'a definition is a map of kind, id and spec')] }
  const problems = Object.keys(value)
    .filter((name) => !FIELDS.some((field) => field === name))
    .map((name) =>
      problemAt(source, [name], `unknown field "${name}": ${didYouMean(name, FIELDS)}`),
    )
  const kind = KINDS.find((known) => known === value['kind'])
  if (kind === undefined) {
    const given = wordOf(value['kind'])
    const reason = `unknown kind "${given}": ${didYouMean(given, KINDS)}`
    return { problems: [...problems, problemAt(source, ['kind'], reason)] }
  }
  const id = KIND_ENTRIES[kind].single ? (value['id'] ?? 'default') : value['id']
  problems.push(...checkId(source, kind, id))
  // Filling in defaults changes the value in place; the document keeps what was written.
  const spec = isFields(value['spec']) ? structuredClone(value['spec']) : {}
  const checked = checkSpec(source, kind, spec)
  problems.push(...checked.problems)
  if (value['spec'] !== undefined && !isFields(value['spec']))
    problems.push(problemAt(source, ['spec'], 'must be a map'))
  if (problems.length > 0) return { problems }
  return { definition: { kind, id: id as string, spec: checked.spec, source } }
}

function checkId(source: SourceDocument, kind: Kind, id: unknown): Problem[] {
  if (typeof id !== 'string' || !new RegExp(ID_PATTERN).test(id))
    return [problemAt(source, ['id'], 'must be 1 to 64 lower case letters, digits, "-" and "_"')]
  if (kind === 'channel' && !CHANNELS.some((name) => name === id))
    return [problemAt(source, ['id'], `unknown channel "${id}": ${didYouMean(id, CHANNELS)}`)]
  if (KIND_ENTRIES[kind].single && id !== 'default')
    return [problemAt(source, ['id'], `there is one ${kind} document; its id is "default"`)]
  return []
}

function checkSpec(
  source: SourceDocument,
  kind: Kind,
  given: Fields,
): { readonly spec: unknown; readonly problems: readonly Problem[] } {
  const { by, schemas } = KIND_ENTRIES[kind]
  const selector = by === null ? '' : wordOf(given[by])
  if (!Object.hasOwn(schemas, selector)) {
    const reason = `unknown value "${selector}": ${didYouMean(selector, Object.keys(schemas))}`
    return { spec: given, problems: [problemAt(source, ['spec', by ?? ''], reason)] }
  }
  const schema = schemas[selector] as Type.TSchema
  const spec = Default(schema, given)
  if (Check(schema, spec)) return { spec, problems: [] }
  return { spec, problems: describe(source, schema, spec) }
}

/** TypeBox's errors as problems: one a field, unknown fields with the name that was meant. */
function describe(source: SourceDocument, schema: Type.TSchema, spec: unknown): Problem[] {
  const problems: Problem[] = []
  for (const error of Errors(schema, spec)) {
    // The same fault again, from the inside: `additionalProperties` below names the field.
    if (error.keyword === 'boolean') continue
    const steps = error.instancePath.split('/').slice(1).map(unescape)
    const path = ['spec', ...steps]
    if (error.keyword === 'additionalProperties') {
      const known = knownFields(schema, steps)
      for (const name of error.params.additionalProperties)
        problems.push(
          problemAt(source, [...path, name], `unknown field "${name}": ${didYouMean(name, known)}`),
        )
    } else if (error.keyword === 'required')
      for (const name of error.params.requiredProperties)
        problems.push(problemAt(source, [...path, name], 'is required'))
    else if (error.keyword === 'enum') {
      const given = String(valueAt(spec, steps))
      const known = error.params.allowedValues.map(String)
      problems.push(
        problemAt(source, path, `unknown value "${given}": ${didYouMean(given, known)}`),
      )
    } else problems.push(problemAt(source, path, error.message))
  }
  return problems
}

const unescape = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~')

const valueAt = (value: unknown, steps: readonly string[]): unknown =>
  steps.reduce<unknown>((inner, step) => (inner as Fields | undefined)?.[step], value)

/** The field names that the schema has at a path of the value. */
function knownFields(schema: Type.TSchema, steps: readonly string[]): string[] {
  let at = schema as { properties?: Record<string, object>; items?: object } | undefined
  for (const step of steps) at = (at?.properties?.[step] ?? at?.items) as typeof at
  return Object.keys(at?.properties ?? {})
}
