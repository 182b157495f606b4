import { describe, expect, test } from 'vitest'
import { deriveSeed, poissonOne, shuffle, uniformFrom } from './random.ts'

const draws = (seed: number, n: number): number[] => {
  const uniform = uniformFrom(seed)
  return Array.from({ length: n }, () => uniform())
}

describe('seeded randomness', () => {
  test('[T2] a seed names its sequence, and labels separate streams', () => {
    expect(draws(1, 3)).toEqual([0.6270739405881613, 0.002735721180215478, 0.5274470399599522])
    const seeds = ['a', 'b', 'ab', 0, 1, 10, 100].map((label) => deriveSeed(1, label))
    expect(new Set(seeds).size).toBe(seeds.length)
    expect(deriveSeed(1, 'a', 'b')).not.toBe(deriveSeed(1, 'ab'))
    expect(deriveSeed(1, 'a')).not.toBe(deriveSeed(2, 'a'))
  })

  test('draws are uniform: mean and variance within four standard errors', () => {
    const values = draws(7, 20_000)
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const variance = values.reduce((sum, v) => sum + (v - 0.5) ** 2, 0) / values.length
    expect(Math.abs(mean - 0.5)).toBeLessThan((4 * Math.sqrt(1 / 12)) / Math.sqrt(20_000))
    expect(Math.abs(variance - 1 / 12)).toBeLessThan((4 * Math.sqrt(1 / 180)) / Math.sqrt(20_000))
  })

  test('a Poisson draw of mean 1 has the mean, variance and zeros of one', () => {
    const uniform = uniformFrom(9)
    const values = Array.from({ length: 20_000 }, () => poissonOne(uniform))
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length
    expect(Math.abs(mean - 1)).toBeLessThan(0.03)
    expect(Math.abs(variance - 1)).toBeLessThan(0.05)
    expect(Math.abs(values.filter((v) => v === 0).length / 20_000 - Math.exp(-1))).toBeLessThan(
      0.015,
    )
    expect(poissonOne(() => 1 - 2 ** -32)).toBeLessThanOrEqual(12)
  })

  test('a shuffle keeps every value and puts each anywhere', () => {
    const uniform = uniformFrom(3)
    const firsts = new Uint32Array(5)
    for (let i = 0; i < 5_000; i++) {
      const values = Uint32Array.of(0, 1, 2, 3, 4)
      shuffle(values, uniform)
      expect([...values].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4])
      firsts[values[0] as number] = (firsts[values[0] as number] as number) + 1
    }
    for (const times of firsts) expect(Math.abs(times - 1000)).toBeLessThan(4 * Math.sqrt(800))
  })
})
