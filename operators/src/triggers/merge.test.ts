import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { hours } from '#engine'
import { cartAfter, cartNow } from './cart.ts'
import type { Signal } from './signals.ts'
import {
  mergeTriggerStates,
  NOTHING_KNOWN,
  stateAfter,
  type TriggerState,
  withFired,
} from './state.ts'
import { NOON } from './testing.ts'

const arbLine = fc.record({
  id: fc.constantFrom('lamp', 'rug', 'vase'),
  name: fc.constantFrom(null, 'A name'),
  category: fc.constant(null),
  quantity: fc.integer({ min: 0, max: 3 }),
  price: fc.option(fc.integer({ min: 0, max: 500 })),
})
const arbAt = fc.integer({ min: 0, max: 40 }).map((n) => NOON + hours(n))
const lines = fc.array(arbLine, { maxLength: 3 })
const always = { active: fc.boolean(), at: arbAt }
const arbSignal: fc.Arbitrary<Signal> = fc.oneof(
  fc.record({ ...always, kind: fc.constant('cart_added' as const), lines }),
  fc.record({ ...always, kind: fc.constant('cart_removed' as const), lines }),
  fc.record({ ...always, kind: fc.constant('cart_viewed' as const), lines }),
  fc.record({
    ...always,
    kind: fc.constant('ordered' as const),
    order: fc.constantFrom('1', '2', '3'),
  }),
  fc.record({
    ...always,
    kind: fc.constant('viewed' as const),
    product: fc.constantFrom(null, 'A'),
  }),
  fc.record({ ...always, kind: fc.constant('signed_up' as const), since: arbAt }),
)
const arbState: fc.Arbitrary<TriggerState> = fc
  .tuple(
    fc.array(arbSignal, { maxLength: 12 }),
    fc.array(fc.tuple(fc.constantFrom('a', 'b|churned'), arbAt), { maxLength: 3 }),
  )
  .map(([signals, fired]) =>
    fired.reduce(
      (state, [mark, due]) => withFired(state, mark, due),
      signals.reduce(stateAfter, NOTHING_KNOWN),
    ),
  )

test('[ING-7] [TG3] [CT3] merging trigger states is commutative and associative', () => {
  fc.assert(
    fc.property(arbState, arbState, arbState, (a, b, c) => {
      expect(mergeTriggerStates(a, b)).toEqual(mergeTriggerStates(b, a))
      expect(mergeTriggerStates(mergeTriggerStates(a, b), c)).toEqual(
        mergeTriggerStates(a, mergeTriggerStates(b, c)),
      )
    }),
    { numRuns: 300 },
  )
})

test('[TG2] the order in which events arrive does not move an anchor', () => {
  const anchors = ({ activeAt, firstAt, signedUpAt, viewedAt }: TriggerState) => ({
    activeAt,
    firstAt,
    signedUpAt,
    viewedAt,
  })
  const arbOrders = fc
    .array(arbSignal, { maxLength: 12 })
    .chain((told) =>
      fc.tuple(
        fc.constant(told),
        fc.shuffledSubarray(told, { minLength: told.length, maxLength: told.length }),
      ),
    )
  fc.assert(
    fc.property(arbOrders, ([told, otherwise]) => {
      const [a, b] = [told, otherwise].map((list) => list.reduce(stateAfter, NOTHING_KNOWN))
      expect(anchors(a as TriggerState)).toEqual(anchors(b as TriggerState))
      expect(a?.activeAt).toBe(Math.max(0, ...told.filter((s) => s.active).map((s) => s.at)))
    }),
    { numRuns: 200 },
  )
})

test('[ING-7] the unknown customer changes nothing', () => {
  fc.assert(
    fc.property(arbState, (a) => {
      expect(mergeTriggerStates(a, NOTHING_KNOWN)).toEqual(a)
    }),
    { numRuns: 200 },
  )
})

test('[TRG-2] [CT1] what was put in before an order or a view of the empty cart is gone, in whatever order the events arrive', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ at: arbAt, product: fc.constantFrom('a', 'b') }), { maxLength: 8 }),
      arbAt,
      fc.nat(),
      fc.constantFrom('ordered', 'viewed empty'),
      (puts, clearedAt, seat, how) => {
        const signals: Signal[] = puts.map(({ at, product }) => ({
          kind: 'cart_added',
          at,
          active: true,
          lines: [{ id: product, name: null, category: null, quantity: 1, price: 100 }],
        }))
        const cleared = { at: clearedAt, active: true } as const
        signals.splice(
          seat % (puts.length + 1),
          0,
          how === 'ordered'
            ? { ...cleared, kind: 'ordered', order: 'o' }
            : { ...cleared, kind: 'cart_viewed', lines: [] },
        )
        const cart = signals.reduce(cartAfter, NOTHING_KNOWN.cart)
        const left = new Set(puts.filter((put) => put.at > clearedAt).map((put) => put.product))
        expect(new Set((cartNow(cart)?.lines ?? []).map((line) => line.id))).toEqual(left)
      },
    ),
    { numRuns: 200 },
  )
})
