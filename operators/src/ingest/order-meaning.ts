/**
 * What an order event means for figures of money, by the rules that profiles follow (fields.ts, and
 * orders.ts P1 to P3): analytics that add these up come to what the profiles say.
 */
import type { CustomerEvent } from '../contract.ts'
import { type Cents, orderIdOf, orderRevenue, productsOf, refundAmount } from './fields.ts'
import { kindOf } from './vocabulary.ts'

export interface OrderMeaning {
  readonly kind: 'completed' | 'refunded' | 'cancelled'
  readonly id: string
  /** Units of the shop's currency. Refunded: null means all of it. Cancelled: null. */
  readonly amount: number | null
}

/** An order event without an id is an order of its own. */
export const orderIdOfEvent = (event: CustomerEvent): string =>
  orderIdOf(event.properties) ?? `~${event.messageId}`

/** Null where the event is about no order's money. */
export function orderMeaning(event: CustomerEvent): OrderMeaning | null {
  const { properties } = event
  switch (kindOf(event)) {
    case 'order_completed': {
      const revenue = orderRevenue(properties, productsOf(properties)) ?? 0
      return { kind: 'completed', id: orderIdOfEvent(event), amount: units(revenue) }
    }
    case 'order_refunded': {
      const amount = refundAmount(properties, productsOf(properties))
      return { kind: 'refunded', id: orderIdOfEvent(event), amount: units(amount) }
    }
    case 'order_cancelled':
      return { kind: 'cancelled', id: orderIdOfEvent(event), amount: null }
    default:
      return null
  }
}

const units = (cents: Cents | null): number | null => (cents === null ? null : cents / 100)
