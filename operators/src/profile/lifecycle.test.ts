import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { days, type Millis } from '#engine'
import {
  LIFECYCLE_DEFAULTS,
  type LifecycleFacts,
  type LifecycleThresholds,
  nextStageCrossing,
  stageOf,
} from './lifecycle.ts'

const T = Date.UTC(2026, 0, 1)
const facts = (fields: Partial<LifecycleFacts>): LifecycleFacts => ({
  lastActivityAt: T,
  signedUpAt: T,
  orders: 1,
  risk: null,
  ...fields,
})

test('[LIF-2] exactly 30 days of inactivity is at_risk, 90 churned; a millisecond less is not', () => {
  expect(stageOf(facts({}), T + days(30) - 1)).toBe('active')
  expect(stageOf(facts({}), T + days(30))).toBe('at_risk')
  expect(stageOf(facts({}), T + days(90) - 1)).toBe('at_risk')
  expect(stageOf(facts({}), T + days(90))).toBe('churned')
})

test('[LIF-2] new is under 30 days since sign-up without an order', () => {
  const fresh = facts({ orders: 0, lastActivityAt: T + days(29) })
  expect(stageOf(fresh, T + days(30) - 1)).toBe('new')
  expect(stageOf(fresh, T + days(30))).toBe('active')
  expect(stageOf({ ...fresh, orders: 1 }, T + days(1))).toBe('active')
})

test('[LIF-2] inactivity comes before newness: the first match counts', () => {
  expect(stageOf(facts({ orders: 0, lastActivityAt: T - days(90), signedUpAt: T }), T)).toBe(
    'churned',
  )
})

test('[LIF-2] risk at the threshold makes at_risk whoever is not new', () => {
  expect(stageOf(facts({ risk: 0.7 }), T)).toBe('at_risk')
  expect(stageOf(facts({ risk: 0.69 }), T)).toBe('active')
  expect(stageOf(facts({ risk: 0.9, orders: 0 }), T)).toBe('new')
})

test('[LIF-2] [CFG-1] thresholds are the caller’s', () => {
  const quick = { ...LIFECYCLE_DEFAULTS, atRiskAfter: days(1), churnedAfter: days(2) }
  expect(stageOf(facts({}), T + days(1), quick)).toBe('at_risk')
  expect(nextStageCrossing(facts({}), T, quick)).toBe(T + days(1))
})

test('[LIF-2] without any instant to count from a customer is new and stays so', () => {
  const unknown = facts({ lastActivityAt: null, signedUpAt: null })
  expect(stageOf(unknown, T)).toBe('new')
  expect(nextStageCrossing(unknown, T)).toBeNull()
})

/** Steps of one hour, small thresholds: every instant can be tried. */
const hour = 3_600_000
const small: LifecycleThresholds = {
  newFor: 7 * hour,
  atRiskAfter: 5 * hour,
  churnedAfter: 11 * hour,
  risk: 0.7,
}

test('[LIF-2] the next crossing is the first instant at which the stage differs, by brute force', () => {
  const instant = fc.option(fc.nat(20).map((h) => T + h * hour))
  const random = fc.record({
    lastActivityAt: instant,
    signedUpAt: instant,
    orders: fc.nat(1),
    risk: fc.constantFrom(null, 0.2, 0.9),
  })
  fc.assert(
    fc.property(random, fc.nat(40), (f, h) => {
      const now = T + h * hour
      const crossing = nextStageCrossing(f, now, small)
      const current = stageOf(f, now, small)
      let expected: Millis | null = null
      for (let at = now + hour; at < now + 60 * hour && expected === null; at += hour)
        if (stageOf(f, at, small) !== current) expected = at
      expect(crossing).toBe(expected)
      if (crossing !== null) expect(stageOf(f, crossing - 1, small)).toBe(current)
    }),
    { numRuns: 500 },
  )
})
