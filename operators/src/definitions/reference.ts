/** The reference page of the definitions, written from their schemas, so that it cannot drift. */
import { KIND_ENTRIES, KINDS, type Kind } from './kinds.ts'

interface Shape {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly const?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Shape
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
}

/** Markdown: a section for each kind, a row for each field. */
export function definitionReference(): string {
  const sections = KINDS.map(section)
  return `${[
    '# Definitions',
    'Every document is a map of `kind`, `id` and `spec`. A duration is a number and `m`, `h` or `d`: `90m`, `2h`, `30d`. Fields without default are required unless marked optional.',
    ...sections,
  ].join('\n\n')}\n`
}

function section(kind: Kind): string {
  const entry = KIND_ENTRIES[kind]
  const parts = [`## ${kind}`, entry.about]
  if (entry.single)
    parts.push('One document at most, with the id `default`; without it the defaults hold.')
  for (const [name, schema] of Object.entries(entry.schemas)) {
    if (entry.by !== null) parts.push(`### ${kind}, \`${entry.by}: ${name}\``)
    parts.push(
      [
        '| field | value | default | meaning |',
        '| --- | --- | --- | --- |',
        ...rows(schema as Shape, ''),
      ].join('\n'),
    )
  }
  return parts.join('\n\n')
}

function rows(shape: Shape, prefix: string): string[] {
  const list: string[] = []
  for (const [name, field] of Object.entries(shape.properties ?? {})) {
    const path = prefix === '' ? name : `${prefix}.${name}`
    list.push(row(path, field, shape.required?.includes(name) === true))
    if (field.properties !== undefined) list.push(...rows(field, path))
    if (field.items?.properties !== undefined) list.push(...rows(field.items, `${path}[]`))
  }
  return list
}

function row(path: string, field: Shape, required: boolean): string {
  const standard =
    field.default === undefined
      ? required
        ? ''
        : 'optional'
      : `\`${JSON.stringify(field.default)}\``
  return `| \`${path}\` | ${valueOf(field)} | ${standard} | ${(field.description ?? '').replaceAll('|', '\\|')} |`
}

function valueOf(field: Shape): string {
  if (field.const !== undefined) return `\`${field.const}\``
  if (field.enum !== undefined) return field.enum.map((v) => `\`${v}\``).join(' ')
  if (field.type === 'array') return `list of ${valueOf(field.items ?? {})}`
  if (field.type === 'object') return 'map'
  if (field.pattern?.endsWith('(m|h|d)$') === true) return 'duration'
  if (field.pattern?.includes('24:00') === true) return 'time of day'
  const range =
    field.minimum === undefined && field.maximum === undefined
      ? ''
      : ` ${field.minimum ?? ''}..${field.maximum ?? ''}`
  return `${field.type === 'string' ? 'text' : (field.type ?? 'value')}${range}`
}
