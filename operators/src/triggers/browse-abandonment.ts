/**
 * Products were viewed, and neither a cart nor an order came of it. Anchor: the last Product Viewed;
 * cause `browse:<last view>`. A cart that is not empty, or was changed since, belongs to
 * `abandoned_cart`; an order since cancels.
 */
import { cartNow } from './cart.ts'
import { nothingCaused, type TriggerRule } from './rule.ts'
import { firedUpTo, type TriggerState } from './state.ts'

const nothingCameOfIt = (state: TriggerState): boolean =>
  cartNow(state.cart) === null &&
  state.viewedAt > state.cart.changedAt &&
  state.viewedAt > state.orders.lastAt

export const browseAbandonment: TriggerRule = {
  kind: 'browse_abandonment',
  pending(state, watch) {
    if (!nothingCameOfIt(state) || state.viewedAt <= firedUpTo(state, watch.plan.id)) return null
    return {
      due: state.viewedAt + watch.plan.delay,
      cause: () => `browse:${state.viewedAt}`,
      mark: watch.plan.id,
      facts: () => ({ viewed_at: state.viewedAt, product_name: state.viewedProduct }),
    }
  },
  caused: nothingCaused,
  stands: (state, trigger) => nothingCameOfIt(state) && state.viewedAt <= trigger.at,
}
