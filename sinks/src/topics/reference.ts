/** The reference page of sink topics, from their schemas. */
import { SINK_TOPICS, type SinkTopic } from './topics.ts'

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
}

/** @param profile the profile's schema, whose fields are listed with the topic `profiles` */
export function topicsReference(profile?: object): string {
  const intro = [
    '# Sink topics',
    '',
    'Made from the schemas in `sinks/src/topics/`. Records are JSON, one a record; a chained topic wraps',
    'them (see `decisions`). Instants are ms since 1970, UTC. Fields may be added in any release; none',
    'changes its meaning.',
    '',
  ]
  return [...intro, ...SINK_TOPICS.flatMap((topic) => sectionOf(topic, profile))].join('\n')
}

function sectionOf(topic: SinkTopic, profile: object | undefined): readonly string[] {
  const schema = topic.schema as JsonSchema
  const fields = fieldsOf(schema, '')
  const more =
    topic.name === 'profiles' && profile !== undefined ? fieldsOf(profile, 'profile.') : []
  const by = topic.partitionedBy === 'task' ? 'the task that writes' : 'customer'
  return [
    `## \`${topic.name}\``,
    '',
    `${schema.description ?? ''} ${topic.note}`.trim(),
    '',
    `Partitioned by ${by}.${topic.personal ? ' Holds personal data.' : ''}`,
    '',
    '| Field | Type | Meaning |',
    '|---|---|---|',
    ...fields,
    ...more,
    '',
  ]
}

const MAX_DEPTH = 4

function fieldsOf(schema: JsonSchema, path: string, depth = 0): readonly string[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const full = `${path}${name}`
    const meaning = cell(field.description ?? only(field).description ?? '')
    const optional = required.has(name) ? '' : ' (may lack)'
    const row = `| \`${full}\` | ${cell(typeOf(field))}${optional} | ${meaning} |`
    return depth >= MAX_DEPTH ? [row] : [row, ...inner(field, full, depth)]
  })
}

function inner(field: JsonSchema, path: string, depth: number): readonly string[] {
  const schema = only(field)
  if (schema.properties !== undefined) return fieldsOf(schema, `${path}.`, depth + 1)
  const items = schema.items === undefined ? {} : only(schema.items)
  return items.properties === undefined ? [] : fieldsOf(items, `${path}[].`, depth + 1)
}

/** The one alternative of a union with null; any other schema as it is. */
function only(schema: JsonSchema): JsonSchema {
  const options = schema.anyOf?.filter((option) => option.type !== 'null') ?? []
  return options.length === 1 ? (options[0] as JsonSchema) : schema
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.type === 'array')
    return `list of ${schema.items === undefined ? 'any' : typeOf(schema.items)}`
  return schema.type ?? 'any'
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
