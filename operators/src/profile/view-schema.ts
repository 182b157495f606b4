/**
 * Every field of a customer profile (PRO-1, 2, 3, 6), declared once: type, unit, meaning. The
 * reference page, OpenAPI and the ClickHouse table follow from it.
 *
 * Instants are ms since 1970 UTC; money is in units of the shop's currency; null means not known.
 */
import Type from 'typebox'

const orNull = <T extends Type.TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description })
const Text = (description: string) => orNull(Type.String(), description)
const Instant = (description: string) => orNull(Type.Integer(), `${description} (ms since 1970)`)
const Count = (description: string) => Type.Integer({ minimum: 0, description })
const Flag = (description: string) => Type.Boolean({ description })
const Money = (description: string) =>
  Type.Number({ description: `${description} (shop currency)` })
const List = <T extends Type.TSchema>(item: T, description: string) =>
  Type.Array(item, { description })
const Score = (description: string) =>
  orNull(Type.Integer({ minimum: 1, maximum: 5 }), `${description} (1 to 5, 5 the best fifth)`)

const Consent = Type.Object({
  channel: Type.String(),
  topic: Type.String({ description: '`*`: every topic.' }),
  granted: Type.Boolean(),
  at: Type.Integer({ description: 'When (ms since 1970).' }),
  by: Type.String({ description: 'Who acted.' }),
  source: Type.String({ description: 'Form, page or call it came from.' }),
  wording: Type.String({ description: 'Version of the wording agreed to.' }),
})

const Transaction = Type.Object({
  order_id: Type.String(),
  at: Type.Integer({ description: 'When it was completed (ms since 1970).' }),
  revenue: Money('Net of discount, without tax and shipping, before refunds'),
  refunded: Money('Given back'),
  items: Type.Number({ description: 'Sum of quantities.' }),
  cancelled: Type.Boolean(),
})

const CartLine = Type.Object({
  product_id: Type.String(),
  name: orNull(Type.String(), 'Product name.'),
  price: orNull(Type.Number(), 'Of one (shop currency).'),
  quantity: Type.Number(),
})

const Viewed = Type.Object({
  product_id: Type.String(),
  at: Type.Integer({ description: 'When it was viewed last (ms since 1970).' }),
})

export const ProfileViewSchema = Type.Object({
  customer_id: Type.String({
    description: 'The entity’s key: u: and the user id, or a: and the anonymous one.',
  }),
  as_of: Type.Integer({ description: 'Task time that the figures hold for (ms since 1970).' }),
  // PRO-1
  first_name: Text('First name.'),
  last_name: Text('Last name.'),
  email_address: Text('Email address.'),
  phone: Text('Phone number as given.'),
  push_token: Text('Token of the device that spoke last.'),
  location_city: Text('City.'),
  location_region: Text('State or region.'),
  location_country: Text('Country as given; ISO 3166-1 where the producer keeps to it.'),
  locale: Text('Locale of the latest call.'),
  time_zone: Text('IANA zone of the latest call.'),
  acquisition_source: Text('The first campaign source or acquisition_source trait.'),
  creation_date: Instant('Sign-up; without one the first event'),
  preferred_channel: Text('As the customer said.'),
  contact_preferences: List(Type.String(), 'email_only, weekly_digest, product_updates_only.'),
  consents: List(Consent, 'The act that stands per channel and topic.'),
  lifecycle_stage: Type.Enum(['new', 'active', 'at_risk', 'churned'], {
    description: 'LIF-2, as of as_of.',
  }),
  // PRO-2
  transaction_history: List(Transaction, 'The last 100 orders by rising time.'),
  total_orders: Count('Orders, all time, without cancelled ones.'),
  average_order_value: orNull(Type.Number(), 'Revenue per order before refunds (shop currency).'),
  purchase_frequency: Count('Orders in 12 months (365 UTC days).'),
  first_purchase_date: Instant('First order among those in the history'),
  last_purchase_date: Instant('Last order'),
  lifetime_value: Money('Revenue of all orders, net of refunds and cancellations'),
  spend_12_months: Money('The same over 12 months'),
  has_ever_returned_item: Flag('Whether anything was ever refunded.'),
  product_categories_purchased: List(Type.String(), 'Sorted; at most 50.'),
  // PRO-3
  first_seen_timestamp: Instant('First event'),
  last_seen_timestamp: Instant('Last activity of the customer’s own'),
  session_count: Count('Sessions of the last 90 days.'),
  avg_session_duration: orNull(Type.Number(), 'Mean duration of these (s).'),
  viewed_product_pages: List(Viewed, 'The last 20 products, by rising time.'),
  product_views: Count('Product Viewed events, all time.'),
  abandoned_cart_details: orNull(
    Type.Object({
      value: Money('Of the lines with a known price'),
      changed_at: Type.Integer({ description: 'Last change (ms since 1970).' }),
      lines: Type.Array(CartLine),
    }),
    'What lies in the cart, abandoned or not; the trigger decides which.',
  ),
  viewed_bestsellers_page: Flag('Whether a bestseller list or page was ever viewed.'),
  product_reviews_written: Count('Reviews written, all time.'),
  wishlist_items_count: Count('Products on the wishlist.'),
  interacted_with_content: Flag('Whether content was ever viewed or anything shared.'),
  // PRO-6
  activity_1h: Count('Activities in the last hour, in steps of 5 minutes.'),
  activity_24h: Count('Activities in the last 24 hours, in steps of 5 minutes.'),
  activity_7d: Count('Activities in the last 7 UTC days.'),
  activity_30d: Count('Activities in the last 30 UTC days.'),
  activity_90d: Count('Activities in the last 90 UTC days.'),
  recency_days: orNull(Type.Integer(), 'UTC days since the last order.'),
  rfm_recency: Score('Recency of the last order'),
  rfm_frequency: Score('Orders in 12 months'),
  rfm_monetary: Score('Net spend in 12 months'),
  cut_points: Text('Version of the cut points that the scores rest on.'),
})

export type ProfileView = Type.Static<typeof ProfileViewSchema>
