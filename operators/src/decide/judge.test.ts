/** The questions a due trigger is asked before it may compete, and what becomes of those that may. */
import { describe, expect, test } from 'vitest'
import { hours } from '#engine'
import { drive } from '#engine/testing'
import type { Trigger } from '../contract.ts'
import { definitions } from '../definitions/broadcast.ts'
import type { DefinitionSet } from '../definitions/set.ts'
import { signalOf } from '../triggers/signals.ts'
import { NOTHING_KNOWN, stateAfter, TRIGGERS } from '../triggers/state.ts'
import { added, NOON, setOf } from '../triggers/testing.ts'
import { createDecide } from './decide.ts'
import { MAX_DEFERRALS } from './open-triggers.ts'
import { BASICS, CART_CAMPAIGN } from './stage.fixture.ts'

const trigger: Trigger = {
  kind: 'abandoned_cart',
  definition: 'cart',
  cause: `cart:${NOON}`,
  at: NOON + hours(2),
  facts: {},
}
const NOW = NOON + hours(4)
const CART = stateAfter(NOTHING_KNOWN, signalOf(added(NOON)))

interface Asked {
  readonly set: DefinitionSet
  readonly full?: boolean
  readonly ordinal?: number
}

function reasonOf({ set, full = false, ordinal = 0 }: Asked): string | undefined {
  const h = drive(createDecide(), { start: NOON }).withBroadcast(definitions, { record: { set } })
  h.withRead(TRIGGERS, 'u:1', full ? CART : NOTHING_KNOWN)
  const open = [{ trigger, due: NOW, ordinal, continues: null }]
  h.setState('u:1', { open }, [{ name: 'decide', due: NOW }])
  h.advanceTo(NOW)
  return h.take('decision')[0]?.reason
}

describe('what keeps a trigger from competing', () => {
  const nothing = setOf(...BASICS)
  const old = setOf(...BASICS, 'kind: trigger\nid: cart\nspec: { on: abandoned_cart, max_age: 1h }')
  const lone = setOf(...BASICS, CART_CAMPAIGN[0] ?? '')
  const answered = setOf(...BASICS, ...CART_CAMPAIGN)
  const often = MAX_DEFERRALS + 1

  test('[JU2] the first question that it fails names the reason, whatever else is wrong', () => {
    // Each line mends what the line before failed for, and nothing else.
    expect([
      reasonOf({ set: nothing, ordinal: often }),
      reasonOf({ set: old, ordinal: often }),
      reasonOf({ set: lone, ordinal: often }),
      reasonOf({ set: lone, ordinal: often, full: true }),
      reasonOf({ set: lone, ordinal: MAX_DEFERRALS, full: true }),
      reasonOf({ set: answered, ordinal: MAX_DEFERRALS, full: true }),
    ]).toEqual([
      'definition_gone',
      'expired',
      'cancelled',
      'deferred_too_often',
      'no_candidate',
      // Nothing is known of this customer: it competed, won, and the guardrails refused it.
      'no_address',
    ])
  })

  test('[JU2] a definition that now is of another kind is gone', () => {
    const other = setOf(...BASICS, 'kind: trigger\nid: cart\nspec: { on: inactivity }')
    expect(reasonOf({ set: other, full: true })).toBe('definition_gone')
  })

  test('[JU3] [TIM-1] expiry is an instant: at it the trigger is too old, before it is not', () => {
    const of = (age: string) =>
      setOf(
        ...BASICS,
        ...CART_CAMPAIGN.map((d) =>
          d.replace('abandoned_cart }', `abandoned_cart, max_age: ${age} }`),
        ),
      )
    expect(reasonOf({ set: of('2h'), full: true })).toBe('expired')
    expect(reasonOf({ set: of('121m'), full: true })).toBe('no_address')
  })
})
