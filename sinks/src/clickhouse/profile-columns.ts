/**
 * The profiles table follows from the profile's schema: one column a field, its type from the field's
 * type and unit, its comment from the description. The schema arrives as plain JSON Schema, because
 * it is declared in a layer that this one does not know.
 *
 * Units are read where the schema declares them: at the end of a description, `(ms since 1970)` or
 * `(shop currency)`. Columns are only ever added: a field that goes away leaves its column empty, a
 * field whose type changed is refused.
 */
import { OpportuneError } from '#engine'
import type { Writer } from './connect.ts'
import { type Fields, fields, instant, json, list, money } from './values.ts'

export interface ProfileColumn {
  readonly name: string
  readonly type: string
  readonly comment: string
  /** The field's value as the column takes it. */
  readonly from: (value: unknown) => unknown
}

type Kind = 'text' | 'word' | 'whole' | 'real' | 'flag' | 'instant' | 'money' | 'texts' | 'json'

const TYPES: Readonly<Record<Kind, string>> = {
  text: 'String',
  word: 'LowCardinality(String)',
  whole: 'Int64',
  real: 'Float64',
  flag: 'Bool',
  instant: "DateTime64(3, 'UTC')",
  money: 'Decimal(18, 4)',
  texts: 'Array(String)',
  json: 'String',
}

const READ: Readonly<Record<Kind, (value: unknown) => unknown>> = {
  text: (value) => (typeof value === 'string' ? value : ''),
  word: (value) => (typeof value === 'string' ? value : ''),
  whole: (value) => (Number.isSafeInteger(value) ? value : 0),
  real: (value) => (Number.isFinite(value) ? value : 0),
  flag: (value) => value === true,
  instant,
  money: (value) => money(value) ?? '0',
  texts: (value) => list(value).filter((item) => typeof item === 'string'),
  json,
}

/** Filled from elsewhere in the record, and part of the first migration. */
const OWN = new Set(['customer_id', 'as_of', 'cause', 'log_partition', 'log_offset'])
const NAME = /^[a-z][a-z0-9_]{0,63}$/

/** @param schema JSON Schema of the profile: an object with `properties` */
export function profileColumnsOf(schema: unknown): readonly ProfileColumn[] {
  return Object.entries(fields(fields(schema)['properties']))
    .filter(([name]) => NAME.test(name) && !OWN.has(name))
    .map(([name, field]) => columnOf(name, fields(field)))
}

function columnOf(name: string, field: Fields): ProfileColumn {
  const comment = typeof field['description'] === 'string' ? field['description'] : ''
  const options = Array.isArray(field['anyOf']) ? field['anyOf'].map(fields) : [field]
  const nullable = options.some((option) => option['type'] === 'null')
  const [only, ...others] = options.filter((option) => option['type'] !== 'null')
  const kind = only === undefined || others.length > 0 ? 'json' : kindOf(only, comment)
  // Lists and JSON texts have an empty value of their own, and ClickHouse has no nullable lists.
  const orNull = nullable && kind !== 'texts' && kind !== 'json'
  const read = READ[kind]
  return {
    name,
    comment,
    type: orNull ? `Nullable(${TYPES[kind]})` : TYPES[kind],
    from: orNull ? (value) => (value === null || value === undefined ? null : read(value)) : read,
  }
}

function kindOf(field: Fields, comment: string): Kind {
  const unit = /\(([^()]*)\)\.?$/.exec(comment)?.[1]
  if (Array.isArray(field['enum'])) return 'word'
  switch (field['type']) {
    case 'string':
      return 'text'
    case 'integer':
      return unit === 'ms since 1970' ? 'instant' : 'whole'
    case 'number':
      return unit === 'shop currency' ? 'money' : 'real'
    case 'boolean':
      return 'flag'
    case 'array':
      return fields(field['items'])['type'] === 'string' ? 'texts' : 'json'
    default:
      return 'json'
  }
}

/** The row of a snapshot `{ cause, profile }`. */
export function profileRow(
  record: Fields,
  columns: readonly ProfileColumn[],
): Record<string, unknown> {
  const profile = fields(record['profile'])
  const row: Record<string, unknown> = {
    customer_id: READ.text(profile['customer_id']),
    as_of: instant(profile['as_of']),
    cause: READ.text(record['cause']),
  }
  for (const { name, from } of columns) row[name] = from(profile[name])
  return row
}

/**
 * Adds the columns that the table lacks and renews the view of current profiles.
 * @throws analytics_schema_conflict
 */
export async function syncProfileColumns(
  writer: Writer,
  columns: readonly ProfileColumn[],
): Promise<void> {
  const rows = await writer.rows<{ name: string; type: string }>(
    "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'profiles'",
  )
  const known = new Map(rows.map((row) => [row.name, row.type]))
  const missing: string[] = []
  for (const { name, type, comment } of columns) {
    const is = known.get(name)
    if (is === undefined)
      missing.push(`ADD COLUMN IF NOT EXISTS ${name} ${type} COMMENT '${quoted(comment)}'`)
    else if (is !== type)
      throw new OpportuneError('analytics_schema_conflict', `${name} is ${is}, wanted: ${type}.`)
  }
  if (missing.length > 0) await writer.command(`ALTER TABLE profiles ${missing.join(', ')}`)
  await writer.command(CURRENT)
}

/** A view keeps the columns it was made with, so it is made again whenever there may be new ones. */
const CURRENT = `CREATE OR REPLACE VIEW profiles_current AS
SELECT * FROM profiles ORDER BY as_of DESC, log_offset DESC LIMIT 1 BY customer_id`

const quoted = (comment: string): string => comment.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
