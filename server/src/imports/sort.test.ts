import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type TimedCall, TimeSorter } from './sort.ts'

const timed = (time: number, line: number): TimedCall => ({
  time,
  line,
  call: { type: 'track', event: 'e', messageId: `m-${line}`, userId: 'ü', properties: { time } },
})

const leftovers = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('opportune-import-'))

async function sortAll(calls: readonly TimedCall[], runCalls: number): Promise<TimedCall[]> {
  const sorter = new TimeSorter(runCalls)
  try {
    for (const call of calls) await sorter.add(call)
    const out: TimedCall[] = []
    for await (const call of sorter.sorted()) out.push(call)
    return out
  } finally {
    await sorter.dispose()
  }
}

const expected = (calls: readonly TimedCall[]): TimedCall[] =>
  calls.toSorted((a, b) => a.time - b.time || a.line - b.line)

describe('time sorter', () => {
  test('gives (time, line) order for any length of runs', async () => {
    const times = fc.array(fc.nat(5), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(times, fc.integer({ min: 1, max: 40 }), async (values, runCalls) => {
        const calls = values.map(timed)
        expect(await sortAll(calls, runCalls)).toEqual(expected(calls))
      }),
      { numRuns: 25 },
    )
  })

  test('merges in several passes when there are more runs than may be open', async () => {
    const calls = Array.from({ length: 300 }, (_, line) => timed((line * 7919) % 101, line))
    expect(await sortAll(calls, 2)).toEqual(expected(calls))
  })

  test('keeps calls whose text is long once escaped', async () => {
    const call = timed(1, 1)
    const long = { ...call, call: { ...call.call, event: '\u0001'.repeat(400_000) } }
    expect(await sortAll([timed(2, 2), long], 1)).toEqual([long, timed(2, 2)])
  })

  test('removes its files, also when left early', async () => {
    const before = leftovers()
    const sorter = new TimeSorter(2)
    for (let line = 0; line < 9; line++) await sorter.add(timed(9 - line, line))
    expect(leftovers().length).toBeGreaterThan(before.length)
    for await (const call of sorter.sorted()) {
      expect(call.time).toBe(1)
      break
    }
    await sorter.dispose()
    expect(leftovers()).toEqual(before)
  })

  test('knows the latest time', async () => {
    const sorter = new TimeSorter()
    expect(sorter.latest).toBe(Number.NEGATIVE_INFINITY)
    await sorter.add(timed(5, 1))
    await sorter.add(timed(3, 2))
    expect(sorter.latest).toBe(5)
  })
})
