/**
 * How the output of a query is reduced to a row count and a hash, for every engine alike.
 *
 * A row is a line of comma-separated fields. Order does not count: lines are sorted by code unit
 * before hashing. A query that updates its rows (q4, q17, q18) is compared on the last line per key.
 */
import { createHash } from 'node:crypto'
import type { WorkloadName } from './generator/messages.ts'

export const QUERY_NAMES = [
  'ysb',
  'q0',
  'q1',
  'q2',
  'q3',
  'q4',
  'q5',
  'q7',
  'q8',
  'q11',
  'q17',
  'q18',
] as const

export type QueryName = (typeof QUERY_NAMES)[number]

/** Which generated stream a query reads. */
export const workloadOf = (query: QueryName): WorkloadName => (query === 'ysb' ? 'ysb' : 'nexmark')

/** For queries that update rows: how many leading fields are the key of a row. */
const UPSERT_KEY_FIELDS: Partial<Record<QueryName, number>> = { q4: 1, q17: 1, q18: 2 }

export interface QueryResult {
  readonly rows: number
  /** First 16 hex digits of the SHA-256 of the sorted lines joined by newlines. */
  readonly hash: string
}

function keyOf(line: string, fields: number): string {
  let end = -1
  for (let n = 0; n < fields; n++) {
    end = line.indexOf(',', end + 1)
    if (end === -1) return line
  }
  return line.slice(0, end)
}

/** Rows and hash of everything a query put out, in the order in which it was put out. */
export function summarise(query: QueryName, lines: Iterable<string>): QueryResult {
  const fields = UPSERT_KEY_FIELDS[query]
  let rows: string[]
  if (fields === undefined) rows = [...lines]
  else {
    const last = new Map<string, string>()
    for (const line of lines) last.set(keyOf(line, fields), line)
    rows = [...last.values()]
  }
  rows.sort()
  const hash = createHash('sha256').update(rows.join('\n')).digest('hex').slice(0, 16)
  return { rows: rows.length, hash }
}
