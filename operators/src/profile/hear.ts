/** What each kind of event says about a customer: from an event to the next profile state. Pure. */
import type { Millis } from '#engine'
import type { CustomerEvent } from '../contract.ts'
import {
  orderRevenue,
  type ProductLine,
  productOf,
  productsOf,
  refundAmount,
} from '../ingest/fields.ts'
import { orderIdOfEvent } from '../ingest/order-meaning.ts'
import { type EventKind, isActivity, kindOf } from '../ingest/vocabulary.ts'
import { isBestsellers, viewProduct, wish } from './browsing.ts'
import { changeCart, resetCart } from './cart.ts'
import { hearConsents } from './consents.ts'
import { addActivity } from './engagement.ts'
import { cancelOrder, placeOrder, refundOrder } from './orders.ts'
import { addToSession } from './sessions.ts'
import { earliest, type ProfileState, SESSION_GAP } from './state.ts'
import { createdAt, hearTraits } from './traits.ts'

/** @param now task time: what has expired by then is dropped on the way */
export function hear(state: ProfileState, event: CustomerEvent, now: Millis): ProfileState {
  const kind = kindOf(event)
  const subject = hearSubject(state, event, kind, now)
  const { at } = event
  const active = isActivity(event, kind)
  const signedUp = kind === 'signed_up' ? at : (createdAt(event) ?? 0)
  // Field by field, and once: an object of eleven is made for every event of every customer.
  return {
    traits: hearTraits(subject.traits, event),
    consents: hearConsents(subject.consents, event, kind),
    orders: subject.orders,
    cart: subject.cart,
    browsing: subject.browsing,
    sessions: active
      ? addToSession(subject.sessions, at, { now, gap: SESSION_GAP })
      : subject.sessions,
    engagement: active ? addActivity(subject.engagement, at, now) : subject.engagement,
    firstSeen: earliest(subject.firstSeen, at),
    lastSeen: active ? Math.max(subject.lastSeen, at) : subject.lastSeen,
    signedUp: earliest(subject.signedUp, signedUp),
    toldStage: subject.toldStage,
  }
}

/** Orders, cart and browsing. */
function hearSubject(
  state: ProfileState,
  event: CustomerEvent,
  kind: EventKind,
  now: Millis,
): ProfileState {
  const { at, properties } = event
  switch (kind) {
    case 'order_completed':
      return completed(state, event, now)
    case 'order_refunded': {
      const amount = refundAmount(properties, productsOf(properties))
      return {
        ...state,
        orders: refundOrder(state.orders, { id: orderIdOfEvent(event), at, amount }, now),
      }
    }
    case 'order_cancelled':
      return { ...state, orders: cancelOrder(state.orders, orderIdOfEvent(event), now) }
    case 'cart_viewed': {
      // Without a list it says nothing of the content; an empty list says that it is empty.
      if (!Array.isArray(properties['products'])) return state
      return { ...state, cart: resetCart(state.cart, at, productsOf(properties)) }
    }
    case 'product_list_viewed':
    case 'page':
    case 'screen':
      return isBestsellers(event.name, properties, event.context)
        ? { ...state, browsing: { ...state.browsing, bestsellers: true } }
        : state
    case 'content_viewed':
    case 'product_shared':
    case 'cart_shared':
      return { ...state, browsing: { ...state.browsing, content: state.browsing.content + 1 } }
    case 'product_reviewed':
      return { ...state, browsing: { ...state.browsing, reviews: state.browsing.reviews + 1 } }
    default: {
      const product = productOf(properties)
      return product === null ? state : hearProduct(state, product, { kind, at })
    }
  }
}

function completed(state: ProfileState, event: CustomerEvent, now: Millis): ProfileState {
  const { at, properties } = event
  const lines = productsOf(properties)
  const placed = {
    id: orderIdOfEvent(event),
    at,
    revenue: orderRevenue(properties, lines) ?? 0,
    items: lines.reduce((sum, line) => sum + line.quantity, 0),
    categories: [...new Set(lines.flatMap((line) => line.category ?? []))],
  }
  return {
    ...state,
    orders: placeOrder(state.orders, placed, now),
    cart: resetCart(state.cart, at),
  }
}

function hearProduct(
  state: ProfileState,
  product: ProductLine,
  when: { readonly kind: EventKind; readonly at: Millis },
): ProfileState {
  const { kind, at } = when
  switch (kind) {
    case 'product_viewed':
      return { ...state, browsing: viewProduct(state.browsing, product.id, at) }
    case 'product_added':
      return { ...state, cart: changeCart(state.cart, product, at, 1) }
    case 'product_removed':
      return { ...state, cart: changeCart(state.cart, product, at, -1) }
    case 'wishlist_added':
      return { ...state, browsing: wish(state.browsing, product.id, at, false) }
    case 'wishlist_removed':
      return { ...state, browsing: wish(state.browsing, product.id, at, true) }
    case 'wishlist_to_cart':
      return {
        ...state,
        browsing: wish(state.browsing, product.id, at, true),
        cart: changeCart(state.cart, product, at, 1),
      }
    default:
      return state
  }
}
