/**
 * The n-th order. Cause `orders:<n>`: the count passes a milestone once, because it never falls. An
 * order told late moves the count when it is told. Orders that two merged identities had made before
 * they met count, but a milestone passed by the merge itself is not one anybody made.
 */
import { assert } from '#engine'
import type { TriggerRule } from './rule.ts'

export const purchaseMilestone: TriggerRule = {
  kind: 'purchase_milestone',
  due: () => null,
  elapsed() {
    assert(false, 'time alone makes no orders')
  },
  caused(before, after, at, watch) {
    if (watch.plan.spec.on !== 'purchase_milestone') return []
    return watch.plan.spec.orders
      .filter((n) => before.orders.count < n && n <= after.orders.count)
      .map((n) => ({ at, cause: `orders:${n}`, facts: { order_count: n } }))
  },
  stands: () => true,
}
