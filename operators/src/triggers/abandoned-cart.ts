/**
 * A cart that is not empty stands still. Anchor: the last change of the cart; cause
 * `cart:<last change>`. An order, or the last line taken out, cancels. A change after the trigger is a
 * new cause; a change that happened before it but was told late is not.
 */
import { assert } from '#engine'
import { cartCount, cartNow, dearestLine } from './cart.ts'
import { nothingCaused, type TriggerRule } from './rule.ts'
import { firedUpTo } from './state.ts'

export const abandonedCart: TriggerRule = {
  kind: 'abandoned_cart',
  due({ cart, fired }, { plan }) {
    return cartNow(cart) === null || cart.changedAt <= firedUpTo(fired, plan.id)
      ? null
      : cart.changedAt + plan.delay
  },
  elapsed({ cart }, { plan }) {
    const content = cartNow(cart)
    assert(content !== null, 'an empty cart has no due time')
    return {
      mark: plan.id,
      cause: `cart:${cart.changedAt}`,
      facts: {
        changed_at: cart.changedAt,
        cart_count: cartCount(content),
        cart_value: content.value / 100,
        product_name: dearestLine(content)?.name ?? null,
      },
    }
  },
  caused: nothingCaused,
  stands: (state, trigger) => cartNow(state.cart) !== null && state.cart.changedAt <= trigger.at,
}
