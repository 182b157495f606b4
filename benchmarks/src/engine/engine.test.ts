import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectedResults } from '../oracles/index.ts'
import { ENGINE_QUERIES, type EngineQuery, runEngine } from './run.ts'

const QUERIES = Object.keys(ENGINE_QUERIES) as EngineQuery[]

describe('benchmark topologies', () => {
  for (const [events, seed] of [
    [12_345, 42],
    [3_001, 7],
  ] as const)
    test(`[E5] every query gives the oracle's rows at ${events} events, seed ${seed}`, async () => {
      const expected = expectedResults(QUERIES, { events, seed })
      for (const query of QUERIES) {
        const { rows, hash } = await runEngine({ query, events, seed })
        expect({ query, rows, hash }).toEqual({ query, ...expected.get(query) })
      }
    })

  test('[R1] and so it does on an embedded log', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'opportune-bench-'))
    try {
      for (const query of ['ysb', 'q3', 'q4', 'q5', 'q8', 'q11'] as const) {
        const stream = { events: 5_000, seed: 3 }
        const at = { directory: join(directory, query), durability: 'os' } as const
        const { rows, hash } = await runEngine({ query, ...stream, ...at })
        expect({ rows, hash }).toEqual(expectedResults([query], stream).get(query))
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
