import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, credentialsFrom } from './connect.ts'
import { ownMigrations, statementsOf } from './migrate.ts'

const SCENARIOS = fileURLToPath(new URL('./scenarios.child.ts', import.meta.url))
const NODE = ['--conditions=source', '--import', 'tsx']

let directory = ''
let found: Readonly<Record<string, Record<string, unknown>>> = {}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-database-'))
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, [...NODE, SCENARIOS, directory])
  found = JSON.parse(stdout)
}, 60_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('migrations', () => {
  test('[SNK-2] apply once each, again where a crash cut one short', () => {
    expect(found['migrations']).toMatchObject({
      first: ['0001-tables.sql', '0002-views.sql'],
      second: [],
      again: ['0002-views.sql'],
    })
  })

  test('[SNK-2] that were changed, or come from a newer release, are refused', () => {
    expect(found['migrations']).toMatchObject({
      changed: 'analytics_migration_changed',
      newer: 'analytics_migration_newer',
    })
  })

  test('[SNK-2] are one statement after the other, each of them repeatable', () => {
    for (const { sql } of ownMigrations())
      for (const statement of statementsOf(sql)) {
        expect(statement.replaceAll(/^--.*$/gm, '').trim()).toMatch(/^CREATE (TABLE|VIEW) /)
        expect(statement.match(/^CREATE /gm)).toHaveLength(1)
      }
  })
})

describe('the profiles table', () => {
  test('[SNK-2 PRO-1] has a column a field: type by unit, comment by description', () => {
    const columns = found['columns']?.['columns'] as {
      name: string
      type: string
      comment: string
    }[]
    expect(columns.slice(5).map(({ name, type }) => [name, type])).toEqual([
      ['first_name', 'Nullable(String)'],
      ['lifecycle_stage', 'LowCardinality(String)'],
      ['total_orders', 'Int64'],
      ['lifetime_value', 'Decimal(18, 4)'],
      ['last_seen', "Nullable(DateTime64(3, 'UTC'))"],
      ['has_returned', 'Bool'],
      ['categories', 'Array(String)'],
      ['consents', 'String'],
      // Came later, and stays when its field goes.
      ['nickname', 'String'],
    ])
    expect(columns[5]?.comment).toBe("The customer's name.")
  })

  test('[SNK-2] refuses a field whose type changed', () => {
    expect(found['columns']?.['conflict']).toBe('analytics_schema_conflict')
  })
})

describe('the loader', () => {
  test('[SNK-2 T1 T2] after a crash at any of its moments the tables are as without', () => {
    const { moments, differing, expected } = found['crashes'] ?? {}
    expect(moments).toBeGreaterThan(12)
    expect(differing).toEqual([])
    expect(expected).toContainEqual([
      'verdicts',
      { rows: 30, records: 15, content: expect.stringMatching(/^\d+$/) },
    ])
  })

  test('[SNK-2 T2 T5] errors of the database, before or after the deed, lose and double nothing', () => {
    expect(found['lostAnswers']).toMatchObject({ same: true, stats: { records: 105, rows: 135 } })
    expect(found['lostAnswers']?.['stats']).toMatchObject({ repaired: 3 })
  })

  test('[SNK-2 T3] reads a range again as the log has it now, and counts what it came too late for', () => {
    const { compacted, identities, sessions, kept, missed } = found['shrunkTopics'] ?? {}
    expect(identities).toBe(compacted)
    expect(compacted).toBeLessThan(6)
    expect(sessions).toEqual([{ n: kept }])
    expect(missed).toBe(6 - Number(kept))
  })

  test('[SNK-2 T4] keeps refused rows apart, with the place they came from', () => {
    const reason = 'ClickHouse refuses it with code 41'
    expect(found['refusedRows']).toEqual({
      refused: 2,
      kept: [
        { log_offset: 11, target: 'sessions', reason },
        { log_offset: 30, target: 'sessions', reason },
      ],
      // 38 of the first insert, 1 of the two that were the same.
      there: { n: 39 },
    })
  })

  test('[SNK-2 T1] finds its place in the ledger, also after old blocks were forgotten', () => {
    expect(found['ledger']).toMatchObject({
      positions: { 'a/0': 9, 'b/0': 2 },
      last: { block: 3, attempt: 1, ranges: [{ range: { from: 5, to: 9 }, counts: {} }] },
    })
    const left = found['ledger']?.['left'] as { block: number }[]
    expect(new Set(left.map(({ block }) => block))).toEqual(new Set([1, 3]))
  })
})

describe('queries', () => {
  test('[SNK-2] wait for one another within a bound', () => {
    expect(found['queries']?.['answers']).toHaveLength(34)
    expect(found['queries']).toMatchObject({ refusedNow: 6, code: 'analytics_query_failed' })
  })

  test('[SNK-2] a failed one leaves nothing behind for the next', () => {
    expect(new Set(found['queries']?.['failed'] as string[])).toEqual(
      new Set(['analytics_query_failed']),
    )
    expect(found['queries']?.['after']).toEqual([1, 2, 3].map((n) => [{ n, s: 0 }]))
  })
})

describe('answers as Arrow files', () => {
  const tableOf = (name: string) =>
    tableFromIPC(Buffer.from(String(found['arrow']?.[name]), 'base64'))

  test("[SNK-2] keep ClickHouse's types and every digit", () => {
    const typed = tableOf('typed')
    const types = Object.fromEntries(typed.schema.fields.map((it) => [it.name, String(it.type)]))
    expect(types).toMatchObject({
      big: 'Uint64',
      at: 'Timestamp<MILLISECOND, UTC>',
      word: 'Utf8',
      list: expect.stringMatching(/^List<.*Uint8/),
      missing: 'Int32',
    })
    expect(types['money']).toMatch(/^Decimal\[/)
    // As JSON it would have been 18446744073709552000 three times.
    const rows = typed.toArray() as Readonly<Record<string, unknown>>[]
    expect(rows.map((row) => row['big'])).toEqual([
      18446744073709551000n,
      18446744073709551001n,
      18446744073709551002n,
    ])
    expect(rows[1]).toMatchObject({ word: 'caf\u00e9', missing: null })
    expect(Number(rows[0]?.['at'])).toBe(Date.UTC(2026, 10, 20, 12, 0, 0, 123))
    expect(Array.from((rows[0]?.['list'] ?? []) as Iterable<number>)).toEqual([1, 2])
  })

  test('[SNK-2] may be empty, with the columns there would be', () => {
    expect(tableOf('empty').numRows).toBe(0)
    expect(tableOf('empty').schema.fields.length).toBeGreaterThan(5)
    expect(tableOf('shown').numRows).toBeGreaterThan(5)
  })

  test('[SNK-2] are whole or refused, and leave nothing behind', () => {
    expect(found['arrow']).toMatchObject({
      codes: [
        'analytics_query_failed',
        'analytics_query_failed',
        'analytics_query_failed',
        'analytics_query_refused',
      ],
      after: [{ n: 1 }],
    })
  })
})

describe('a database by URL', () => {
  test('[SNK-2] is refused where the address is none, or holds a password', async () => {
    const codes = ['no url', 'ftp://host', 'http://user:secret@host:8123'].map((url) =>
      connect({ kind: 'remote', url }).catch((error: Error) => error.message),
    )
    for (const message of await Promise.all(codes)) {
      expect(message).toContain('analytics_url_invalid')
      expect(message).not.toContain('secret')
    }
    const odd = connect({ kind: 'remote', url: 'http://127.0.0.1:1', database: 'a; DROP' })
    await expect(odd).rejects.toThrow('analytics_url_invalid')
  })

  test('[SNK-2] takes user and password from the environment', () => {
    const env = { OPPORTUNE_CLICKHOUSE_USER: 'u', OPPORTUNE_CLICKHOUSE_PASSWORD: 'p' }
    expect(credentialsFrom(env)).toEqual({ username: 'u', password: 'p' })
  })
})
