/**
 * What the triggers remember of a customer: anchors in event time, and how far each definition fired.
 *
 * TG1 A definition that waits fires for an anchor (the last cart change, the last activity) only
 *     where the anchor lies after the instant for which it fired last. So a cause fires once, a
 *     late event cannot fire it again, and one number a definition is all the memory it takes.
 * TG2 Anchors are maxima (the signup a minimum) of event times, never after receipt: order of
 *     arrival does not matter, save that a change of the cart counts as one of what was known (CT2).
 * TG3 Merging is commutative and associative: maxima, minima, a union of orders, carts per product.
 */
import { ByteReader, type Codec, type Millis, stateSpec } from '#engine'
import { readList, readOptional, writeList, writeOptional } from '../profile/parts-codec.ts'
import { earliest } from '../profile/state.ts'
import { type Cart, cartAfter, mergeCarts, readCart, UNTOUCHED_CART, writeCart } from './cart.ts'
import {
  mergeOrders,
  NO_ORDERS,
  type Orders,
  ordersAfter,
  readOrders,
  writeOrders,
} from './orders.ts'
import { NEVER, type Signal } from './signals.ts'

export interface TriggerState {
  readonly cart: Cart
  readonly orders: Orders
  readonly viewedAt: Millis
  readonly viewedProduct: string | null
  readonly activeAt: Millis
  readonly firstAt: Millis
  readonly signedUpAt: Millis
  /** By mark (a definition, or a definition and stage): the instant for which it fired last. */
  readonly fired: Readonly<Record<string, Millis>>
}

export const NOTHING_KNOWN: TriggerState = {
  cart: UNTOUCHED_CART,
  orders: NO_ORDERS,
  viewedAt: NEVER,
  viewedProduct: null,
  activeAt: NEVER,
  firstAt: NEVER,
  signedUpAt: NEVER,
  fired: {},
}

const CART = 1
const ORDERS = 2
const VIEWED = 4

/** Which of cart, orders and view are there, one bit each; these; the instants; what fired. */
const codec: Codec<TriggerState> = {
  name: 'triggers',
  write(state, out) {
    const viewed = state.viewedAt !== NEVER
    out.byte(
      (state.cart === UNTOUCHED_CART ? 0 : CART) |
        (state.orders === NO_ORDERS ? 0 : ORDERS) |
        (viewed ? VIEWED : 0),
    )
    if (state.cart !== UNTOUCHED_CART) writeCart(state.cart, out)
    if (state.orders !== NO_ORDERS) writeOrders(state.orders, out)
    if (viewed) {
      out.signed(state.viewedAt)
      writeOptional(state.viewedProduct, out)
    }
    out.signed(state.activeAt)
    out.signed(state.firstAt)
    out.signed(state.signedUpAt)
    writeList(Object.entries(state.fired), out, ([mark, at]) => {
      out.text(mark)
      out.signed(at)
    })
  },
  read(bytes) {
    const reader = new ByteReader(bytes)
    const there = reader.byte()
    const cart = (there & CART) === 0 ? UNTOUCHED_CART : readCart(reader)
    const orders = (there & ORDERS) === 0 ? NO_ORDERS : readOrders(reader)
    const viewed = (there & VIEWED) !== 0
    return {
      cart,
      orders,
      viewedAt: viewed ? reader.signed() : NEVER,
      viewedProduct: viewed ? readOptional(reader) : null,
      activeAt: reader.signed(),
      firstAt: reader.signed(),
      signedUpAt: reader.signed(),
      fired: Object.fromEntries(readList(reader, () => [reader.text(), reader.signed()] as const)),
    }
  },
}

export const TRIGGERS = {
  id: 'triggers',
  state: stateSpec<TriggerState>({ version: 1, initial: NOTHING_KNOWN, codec }),
} as const

export function stateAfter(state: TriggerState, signal: Signal): TriggerState {
  const signedUp = signal.kind === 'signed_up' ? signal.since : NEVER
  const viewed = signal.kind === 'viewed' && signal.at >= state.viewedAt
  return {
    cart: cartAfter(state.cart, signal),
    orders: ordersAfter(state.orders, signal),
    viewedAt: viewed ? signal.at : state.viewedAt,
    viewedProduct: viewed ? signal.product : state.viewedProduct,
    activeAt: signal.active ? Math.max(state.activeAt, signal.at) : state.activeAt,
    firstAt: earliest(state.firstAt, signal.at),
    signedUpAt: earliest(state.signedUpAt, signedUp),
    fired: state.fired,
  }
}

/** The instant for which a mark fired last. */
export const firedUpTo = (fired: TriggerState['fired'], mark: string): Millis =>
  fired[mark] ?? NEVER

/** TG1 keeps `due` above the instant it replaces: it is at or after an anchor that is after that. */
export const withFired = (state: TriggerState, mark: string, due: Millis): TriggerState => ({
  ...state,
  fired: { ...state.fired, [mark]: due },
})

/** Where the lifecycle starts: the signup as told, else the first event, as in the profile. */
export const startOf = (state: TriggerState): Millis => state.signedUpAt || state.firstAt

export function mergeTriggerStates(a: TriggerState, b: TriggerState): TriggerState {
  const fired: Record<string, Millis> = {}
  for (const mark of [...Object.keys(a.fired), ...Object.keys(b.fired)].sort())
    fired[mark] = Math.max(firedUpTo(a.fired, mark), firedUpTo(b.fired, mark))
  const viewer = laterView(a, b)
  return {
    cart: mergeCarts(a.cart, b.cart),
    orders: mergeOrders(a.orders, b.orders),
    viewedAt: viewer.viewedAt,
    viewedProduct: viewer.viewedProduct,
    activeAt: Math.max(a.activeAt, b.activeAt),
    firstAt: earliest(a.firstAt, b.firstAt),
    signedUpAt: earliest(a.signedUpAt, b.signedUpAt),
    fired,
  }
}

const laterView = (a: TriggerState, b: TriggerState): TriggerState =>
  a.viewedAt !== b.viewedAt
    ? a.viewedAt > b.viewedAt
      ? a
      : b
    : (a.viewedProduct ?? '') >= (b.viewedProduct ?? '')
      ? a
      : b
