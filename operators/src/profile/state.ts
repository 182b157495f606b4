/**
 * A customer's profile as state: what events said, in a form that gives the same values in whichever
 * order they came. Everything that depends on the time of looking is computed by view.ts on read.
 *
 * P16 `hear` is commutative over events save for the bounds each part names, and `uniteProfiles` is
 *     commutative and associative: late events and merged ids give the profile that punctual events
 *     of one id would have given.
 */
import { type ByteWriter, type Codec, jsonCodec, type Millis, minutes } from '#engine'
import type { Json, LifecycleStage } from '../contract.ts'
import {
  type Browsing,
  NO_BROWSING,
  packBrowsing,
  uniteBrowsing,
  unpackBrowsing,
} from './browsing.ts'
import { type Cart, EMPTY_CART, packCart, uniteCarts, unpackCart } from './cart.ts'
import {
  type Consents,
  NO_CONSENTS,
  packConsents,
  uniteConsents,
  unpackConsents,
} from './consents.ts'
import {
  type Engagement,
  NO_ENGAGEMENT,
  packEngagement,
  uniteEngagement,
  unpackEngagement,
} from './engagement.ts'
import type { LifecycleFacts } from './lifecycle.ts'
import {
  NO_ORDERS,
  type Orders,
  orderTotals,
  packOrders,
  uniteOrders,
  unpackOrders,
} from './orders.ts'
import {
  NO_SESSIONS,
  packSessions,
  type Sessions,
  uniteSessions,
  unpackSessions,
} from './sessions.ts'
import { NO_TRAITS, packTraits, type Traits, uniteTraits, unpackTraits } from './traits.ts'

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
export function lifecycleFacts(state: ProfileState, now: Millis): LifecycleFacts {
  const since = state.signedUp || state.firstSeen
  return {
    lastActivityAt: state.lastSeen || null,
    signedUpAt: since || null,
    orders: orderTotals(state.orders, now).orders,
    risk: null,
  }
}

const STAGES = ['new', 'active', 'at_risk', 'churned'] as const satisfies readonly LifecycleStage[]

/** Parts that are still empty are stored as 0. */
const part = <T>(value: T, empty: T, pack: (value: T) => Json): Json =>
  value === empty ? 0 : pack(value)
const whole = <T>(json: unknown, empty: T, unpack: (json: unknown) => T): T =>
  json === 0 ? empty : unpack(json)

type Packed = readonly [
  unknown,
  unknown,
  unknown,
  unknown,
  unknown,
  unknown,
  unknown,
  number,
  number,
  number,
  number,
]

/**
 * JSON in positions instead of names: traits, consents, orders, cart, browsing, sessions, engagement,
 * firstSeen, lastSeen less firstSeen, signedUp, the stage told (0: none). Each part documents its own.
 */
export const profileCodec: Codec<ProfileState> = {
  name: 'profile',
  write(state: ProfileState, out: ByteWriter) {
    json.write(
      [
        part(state.traits, NO_TRAITS, packTraits),
        part(state.consents, NO_CONSENTS, packConsents),
        part(state.orders, NO_ORDERS, packOrders),
        part(state.cart, EMPTY_CART, packCart),
        part(state.browsing, NO_BROWSING, packBrowsing),
        part(state.sessions, NO_SESSIONS, packSessions),
        part(state.engagement, NO_ENGAGEMENT, packEngagement),
        state.firstSeen,
        state.lastSeen - state.firstSeen,
        state.signedUp,
        state.toldStage === null ? 0 : STAGES.indexOf(state.toldStage) + 1,
      ],
      out,
    )
  },
  read(bytes) {
    const p = json.read(bytes) as Packed
    return {
      traits: whole(p[0], NO_TRAITS, unpackTraits),
      consents: whole(p[1], NO_CONSENTS, unpackConsents),
      orders: whole(p[2], NO_ORDERS, unpackOrders),
      cart: whole(p[3], EMPTY_CART, unpackCart),
      browsing: whole(p[4], NO_BROWSING, unpackBrowsing),
      sessions: whole(p[5], NO_SESSIONS, unpackSessions),
      engagement: whole(p[6], NO_ENGAGEMENT, unpackEngagement),
      firstSeen: p[7],
      lastSeen: p[7] + p[8],
      signedUp: p[9],
      toldStage: STAGES[p[10] - 1] ?? null,
    }
  },
}

const json = jsonCodec<unknown>()
