/** What the triggers see of an event: a few facts. An event without them is still a sign of life. */
import type { Millis } from '#engine'
import type { CustomerEvent, JsonObject } from '../contract.ts'
import { orderIdOf, type ProductLine, productOf, productsOf, textOf } from '../ingest/fields.ts'
import { type EventKind, isActivity, kindOf } from '../ingest/vocabulary.ts'
import { createdAt } from '../profile/traits.ts'

/** No such instant yet; nothing is dated 1970. */
export const NEVER: Millis = 0

export type Signal = {
  /** Event time, never after its receipt: a clock that runs ahead must not hold back a deadline. */
  readonly at: Millis
  /** The customer caused it (requirements, Words: Activity). */
  readonly active: boolean
} & (
  | { readonly kind: 'cart_added'; readonly lines: readonly ProductLine[] }
  | { readonly kind: 'cart_removed'; readonly lines: readonly ProductLine[] }
  | { readonly kind: 'cart_viewed'; readonly lines: readonly ProductLine[] }
  | { readonly kind: 'ordered'; readonly order: string }
  | { readonly kind: 'viewed'; readonly product: string | null }
  | { readonly kind: 'signed_up'; readonly since: Millis }
  | { readonly kind: 'other' }
)

export function signalOf(event: CustomerEvent): Signal {
  const at = Math.min(event.at, event.receivedAt)
  const kind = kindOf(event)
  return { at, active: isActivity(event, kind), ...meaning(event, kind, at) }
}

type Meaning = Signal extends infer S
  ? S extends Signal
    ? Omit<S, 'at' | 'active'>
    : never
  : never

function meaning(event: CustomerEvent, kind: EventKind, at: Millis): Meaning {
  const { properties } = event
  switch (kind) {
    case 'product_added':
    case 'wishlist_to_cart':
      return { kind: 'cart_added', lines: linesOf(properties) }
    case 'product_removed':
      return { kind: 'cart_removed', lines: linesOf(properties) }
    case 'cart_viewed':
      // Without its products a view of the cart says nothing about what is in it.
      return Array.isArray(properties['products'])
        ? { kind: 'cart_viewed', lines: linesOf(properties) }
        : { kind: 'other' }
    case 'order_completed':
      return { kind: 'ordered', order: orderIdOf(properties) ?? event.messageId }
    case 'product_viewed':
      return { kind: 'viewed', product: textOf(properties, 'name', 'product_name') }
    case 'signed_up':
      return { kind: 'signed_up', since: at }
    case 'identify': {
      const since = createdAt(event)
      return since === null ? { kind: 'other' } : { kind: 'signed_up', since: Math.min(since, at) }
    }
    default:
      return { kind: 'other' }
  }
}

/** One product on the top level, or a list of them. */
function linesOf(properties: JsonObject): readonly ProductLine[] {
  const single = productOf(properties)
  return single === null ? productsOf(properties) : [single]
}
