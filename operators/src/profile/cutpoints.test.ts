import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days, hours } from '#engine'
import { drive } from '#engine/testing'
import type { Contribution, ContributionChange } from './contribution.ts'
import { cutPointsOperator } from './cut-points-operator.ts'
import { type CutPoints, cutPoints, cutPointsAt } from './cutpoints.ts'
import { addHistograms, addValue, EMPTY_HISTOGRAM, quantiles, rounded } from './histogram.ts'
import { NO_ORDERS, orderTotals, placeOrder } from './orders.ts'
import { classOf, rfmOf } from './rfm.ts'
import { countIn, NO_COUNTS } from './shop-counts.ts'

const MIDNIGHT = Date.UTC(2026, 2, 10)
/** The day that ends with the midnight, in days since 1970. */
const TODAY = MIDNIGHT / days(1) - 1
const part = (fields: Partial<Contribution> = {}): Contribution => ({
  lastOrder: TODAY - 3,
  frequency: 1,
  monetary: 1_000,
  lastActive: TODAY - 2,
  engagement: 5,
  ...fields,
})
/** A customer who was not counted before. */
const come = (is: Contribution, midnight = MIDNIGHT): ContributionChange => ({
  midnight,
  was: [],
  is,
})

describe('histogram', () => {
  const amounts = fc.array(fc.oneof(fc.nat(1_500), fc.nat(1e9)), { minLength: 1, maxLength: 60 })

  test('[PRO-6] [P14] quantiles are the nearest ranks of the sorted list, exact to three digits', () => {
    const ranks = [0.01, 0.2, 0.29, 0.5, 0.8, 0.99]
    fc.assert(
      fc.property(amounts, (list) => {
        const histogram = list.reduce((h, n) => addValue(h, n), EMPTY_HISTOGRAM)
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

  test('[C9] [P14] what is taken out again leaves no trace, in whichever order', () => {
    fc.assert(
      fc.property(amounts, amounts, (stay, pass) => {
        const of = (list: readonly number[], count = 1) =>
          list.reduce((h, n) => addValue(h, n, count), EMPTY_HISTOGRAM)
        const rest = addHistograms(of(pass, -1), addHistograms(of(stay), of(pass)))
        expect(rest).toEqual(of(stay))
        expect(addHistograms(of(stay), of(stay, -1))).toEqual(EMPTY_HISTOGRAM)
      }),
    )
  })
})

describe('operator cut-points', () => {
  const shop = (changes: readonly ContributionChange[]) => {
    const driver = drive(cutPointsOperator)
    for (const change of changes) driver.record('shop', change, { at: change.midnight })
    return driver
  }

  test('[PRO-6] [C6] makes the day’s set once its midnight has passed, effective an hour later', () => {
    const driver = shop(
      Array.from({ length: 10 }, (_, i) =>
        come(part({ lastOrder: TODAY - i - 1, monetary: (i + 1) * 100 })),
      ),
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
  })

  test('[C8] [C9] without a word from anybody every midnight has its set, and all are a day older', () => {
    const driver = shop([come(part({ lastOrder: TODAY })), come(part({ lastOrder: null }))])
    driver.advanceTo(MIDNIGHT + days(2) + 1)
    expect(
      driver.take('cutPoints').map(({ quintiles, percentiles }) => ({
        recency: quintiles.recency[0],
        inactivity: percentiles.inactivity[0],
      })),
    ).toEqual([
      { recency: 0, inactivity: 2 },
      { recency: 1, inactivity: 3 },
      { recency: 2, inactivity: 4 },
    ])
  })

  test('[C9] who goes is taken out; with nobody left there is no set and nothing waits', () => {
    const driver = shop([come(part())])
    driver.advanceTo(MIDNIGHT + 1)
    const midnight = MIDNIGHT + days(1)
    driver.record('shop', { midnight, was: [part()], is: null }, { at: midnight })
    driver.advanceTo(MIDNIGHT + days(9))
    expect(driver.take('cutPoints')).toHaveLength(1)
    expect(driver.timers('shop')).toEqual([])
    expect(driver.state('shop').counts).toEqual(NO_COUNTS)
  })

  test('[PRO-6] [C9] the order in which changes come makes no difference', () => {
    const parts = fc.record({
      lastOrder: fc.option(fc.nat(400).map((n) => TODAY - n)),
      frequency: fc.nat(9),
      monetary: fc.nat(1e6),
      lastActive: fc.nat(90).map((n) => TODAY - n),
      engagement: fc.nat(500),
    })
    // Each customer comes and is another from the next midnight on.
    const customers = fc.array(fc.tuple(parts, parts), { minLength: 1, maxLength: 10 })
    const both = customers
      .map((list) =>
        list.flatMap(([is, next]) => [
          come(part(is)),
          { midnight: MIDNIGHT + days(1), was: [part(is)], is: part(next) },
        ]),
      )
      .chain((l) => fc.tuple(fc.constant(l), fc.shuffledSubarray(l, { minLength: l.length })))
    fc.assert(
      fc.property(both, ([a, b]) => {
        const made = [a, b].map((list) => {
          const driver = drive(cutPointsOperator)
          for (const change of list) driver.record('shop', change, { at: MIDNIGHT })
          return driver.advanceTo(MIDNIGHT + days(1) + 1).take('cutPoints')
        })
        expect(made[0]).toEqual(made[1])
        expect(made[0]).toHaveLength(2)
      }),
      { numRuns: 50 },
    )
  })

  test('[C6] two days gather side by side; what comes after its set is late and counts from then on', () => {
    const driver = shop([
      come(part()),
      come(part({ lastOrder: null, monetary: 7 }), MIDNIGHT + days(1)),
    ])
    driver.advanceTo(MIDNIGHT + days(1) + 1)
    expect(driver.take('cutPoints')).toMatchObject([
      { version: '2026-03-10', population: 1, buyers: 1 },
      { version: '2026-03-11', population: 2, buyers: 1 },
    ])
    driver.record('shop', come(part()), { at: MIDNIGHT + days(1) + 2 })
    expect(driver.take('late')).toEqual([{ midnight: MIDNIGHT }])
    expect(driver.state('shop').late).toBe(1)
    driver.advanceTo(MIDNIGHT + days(2) + 1)
    expect(driver.take('cutPoints')).toMatchObject([{ population: 3, buyers: 2 }])
  })

  test('[C6] more midnights at once than are kept: the oldest are made, late or not', () => {
    const ten = Array.from({ length: 10 }, (_, i) => come(part(), MIDNIGHT + days(i)))
    const driver = drive(cutPointsOperator)
    for (const change of ten) driver.record('shop', change, { at: MIDNIGHT })
    expect(driver.take('cutPoints').map((it) => it.population)).toEqual([1, 2])
    expect(driver.state('shop').coming).toHaveLength(8)
  })

  test('[PRO-6] state stays bounded: 3,000 customers with sums all over the place', () => {
    let counts = NO_COUNTS
    for (let i = 0; i < 3_000; i++) {
      const is = part({ monetary: (i * 7_919_993) % 1e9, lastOrder: TODAY - (i % 365) })
      counts = countIn(counts, is, 1)
    }
    expect(counts.population).toBe(3_000)
    expect(JSON.stringify(counts).length).toBeLessThan(64_000)
  })

  test('[C6] state of version 1 is taken over: what it was gathering is told anew', () => {
    const migrate = cutPointsOperator.state.migrate?.[1]
    const old = { open: [{ midnight: MIDNIGHT, population: 3 }], made: MIDNIGHT - days(1), late: 2 }
    expect(migrate?.(old)).toEqual({
      counts: NO_COUNTS,
      coming: [],
      made: MIDNIGHT - days(1),
      late: 2,
    })
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
