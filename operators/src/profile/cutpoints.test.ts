import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days, hours } from '#engine'
import { drive } from '#engine/testing'
import type { Contribution } from './contribution.ts'
import { cutPointsOperator } from './cut-points-operator.ts'
import { type CutPoints, cutPoints, cutPointsAt } from './cutpoints.ts'
import { addValue, EMPTY_HISTOGRAM, quantiles, rounded } from './histogram.ts'
import { NO_ORDERS, orderTotals, placeOrder } from './orders.ts'
import { classOf, rfmOf } from './rfm.ts'

const MIDNIGHT = Date.UTC(2026, 2, 10)
const part = (fields: Partial<Contribution> = {}): Contribution => ({
  midnight: MIDNIGHT,
  recency: 3,
  frequency: 1,
  monetary: 1_000,
  inactivity: 2,
  engagement: 5,
  ...fields,
})

describe('histogram', () => {
  const amounts = fc.array(fc.oneof(fc.nat(1_500), fc.nat(1e9)), { minLength: 1, maxLength: 60 })

  test('[PRO-6] [P14] quantiles are the nearest ranks of the sorted list, exact to three digits', () => {
    const ranks = [0.01, 0.2, 0.29, 0.5, 0.8, 0.99]
    fc.assert(
      fc.property(amounts, (list) => {
        const histogram = list.reduce(addValue, EMPTY_HISTOGRAM)
        const sorted = list.map(rounded).sort((a, b) => a - b)
        const expected = ranks.map(
          (r) => sorted[Math.max(0, Math.ceil(Number((r * list.length).toFixed(6))) - 1)],
        )
        expect(quantiles(histogram, ranks)).toEqual(expected)
      }),
    )
  })

  test('[P14] rounding keeps what is below 1,000 and the first three digits above', () => {
    fc.assert(
      fc.property(fc.nat(1e12), (n) => {
        const text = String(n)
        expect(rounded(n)).toBe(n < 1_000 ? n : Number(text.slice(0, 3).padEnd(text.length, '0')))
      }),
    )
    expect(rounded(-5)).toBe(0)
  })
})

describe('operator cut-points', () => {
  const shop = (parts: readonly Contribution[]) => {
    const driver = drive(cutPointsOperator)
    for (const p of parts) driver.record('shop', p, { at: p.midnight })
    return driver
  }

  test('[PRO-6] [C6] makes the day’s set once its midnight has passed, effective an hour later', () => {
    const driver = shop(
      Array.from({ length: 10 }, (_, i) => part({ recency: i + 1, monetary: (i + 1) * 100 })),
    )
    expect(driver.take('cutPoints')).toEqual([])
    driver.advanceTo(MIDNIGHT + 1)
    const made = driver.take('cutPoints')
    expect(made).toMatchObject([
      {
        version: '2026-03-10',
        midnight: MIDNIGHT,
        effectiveFrom: MIDNIGHT + hours(1),
        population: 10,
        buyers: 10,
        quintiles: { recency: [2, 4, 6, 8], monetary: [200, 400, 600, 800] },
      },
    ])
    expect(made[0]?.percentiles.inactivity).toHaveLength(99)
    expect(driver.timers('shop')).toEqual([])
  })

  test('[PRO-6] the order in which contributions come makes no difference', () => {
    const list = fc.array(
      fc.record({
        recency: fc.option(fc.nat(400)),
        frequency: fc.nat(9),
        monetary: fc.nat(1e6),
        inactivity: fc.nat(90),
        engagement: fc.nat(500),
      }),
      { minLength: 1, maxLength: 20 },
    )
    const both = list.chain((l) =>
      fc.tuple(fc.constant(l), fc.shuffledSubarray(l, { minLength: l.length })),
    )
    fc.assert(
      fc.property(both, ([a, b]) => {
        const made = [a, b].map((l) =>
          shop(l.map(part))
            .advanceTo(MIDNIGHT + 1)
            .take('cutPoints'),
        )
        expect(made[0]).toEqual(made[1])
      }),
      { numRuns: 50 },
    )
  })

  test('[C6] two days gather side by side; what comes after its set is counted as late', () => {
    const driver = shop([part(), part({ midnight: MIDNIGHT + days(1), recency: null })])
    driver.advanceTo(MIDNIGHT + days(1) + 1)
    expect(driver.take('cutPoints')).toMatchObject([
      { version: '2026-03-10', buyers: 1 },
      { version: '2026-03-11', population: 1, buyers: 0, quintiles: { recency: [] } },
    ])
    driver.record('shop', part(), { at: MIDNIGHT + days(1) + 2 })
    expect(driver.take('late')).toEqual([{ midnight: MIDNIGHT }])
    expect(driver.state('shop').late).toBe(1)
  })

  test('[PRO-6] state stays bounded: 3,000 customers with sums all over the place', () => {
    const driver = shop([])
    for (let i = 0; i < 3_000; i++)
      driver.record('shop', part({ monetary: (i * 7_919_993) % 1e9, recency: i % 365 }), {
        at: MIDNIGHT,
      })
    expect(JSON.stringify(driver.state('shop')).length).toBeLessThan(64_000)
  })
})

describe('cut points in force', () => {
  const set = (day: number): CutPoints => ({
    version: `${day}`,
    midnight: MIDNIGHT + days(day),
    effectiveFrom: MIDNIGHT + days(day) + hours(1),
    population: 5,
    buyers: 5,
    quintiles: {
      recency: [10, 20, 30, 40],
      frequency: [1, 1, 2, 5],
      monetary: [1_000, 2_000, 3_000, 4_000],
    },
    percentiles: { inactivity: [], frequency: [], monetary: [], engagement: [] },
  })
  const known = [set(0), set(1)].reduce((k, s) => cutPoints.fold(k, s, 0), cutPoints.initial)

  test('[PRO-6] [C1] a set holds from its hour on, wherever its record already is', () => {
    expect(cutPointsAt(known, MIDNIGHT + days(1) + hours(1) - 1)?.version).toBe('0')
    expect(cutPointsAt(known, MIDNIGHT + days(1) + hours(1))?.version).toBe('1')
    expect(cutPointsAt(known, MIDNIGHT)).toBeNull()
    expect(cutPointsAt(cutPoints.initial, MIDNIGHT)).toBeNull()
  })

  test('[PRO-6] [C2] a repeated or older set changes nothing', () => {
    expect(cutPoints.fold(known, set(1), 0)).toBe(known)
    expect(cutPoints.fold(known, set(0), 0)).toBe(known)
  })

  test('[PRO-6] [P13] quintiles: equal values share a score, the most recent fifth is 5', () => {
    const cuts = set(0)
    const now = MIDNIGHT + days(1)
    const orders = placeOrder(
      NO_ORDERS,
      { id: '1', at: now - days(20), revenue: 4_500, items: 1, categories: [] },
      now,
    )
    expect(rfmOf(orderTotals(orders, now), cuts, now)).toEqual({
      recencyDays: 20,
      r: 4,
      f: 1,
      m: 5,
    })
    expect(classOf(1, cuts.quintiles.frequency)).toBe(0)
    expect(classOf(2, cuts.quintiles.frequency)).toBe(2)
    expect(classOf(6, cuts.quintiles.frequency)).toBe(4)
  })

  test('[PRO-6] [P15] [C3] no order or no cut points: no score', () => {
    expect(rfmOf(orderTotals(NO_ORDERS, MIDNIGHT), set(0), MIDNIGHT)).toBeNull()
  })
})
