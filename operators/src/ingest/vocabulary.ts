/**
 * The event names that operators understand: Segment's e-commerce v2 and email names, and a few of
 * our own where that specification has none (consent, content). Anything else is kind `other`: it is
 * kept, counts as activity, and means nothing more.
 *
 * Names are matched without regard to case, spaces, dashes and underscores ("order_completed",
 * "OrderCompleted", "Order  Completed"), as producers' libraries write them in many ways.
 */
import type { CustomerEvent } from '../contract.ts'

/** Canonical name of each kind; the first of its line. Further ones are aliases. */
const NAMES = {
  products_searched: ['Products Searched', 'Search', 'Product Searched'],
  product_list_viewed: ['Product List Viewed', 'Product Category Viewed', 'Category Viewed'],
  product_list_filtered: ['Product List Filtered'],
  promotion_viewed: ['Promotion Viewed', 'Promotion Impression'],
  promotion_clicked: ['Promotion Clicked'],
  product_clicked: ['Product Clicked'],
  product_viewed: ['Product Viewed', 'Viewed Product', 'View Item'],
  product_added: ['Product Added', 'Added Product', 'Add to Cart', 'Product Added to Cart'],
  product_removed: ['Product Removed', 'Removed Product', 'Remove from Cart'],
  cart_viewed: ['Cart Viewed', 'Viewed Cart', 'View Cart'],
  checkout_started: ['Checkout Started', 'Begin Checkout'],
  checkout_step_viewed: ['Checkout Step Viewed'],
  checkout_step_completed: ['Checkout Step Completed'],
  payment_info_entered: ['Payment Info Entered', 'Add Payment Info'],
  order_updated: ['Order Updated'],
  order_completed: ['Order Completed', 'Completed Order', 'Purchase'],
  order_refunded: ['Order Refunded', 'Refund'],
  order_cancelled: ['Order Cancelled', 'Order Canceled'],
  order_shipped: ['Order Shipped'],
  coupon_entered: ['Coupon Entered'],
  coupon_applied: ['Coupon Applied'],
  coupon_denied: ['Coupon Denied'],
  coupon_removed: ['Coupon Removed'],
  wishlist_added: ['Product Added to Wishlist', 'Add to Wishlist'],
  wishlist_removed: ['Product Removed from Wishlist'],
  wishlist_to_cart: ['Wishlist Product Added to Cart'],
  product_shared: ['Product Shared'],
  cart_shared: ['Cart Shared'],
  product_reviewed: ['Product Reviewed'],
  content_viewed: ['Content Viewed', 'Content Clicked', 'Article Viewed', 'Video Watched'],
  signed_up: ['Signed Up', 'Sign Up', 'Account Created', 'User Registered'],
  consent_given: ['Consent Given', 'Consent Granted', 'Opted In'],
  consent_withdrawn: ['Consent Withdrawn', 'Consent Revoked', 'Opted Out'],
  unsubscribed: ['Unsubscribed'],
  email_delivered: ['Email Delivered'],
  email_opened: ['Email Opened'],
  email_clicked: ['Email Link Clicked'],
  email_bounced: ['Email Bounced'],
  email_complained: ['Email Marked as Spam'],
} as const satisfies Record<string, readonly string[]>

export type EventKind =
  | keyof typeof NAMES
  | 'other'
  | 'page'
  | 'screen'
  | 'identify'
  | 'group'
  | 'alias'

const folded = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]+/g, '')

const KINDS: ReadonlyMap<string, EventKind> = new Map(
  Object.entries(NAMES).flatMap(([kind, names]) =>
    // Canonical names are looked up as they are before anything is folded: they are nearly all.
    names.flatMap((name) => [
      [name, kind as EventKind] as const,
      [folded(name), kind as EventKind] as const,
    ]),
  ),
)

export const trackKind = (name: string): EventKind =>
  KINDS.get(name) ?? KINDS.get(folded(name)) ?? 'other'

export const kindOf = (event: Pick<CustomerEvent, 'type' | 'name'>): EventKind =>
  event.type === 'track' ? trackKind(event.name) : event.type

/** The canonical Segment name of a kind; undefined for `other` and for what is no track call. */
export const canonicalName = (kind: EventKind): string | undefined =>
  (NAMES as Readonly<Record<string, readonly string[] | undefined>>)[kind]?.[0]

/**
 * What the shop or a provider did, not the customer. An opened mail is left out as well: programs
 * open mail, and an event does not say which of the two it was.
 */
const NOT_CAUSED_BY_CUSTOMER: ReadonlySet<EventKind> = new Set<EventKind>([
  'alias',
  'group',
  'order_updated',
  'order_refunded',
  'order_cancelled',
  'order_shipped',
  'email_delivered',
  'email_opened',
  'email_bounced',
])

/**
 * Whether the customer caused the event ("activity" in the requirements): only such events count for
 * sessions, engagement, last_seen and the lifecycle. `context.active: false` is Segment's way to say
 * that a call only updates traits.
 */
export const isActivity = (event: CustomerEvent, kind: EventKind): boolean =>
  !NOT_CAUSED_BY_CUSTOMER.has(kind) && event.context['active'] !== false
