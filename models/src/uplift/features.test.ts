import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compileFeatures,
  isInTrialPopulation,
  type RetailProfile,
  UPLIFT_FEATURES,
} from './features.ts'
import { randomArtefact } from './testing.ts'

const NOW = Date.UTC(2026, 10, 22)
const DAY = 86_400_000
const buyer: RetailProfile = {
  firstOrderAt: NOW - 500 * DAY,
  lastOrderAt: NOW - 40 * DAY,
  spend12Months: 200,
  boughtMens: true,
  boughtWomens: false,
  area: 'rural',
  channel: 'multichannel',
}
const map = compileFeatures(randomArtefact(1))

const featuresOf = (profile: RetailProfile): readonly number[] => {
  const out = new Float64Array(UPLIFT_FEATURES.length)
  map(profile, NOW, out)
  return [...out]
}

describe('from a retail profile to features', () => {
  test('[MOD-1] every feature as the table says', () => {
    expect(featuresOf(buyer)).toEqual([2, Math.log(200), 1, 0, 0, 0, 1, 0, 1])
  })

  test('[MOD-1] defaults: suburban, web, new customer, at least a month and one unit of money', () => {
    const fresh = {
      ...buyer,
      firstOrderAt: NOW,
      lastOrderAt: NOW,
      spend12Months: -3,
      area: null,
      channel: null,
    }
    expect(featuresOf(fresh)).toEqual([1, 0, 1, 0, 1, 0, 0, 0, 0])
  })

  test('[MOD-1] an unknown category becomes the training mean, a known "no" stays 0', () => {
    expect(featuresOf({ ...buyer, boughtMens: null, boughtWomens: null }).slice(2, 4)).toEqual([
      0.5, 0.5,
    ])
    expect(featuresOf({ ...buyer, boughtMens: false }).slice(2, 4)).toEqual([0, 0])
  })

  test('a model that names fewer features gets them in its own order', () => {
    const own = compileFeatures({
      features: ['newbie', 'recency_months'],
      standardisation: { mean: [0, 0] },
    })
    const out = new Float64Array(2)
    own(buyer, NOW, out)
    expect([...out]).toEqual([0, 2])
  })

  test('a month that has begun counts; features are finite for any finite profile', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400 * DAY }),
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        (age, spend) => {
          const features = featuresOf({ ...buyer, lastOrderAt: NOW - age, spend12Months: spend })
          expect(features.every(Number.isFinite)).toBe(true)
          const months = features[0] as number
          expect(Number.isInteger(months) && months >= 1).toBe(true)
          expect(months * 30.4375 * DAY).toBeGreaterThanOrEqual(age)
        },
      ),
    )
  })
})

describe('the population of the trial', () => {
  test.each([
    ['a buyer of last month', buyer, true],
    ['nobody who never bought', { ...buyer, lastOrderAt: null }, false],
    ['nobody whose last order is 366 days old', { ...buyer, lastOrderAt: NOW - 366 * DAY }, false],
    ['nobody who bought in the future', { ...buyer, lastOrderAt: NOW + 1 }, false],
    ['nobody without a spend that is a number', { ...buyer, spend12Months: Number.NaN }, false],
  ])('[MOD-1] includes %s', (_, profile, included) => {
    expect(isInTrialPopulation(profile, NOW)).toBe(included)
    expect(map(profile, NOW, new Float64Array(9))).toBe(included)
  })
})
