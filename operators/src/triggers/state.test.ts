import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '#engine'
import type { CustomerEvent } from '../contract.ts'
import { signalOf } from './signals.ts'
import { NOTHING_KNOWN, stateAfter, TRIGGERS, type TriggerState, withFired } from './state.ts'
import { added, event, NOON, ordered, page, removed, viewed } from './testing.ts'

const at = fc.nat(10_000).map((minutes) => NOON + minutes * 60_000)
const product = fc.constantFrom('lamp', 'Tür', 'x'.repeat(100))
const happening: fc.Arbitrary<CustomerEvent> = fc.oneof(
  fc.tuple(at, product, fc.double({ min: 0, max: 1e6, noNaN: true })).map((a) => added(...a)),
  fc.tuple(at, product).map((a) => removed(...a)),
  fc.tuple(at, product).map((a) => viewed(...a)),
  at.map((when) => event(when, 'Product Viewed', {})),
  at.map((when) => event(when, 'Signed Up')),
  fc
    .tuple(at, fc.double({ min: 0.1, max: 9, noNaN: true }))
    .map(([when, quantity]) =>
      event(when, 'Cart Viewed', { products: [{ product_id: 'lamp', quantity }] }),
    ),
  at.map((when) => ordered(when)),
  at.map(page),
)

const stored = (state: TriggerState): TriggerState => {
  const out = new ByteWriter()
  TRIGGERS.state.codec?.write(state, out)
  return TRIGGERS.state.codec?.read(out.copy()) as TriggerState
}

describe('stored triggers', () => {
  test('[TG1] [TG2] lose nothing', () => {
    const marks = fc.array(fc.tuple(fc.constantFrom('cart', 'stage|active'), at), { maxLength: 3 })
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), marks, (events, fired) => {
        const heard = events.map(signalOf).reduce(stateAfter, NOTHING_KNOWN)
        const state = fired.reduce((s, [mark, due]) => withFired(s, mark, due), heard)
        expect(stored(state)).toEqual(state)
      }),
    )
  })
})
