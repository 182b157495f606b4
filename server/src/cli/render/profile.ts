/** A profile for people: fields by theme, what is not known left out unless asked for. */
import type { Profile } from '../../http/views.ts'
import { number, printable, time, value } from '../text.ts'

/** Every field of the profile stands in exactly one theme; a test compares them with the schema. */
export const THEMES: readonly (readonly [theme: string, fields: readonly string[]])[] = [
  ['Customer', ['customer_id', 'as_of', 'lifecycle_stage', 'creation_date', 'acquisition_source']],
  [
    'Contact',
    [
      'first_name',
      'last_name',
      'email_address',
      'phone',
      'push_token',
      'preferred_channel',
      'contact_preferences',
      'consents',
    ],
  ],
  ['Place', ['location_city', 'location_region', 'location_country', 'locale', 'time_zone']],
  [
    'Orders',
    [
      'total_orders',
      'average_order_value',
      'purchase_frequency',
      'lifetime_value',
      'spend_12_months',
      'first_purchase_date',
      'last_purchase_date',
      'recency_days',
      'has_ever_returned_item',
      'product_categories_purchased',
      'transaction_history',
    ],
  ],
  [
    'Browsing',
    [
      'first_seen_timestamp',
      'last_seen_timestamp',
      'session_count',
      'avg_session_duration',
      'product_views',
      'viewed_product_pages',
      'abandoned_cart_details',
      'viewed_bestsellers_page',
      'product_reviews_written',
      'wishlist_items_count',
      'interacted_with_content',
    ],
  ],
  ['Activity', ['activity_1h', 'activity_24h', 'activity_7d', 'activity_30d', 'activity_90d']],
  ['Scores', ['rfm_recency', 'rfm_frequency', 'rfm_monetary', 'cut_points']],
]

/** Fields that hold an instant, besides the lists that do. */
const INSTANTS = new Set([
  'as_of',
  'creation_date',
  'first_purchase_date',
  'last_purchase_date',
  'first_seen_timestamp',
  'last_seen_timestamp',
])
/** Entries of a list shown; the rest is counted. */
const SHOWN = 5

export interface ProfileStyle {
  /** Adds what each field means, and fields that are not known. */
  readonly verbose: boolean
  /** Field name to its description. */
  readonly descriptions: ReadonlyMap<string, string>
}

export function profileText(answer: Profile, style: ProfileStyle): string {
  const { customer_id: asked, canonical_id: canonical, epoch, profile } = answer
  const lines = [
    asked === canonical
      ? printable(`Customer ${asked}`)
      : printable(`Customer ${asked}, kept as ${canonical}`),
    `as of epoch ${epoch}`,
  ]
  // A server of a newer release may know more fields than this program.
  const themed = new Set(THEMES.flatMap(([, fields]) => fields))
  const others = Object.keys(profile).filter((field) => !themed.has(field))
  for (const [theme, fields] of [...THEMES, ['Other', others] as const]) {
    const shown = fields.filter((field) => style.verbose || isKnown(profile[field]))
    if (shown.length === 0) continue
    lines.push('', theme)
    for (const field of shown) lines.push(...fieldLines(field, profile[field], style))
  }
  return `${lines.join('\n')}\n`
}

const isKnown = (of: unknown): boolean =>
  of !== null && of !== undefined && of !== '' && !(Array.isArray(of) && of.length === 0)

const NAME_WIDTH = 30

function fieldLines(field: string, of: unknown, style: ProfileStyle): string[] {
  const indented = (line: string): string => ' '.repeat(NAME_WIDTH + 4) + line
  const [first = '-', ...rest] = valueLines(field, of)
  const description = style.verbose ? style.descriptions.get(field) : undefined
  return [
    `  ${printable(field).padEnd(NAME_WIDTH)}  ${first}`,
    ...rest.map(indented),
    ...(description === undefined ? [] : [indented(`(${description})`)]),
  ]
}

function valueLines(field: string, of: unknown): string[] {
  if (typeof of === 'number' && INSTANTS.has(field)) return [time(of)]
  if (Array.isArray(of)) return listLines(of)
  if (typeof of === 'object' && of !== null) return [record(of)]
  return [value(of)]
}

/** The last entries: lists are kept by rising time. */
function listLines(list: readonly unknown[]): string[] {
  if (list.length === 0) return ['none']
  if (list.every((entry) => typeof entry !== 'object')) return [list.map(value).join(', ')]
  const shown = list.slice(-SHOWN).map((entry) => record(entry as object))
  const hidden = list.length - shown.length
  return hidden === 0 ? shown : [`${hidden} earlier ones`, ...shown]
}

const record = (of: object): string =>
  Object.entries(of)
    .map(([name, inner]) => `${printable(name)} ${part(name, inner)}`)
    .join(', ')

function part(name: string, of: unknown): string {
  if (typeof of === 'number') return /(^|_)at$/.test(name) ? time(of) : number(of)
  if (Array.isArray(of))
    return `(${of.length}) ${of
      .slice(0, SHOWN)
      .map(
        (inner) =>
          `[${inner !== null && typeof inner === 'object' ? record(inner) : value(inner)}]`,
      )
      .join(' ')}`
  return value(of)
}
