import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compareOutcomes } from './compare.ts'
import { chaosEmbedded, chaosSimulated } from './index.ts'
import { KillPlan, STEPS } from './kills.ts'
import type { Outcome } from './outcome.ts'
import { writeWorkload } from './workload.ts'

describe('chaos', () => {
  test('[SYS-1] 20 kills of the whole path lose nothing and repeat nothing, in topics, state or tables', async () => {
    const result = await chaosEmbedded({ kills: 20, seed: 7 })
    expect(result.failures).toEqual([])
    expect(result).toMatchObject({
      lost: 0,
      duplicated: 0,
      state_mismatches: 0,
      analytics_mismatches: 0,
    })
    expect(result.kills).toBeGreaterThanOrEqual(20)
    // Kills that met nothing, or always the same, would prove little.
    expect(Object.keys(result.hits).length).toBeGreaterThanOrEqual(6)
    expect(result.hits['analytics']).toBeGreaterThan(0)
    expect(result.outputs).toBeGreaterThan(500)
    expect(result.worst_recovery_ms).toBeGreaterThan(0)
  }, 300_000)

  test('[SYS-1] simulated: sums what its seeds came to', async () => {
    const told: number[] = []
    const result = await chaosSimulated({ seeds: 3, seed: 41 }, (done) => told.push(done))
    expect(result).toMatchObject({
      seeds: 3,
      first_seed: 41,
      lost: 0,
      duplicated: 0,
      disordered: 0,
      state_mismatches: 0,
      failures: [],
    })
    expect(result.outputs).toBeGreaterThan(100)
    expect(Object.values(result.happened).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0)
    expect(told).toEqual([1, 2, 3])
  })
})

describe('comparing outcomes', () => {
  const right: Outcome = {
    topics: { decisions: ['a', 'b', 'b'] },
    state: { 'inbox profile u:1': 'AA==' },
    tables: { events: ['{"x":1}'] },
    chain_faults: 0,
  }

  test('equal ones have nothing to tell, whatever their order', () => {
    const same = { ...right, topics: { decisions: ['b', 'a', 'b'] } }
    expect(compareOutcomes(right, same)).toMatchObject({ lost: 0, duplicated: 0, examples: [] })
  })

  test('counts what is lost, too much, changed in state or in a table, and a broken chain', () => {
    const wrong: Outcome = {
      topics: { decisions: ['a', 'a', 'b'], sessions: ['new'] },
      state: { 'inbox profile u:1': 'AQ==', 'inbox profile u:2': 'AA==' },
      tables: { events: ['{"x":1}', '{"x":1}'] },
      chain_faults: 1,
    }
    const found = compareOutcomes(right, wrong)
    expect(found).toMatchObject({
      lost: 1,
      duplicated: 2,
      state_mismatches: 2,
      analytics_mismatches: 2,
    })
    expect(found.examples).toContain('lost from topic decisions: b')
    expect(found.examples[0]).toBe('an audit chain is broken')
  })
})

test('a seed is one list of kills, and every kind of it comes', () => {
  const draw = (seed: number) => {
    const plan = new KillPlan(seed)
    return Array.from({ length: 300 }, (_, n) => plan.next(n % 2 === 0))
  }
  expect(draw(5)).toEqual(draw(5))
  expect(draw(5)).not.toEqual(draw(6))
  const steps = new Set(draw(5).map((kill) => (kill.kind === 'step' ? kill.step : kill.kind)))
  expect([...steps].sort()).toEqual([...STEPS, 'analytics', 'clock'].sort())
})

test('the workload is a function of its seed, and holds what may go wrong', () => {
  const directory = mkdtempSync(join(tmpdir(), 'opportune-workload-'))
  try {
    const made = (name: string, seed: number): string => {
      writeWorkload(join(directory, name), { customers: 10, events: 100, seed })
      return readFileSync(join(directory, name), 'utf8')
    }
    const text = made('a', 1)
    expect(made('b', 1)).toBe(text)
    expect(made('c', 2)).not.toBe(text)
    const lines = text.trim().split('\n')
    expect(new Set(lines).size).toBeLessThan(lines.length)
    const broken = lines.filter((line) => !line.endsWith('}'))
    expect(broken.length).toBeGreaterThan(1)
    expect(lines.some((line) => line.includes('visitor-23'))).toBe(true)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
