import { describe, expect, test } from 'vitest'
import { allRows, knuthFold, selectRows, splitByFold } from './dataset.ts'
import { syntheticTrial } from './testing.ts'

const trial = syntheticTrial(1_000, 1)

describe('folds', () => {
  test('[MOD-2] the first rows fall into the folds of the published file', () => {
    // floor(((row * 2654435761) mod 2^32) / 429496729.6), with exact integers.
    const exact = (row: number) =>
      Math.floor(Number((BigInt(row) * 2654435761n) % 4294967296n) / 429496729.6)
    for (const row of [0, 1, 2, 3, 63_999, 123_456_789]) expect(knuthFold(row)).toBe(exact(row))
    expect([knuthFold(0), knuthFold(1)]).toEqual([0, 6])
  })

  test('[E1] held-out parts are disjoint, cover every row, and are a tenth each', () => {
    const seen = new Uint8Array(trial.count)
    for (let fold = 0; fold < 10; fold++) {
      const { training, held } = splitByFold(trial, fold)
      expect(training.length + held.length).toBe(trial.count)
      expect(Math.abs(held.length - 100)).toBeLessThan(5)
      for (const row of held) seen[row] = (seen[row] as number) + 1
      expect(training.some((row) => held.includes(row))).toBe(false)
    }
    expect(seen.every((times) => times === 1)).toBe(true)
  })

  test('a fold outside 0..9 is a bug', () => {
    expect(() => splitByFold(trial, 10)).toThrow('a fold is 0..9')
  })
})

test('selected rows keep features, arm and outcome together', () => {
  const rows = allRows(trial).filter((row) => row % 7 === 3)
  const part = selectRows(trial, rows)
  expect(part.count).toBe(rows.length)
  for (const [i, row] of rows.entries()) {
    expect(part.features.subarray(i * 9, i * 9 + 9)).toEqual(
      trial.features.subarray(row * 9, row * 9 + 9),
    )
    expect([part.arm[i], part.outcome[i]]).toEqual([trial.arm[row], trial.outcome[row]])
  }
})
