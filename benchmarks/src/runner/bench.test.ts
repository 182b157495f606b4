import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { Runtime } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type BenchProgress, benchQuery, isEngineQuery, spread, whereTimeGoes } from './bench.ts'
import { shares } from './profile.ts'

const small = { events: 2_000, seed: 7, runs: 1 } as const

describe('benchmark runner', () => {
  test('a report holds what the oracle says, figures of both sides, and progress on the way', async () => {
    const steps: BenchProgress[] = []
    const report = await benchQuery('q2', { ...small, log: 'memory' }, (step) => steps.push(step))
    expect(report).toMatchObject({ query: 'q2', log: 'memory', events: 2_000, hash_ok: true })
    expect(report.hash).toBe(report.hash_expected)
    expect(report.rows).toBeGreaterThan(0)
    const ratio = report.ratio_to_bare_loop?.median ?? 0
    const { median: engine = 0 } = report.events_per_second ?? {}
    const { median: bare = 1 } = report.bare_events_per_second ?? {}
    expect(ratio).toBeCloseTo(engine / bare, 2)
    expect(report.rss_peak_mb?.median).toBeGreaterThan(10)
    expect(steps.map(({ done, of }) => `${done}/${of}`)).toEqual(['1/3', '2/3', '3/3'])
  }, 60_000)

  test('an embedded log is made under the directory given, and removed again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'opportune-bench-'))
    try {
      const options = { ...small, log: 'embedded', durability: 'os', directory } as const
      expect(await benchQuery('ysb', options)).toMatchObject({ log: 'embedded, os', hash_ok: true })
      expect(readdirSync(directory)).toEqual([])
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }, 60_000)

  test('a profile is shared out to the parts of the engine', async () => {
    const { parts, total } = await whereTimeGoes('ysb', { events: 5_000, seed: 7 })
    expect(Object.keys(parts)).toContain('reading the event (JSON)')
    expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(total, 2)
  }, 60_000)

  test('time inside Node counts for the part that called it', () => {
    const frame = (functionName: string, url: string): Runtime.CallFrame => ({
      functionName,
      url,
      scriptId: '',
      lineNumber: 0,
      columnNumber: 0,
    })
    const nodes = [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 4] },
      { id: 2, callFrame: frame('run', '/x/engine/src/runtime/task.js'), children: [3] },
      { id: 3, callFrame: frame('slice', 'node:buffer') },
      { id: 4, callFrame: frame('(program)', '') },
    ]
    const profile = {
      nodes,
      startTime: 0,
      endTime: 0,
      samples: [2, 3, 3, 4],
      timeDeltas: [10, 20, 30, 40],
    }
    expect(shares(profile, 10)).toEqual({ parts: { 'task loop, wiring, outputs': 6 }, total: 6 })
  })

  test('the median of an odd and of an even number of runs', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
  })

  test('names of queries', () => {
    expect([isEngineQuery('q5'), isEngineQuery('q6'), isEngineQuery('toString')]).toEqual([
      true,
      false,
      false,
    ])
  })
})
