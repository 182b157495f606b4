/**
 * A customer's profile as state: what events said, in a form that gives the same values in whichever
 * order they came. Everything that depends on the time of looking is computed by view.ts on read.
 *
 * P16 `hear` is commutative over events save for the bounds each part names, and `uniteProfiles` is
 *     commutative and associative: late events and merged ids give the profile that punctual events
 *     of one id would have given.
 */
import { ByteReader, type ByteWriter, type Codec, type Millis, minutes } from '#engine'
import type { LifecycleStage } from '../contract.ts'
import {
  type Browsing,
  NO_BROWSING,
  readBrowsing,
  readOldBrowsing,
  uniteBrowsing,
  writeBrowsing,
} from './browsing.ts'
import { type Cart, EMPTY_CART, readCart, uniteCarts, writeCart } from './cart.ts'
import {
  type Consents,
  NO_CONSENTS,
  readConsents,
  uniteConsents,
  writeConsents,
} from './consents.ts'
import {
  type Engagement,
  NO_ENGAGEMENT,
  readEngagement,
  uniteEngagement,
  writeEngagement,
} from './engagement.ts'
import type { LifecycleFacts } from './lifecycle.ts'
import {
  NO_ORDERS,
  type Orders,
  orderCount,
  readOrders,
  uniteOrders,
  writeOrders,
} from './orders.ts'
import {
  NO_SESSIONS,
  readSessions,
  type Sessions,
  uniteSessions,
  writeSessions,
} from './sessions.ts'
import { NO_TRAITS, readTraits, type Traits, uniteTraits, writeTraits } from './traits.ts'

export interface ProfileState {
  readonly traits: Traits
  readonly consents: Consents
  readonly orders: Orders
  readonly cart: Cart
  readonly browsing: Browsing
  readonly sessions: Sessions
  readonly engagement: Engagement
  /** First event of any kind; 0: none. */
  readonly firstSeen: Millis
  /** Last activity; 0: none. */
  readonly lastSeen: Millis
  /** Earliest of a sign-up event and the created_at trait; 0: neither. */
  readonly signedUp: Millis
  /** The lifecycle stage last told to the sink; null: none yet. */
  readonly toldStage: LifecycleStage | null
}

export const NO_PROFILE: ProfileState = {
  traits: NO_TRAITS,
  consents: NO_CONSENTS,
  orders: NO_ORDERS,
  cart: EMPTY_CART,
  browsing: NO_BROWSING,
  sessions: NO_SESSIONS,
  engagement: NO_ENGAGEMENT,
  firstSeen: 0,
  lastSeen: 0,
  signedUp: 0,
  toldStage: null,
}

/** The gap that ends a session; a setting of the operator, the same wherever states are merged. */
export const SESSION_GAP = minutes(30)

/** The earlier of two instants, where 0 means none. */
export const earliest = (a: Millis, b: Millis): Millis =>
  a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b)

export function uniteProfiles(mine: ProfileState, theirs: ProfileState, now: Millis): ProfileState {
  return {
    traits: uniteTraits(mine.traits, theirs.traits),
    consents: uniteConsents(mine.consents, theirs.consents),
    orders: uniteOrders(mine.orders, theirs.orders, now),
    cart: uniteCarts(mine.cart, theirs.cart),
    browsing: uniteBrowsing(mine.browsing, theirs.browsing),
    sessions: uniteSessions(mine.sessions, theirs.sessions, SESSION_GAP),
    engagement: uniteEngagement(mine.engagement, theirs.engagement),
    firstSeen: earliest(mine.firstSeen, theirs.firstSeen),
    lastSeen: Math.max(mine.lastSeen, theirs.lastSeen),
    signedUp: earliest(mine.signedUp, theirs.signedUp),
    // Found anew after the merge, which may well have changed it.
    toldStage: null,
  }
}

/** What the lifecycle rests on. A customer without sign-up counts from their first event. */
export function lifecycleFacts(state: ProfileState): LifecycleFacts {
  const since = state.signedUp || state.firstSeen
  return {
    lastActivityAt: state.lastSeen || null,
    signedUpAt: since || null,
    orders: orderCount(state.orders),
    risk: null,
  }
}

const STAGES = ['new', 'active', 'at_risk', 'churned'] as const satisfies readonly LifecycleStage[]

/**
 * Which parts are there, one bit each: traits, consents, orders, cart, browsing, sessions, engagement,
 * and one for the newer form of browsing; these parts, each as its own file says; firstSeen, lastSeen less firstSeen, signedUp, the stage told
 * (0: none).
 */
export const profileCodec: Codec<ProfileState> = {
  name: 'profile',
  write(state: ProfileState, out: ByteWriter) {
    out.byte(partsOf(state))
    if (state.traits !== NO_TRAITS) writeTraits(state.traits, out)
    if (state.consents !== NO_CONSENTS) writeConsents(state.consents, out)
    if (state.orders !== NO_ORDERS) writeOrders(state.orders, out)
    if (state.cart !== EMPTY_CART) writeCart(state.cart, out)
    if (state.browsing !== NO_BROWSING) writeBrowsing(state.browsing, out)
    if (state.sessions !== NO_SESSIONS) writeSessions(state.sessions, out)
    if (state.engagement !== NO_ENGAGEMENT) writeEngagement(state.engagement, out)
    out.signed(state.firstSeen)
    out.signed(state.lastSeen - state.firstSeen)
    out.signed(state.signedUp)
    out.byte(state.toldStage === null ? 0 : STAGES.indexOf(state.toldStage) + 1)
  },
  read(bytes) {
    const reader = new ByteReader(bytes)
    const there = reader.byte()
    const part = <T>(bit: number, empty: T, read: (reader: ByteReader) => T): T =>
      (there & bit) === 0 ? empty : read(reader)
    const parts = {
      traits: part(TRAITS, NO_TRAITS, readTraits),
      consents: part(CONSENTS, NO_CONSENTS, readConsents),
      orders: part(ORDERS, NO_ORDERS, readOrders),
      cart: part(CART, EMPTY_CART, readCart),
      browsing: part(
        BROWSING,
        NO_BROWSING,
        (there & RELATIVE_TIMES) === 0 ? readOldBrowsing : readBrowsing,
      ),
      sessions: part(SESSIONS, NO_SESSIONS, readSessions),
      engagement: part(ENGAGEMENT, NO_ENGAGEMENT, readEngagement),
    }
    const firstSeen = reader.signed()
    const lastSeen = firstSeen + reader.signed()
    const signedUp = reader.signed()
    return { ...parts, firstSeen, lastSeen, signedUp, toldStage: STAGES[reader.byte() - 1] ?? null }
  },
}

const TRAITS = 1
const CONSENTS = 2
const ORDERS = 4
const CART = 8
const BROWSING = 16
const SESSIONS = 32
const ENGAGEMENT = 64
/** Absent in what was written before browsing told times from one another. */
const RELATIVE_TIMES = 128

const partsOf = (state: ProfileState): number =>
  RELATIVE_TIMES |
  (state.traits === NO_TRAITS ? 0 : TRAITS) |
  (state.consents === NO_CONSENTS ? 0 : CONSENTS) |
  (state.orders === NO_ORDERS ? 0 : ORDERS) |
  (state.cart === EMPTY_CART ? 0 : CART) |
  (state.browsing === NO_BROWSING ? 0 : BROWSING) |
  (state.sessions === NO_SESSIONS ? 0 : SESSIONS) |
  (state.engagement === NO_ENGAGEMENT ? 0 : ENGAGEMENT)
