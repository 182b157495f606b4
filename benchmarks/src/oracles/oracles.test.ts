import { describe, expect, test } from 'vitest'
import { QUERY_NAMES, type QueryName } from '../verification.ts'
import { expectedResults } from './index.ts'

/** Rows and hashes that the benchmark definition states for 100,000 events with seed 42. */
const GOLDEN: Record<QueryName, readonly [number, string]> = {
  ysb: [9658, '5296aa0d0d92c656'],
  q0: [92_000, 'e3c9d79fad312ef0'],
  q1: [92_000, '3c55cc9f79dba513'],
  q2: [399, '1a71799fa93073d4'],
  q3: [668, '3167a91f6146ec05'],
  q4: [5, '55a050fd8821330a'],
  q5: [9, '1e510b4c6517db68'],
  q7: [1, '5b7f96ff0f64ba23'],
  q8: [941, '7ec55aa236925a54'],
  q11: [1919, '622e9880261f91f7'],
  q17: [5996, '41fde982ddfbe0a5'],
  q18: [28_275, '9874d48ff74c881c'],
}

describe('oracles at 100,000 events, seed 42', () => {
  const results = expectedResults(QUERY_NAMES, { events: 100_000, seed: 42 })
  test.each(QUERY_NAMES)('%s has the stated rows and hash', (query) => {
    const [rows, hash] = GOLDEN[query]
    expect(results.get(query)).toEqual({ rows, hash })
  })
})

describe('oracles on other streams', () => {
  test('a stream without events has no rows', () => {
    for (const [query, result] of expectedResults(QUERY_NAMES, { events: 0, seed: 42 }))
      expect([query, result.rows]).toEqual([query, 0])
  })

  test('another seed gives other rows', () => {
    const queries = ['ysb', 'q7', 'q17'] as const
    const one = expectedResults(queries, { events: 2000, seed: 1 })
    const two = expectedResults(queries, { events: 2000, seed: 2 })
    for (const query of queries) expect(one.get(query)?.hash).not.toBe(two.get(query)?.hash)
  })
})
