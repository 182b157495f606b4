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
  due(state, { plan }) {
    return !nothingCameOfIt(state) || state.viewedAt <= firedUpTo(state.fired, plan.id)
      ? null
      : state.viewedAt + plan.delay
  },
  elapsed: ({ viewedAt, viewedProduct }, { plan }) => ({
    mark: plan.id,
    cause: `browse:${viewedAt}`,
    facts: { viewed_at: viewedAt, product_name: viewedProduct },
  }),
  caused: nothingCaused,
  stands: (state, trigger) => nothingCameOfIt(state) && state.viewedAt <= trigger.at,
}
