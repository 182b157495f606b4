/**
 * The profile as readers see it, computed from the state as of an instant: everything that expires
 * does so here, without an event (PRO-6). Fields and units: view-schema.ts.
 */
import type { Millis } from '#engine'
import type { Cents } from '../ingest/fields.ts'
import { wishCount } from './browsing.ts'
import { type CartContent, cartContent } from './cart.ts'
import type { CutPoints } from './cutpoints.ts'
import { engagementFigures } from './engagement.ts'
import { LIFECYCLE_DEFAULTS, type LifecycleThresholds, stageOf } from './lifecycle.ts'
import { type Order, type OrderTotals, orderTotals } from './orders.ts'
import { daysBetween, rfmOf } from './rfm.ts'
import { sessionFigures } from './sessions.ts'
import type { ProfileState } from './state.ts'
import { traitOf } from './traits.ts'
import type { ProfileView } from './view-schema.ts'

export interface ViewOptions {
  readonly customer: string
  readonly cutPoints: CutPoints | null
  readonly thresholds?: LifecycleThresholds
}

export function profileView(state: ProfileState, now: Millis, options: ViewOptions): ProfileView {
  const totals = orderTotals(state.orders, now)
  return {
    customer_id: options.customer,
    as_of: now,
    ...identityFields(state),
    lifecycle_stage: stageOf(
      {
        lastActivityAt: state.lastSeen || null,
        signedUpAt: state.signedUp || state.firstSeen || null,
        orders: totals.orders,
        risk: null,
      },
      now,
      options.thresholds ?? LIFECYCLE_DEFAULTS,
    ),
    ...orderFields(state, totals),
    ...browsingFields(state, now),
    ...engagementFields(state, now),
    ...rfmFields(totals, options.cutPoints, now),
  }
}

function identityFields(state: ProfileState) {
  const { traits } = state
  return {
    first_name: traitOf(traits, 'first_name'),
    last_name: traitOf(traits, 'last_name'),
    email_address: traitOf(traits, 'email'),
    phone: traitOf(traits, 'phone'),
    push_token: traitOf(traits, 'push_token'),
    location_city: traitOf(traits, 'city'),
    location_region: traitOf(traits, 'region'),
    location_country: traitOf(traits, 'country'),
    locale: traitOf(traits, 'locale'),
    time_zone: traitOf(traits, 'timezone'),
    acquisition_source: traitOf(traits, 'acquisition_source'),
    creation_date: state.signedUp || state.firstSeen || null,
    preferred_channel: traitOf(traits, 'preferred_channel'),
    contact_preferences: traitOf(traits, 'contact_preferences')?.split(/[\s,]+/) ?? [],
    // Copied, because a view is handed out and the state must stay what it is.
    consents: state.consents.map((consent) => ({ ...consent })),
  }
}

const money = (cents: Cents): number => cents / 100

function orderFields(state: ProfileState, totals: OrderTotals) {
  return {
    transaction_history: state.orders.recent.filter((order) => order.at !== 0).map(transaction),
    total_orders: totals.orders,
    average_order_value: totals.orders === 0 ? null : money(totals.revenue / totals.orders),
    purchase_frequency: totals.yearOrders,
    first_purchase_date: totals.firstAt,
    last_purchase_date: totals.lastAt,
    lifetime_value: money(totals.net),
    spend_12_months: money(totals.yearNet),
    has_ever_returned_item: state.orders.returned,
    product_categories_purchased: [...state.orders.categories],
  }
}

const transaction = (order: Order) => ({
  order_id: order.id,
  at: order.at,
  revenue: money(order.revenue),
  refunded: money(order.whole ? order.revenue : Math.min(order.revenue, order.refunded)),
  items: order.items,
  cancelled: order.cancelled,
})

function browsingFields(state: ProfileState, now: Millis) {
  const { browsing } = state
  const sessions = sessionFigures(state.sessions, now)
  const cart = cartContent(state.cart)
  return {
    first_seen_timestamp: state.firstSeen || null,
    last_seen_timestamp: state.lastSeen || null,
    session_count: sessions.count,
    avg_session_duration: sessions.meanSeconds,
    viewed_product_pages: browsing.viewed.map(([product_id, at]) => ({ product_id, at })),
    product_views: browsing.views,
    abandoned_cart_details: cart === null ? null : cartFields(cart),
    viewed_bestsellers_page: browsing.bestsellers,
    product_reviews_written: browsing.reviews,
    wishlist_items_count: wishCount(browsing),
    interacted_with_content: browsing.content > 0,
  }
}

const cartFields = (cart: CartContent) => ({
  value: money(cart.value),
  changed_at: cart.changedAt,
  lines: cart.lines.map((line) => ({
    product_id: line.id,
    name: line.name,
    price: line.price === null ? null : money(line.price),
    quantity: line.quantity,
  })),
})

function engagementFields(state: ProfileState, now: Millis) {
  const counts = engagementFigures(state.engagement, now)
  return {
    activity_1h: counts.hour,
    activity_24h: counts.day,
    activity_7d: counts.days7,
    activity_30d: counts.days30,
    activity_90d: counts.days90,
  }
}

function rfmFields(totals: OrderTotals, cuts: CutPoints | null, now: Millis) {
  const rfm = rfmOf(totals, cuts, now)
  return {
    recency_days: totals.lastAt === null ? null : daysBetween(totals.lastAt, now),
    rfm_recency: rfm?.r ?? null,
    rfm_frequency: rfm?.f ?? null,
    rfm_monetary: rfm?.m ?? null,
    cut_points: cuts?.version ?? null,
  }
}
