import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type EmbeddedLog, findError, openEmbeddedLog } from '#engine'
import { type Analytics, startAnalytics } from './analytics.ts'
import type { AnalyticsSettings } from './protocol.ts'
import {
  appendShop,
  createTopics,
  DATA_TABLES,
  fingerprintOf,
  PROFILE_SCHEMA,
} from './shop.fixture.ts'

let directory = ''
let log: EmbeddedLog
const open: Analytics[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-analytics-'))
  log = await openEmbeddedLog({ directory: join(directory, 'log'), durability: 'os' })
  await createTopics(log)
})
afterEach(async () => {
  for (const analytics of open.splice(0)) await analytics.stop()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

function start(name: string, over: Partial<AnalyticsSettings> = {}): Analytics {
  const analytics = startAnalytics({
    database: {
      kind: 'embedded',
      path: join(directory, name),
      read: { maxRows: 1_000, maxSeconds: 2, maxMemory: 100_000_000 },
    },
    log: { kind: 'embedded', directory: join(directory, 'log') },
    profileSchema: PROFILE_SCHEMA,
    flushMs: 50,
    ...over,
  })
  open.push(analytics)
  return analytics
}

async function rows(analytics: Analytics, sql: string, params = {}): Promise<readonly object[]> {
  return (await analytics.query(sql, params)).rows
}

async function tables(analytics: Analytics): Promise<Readonly<Record<string, unknown>>> {
  const prints: Record<string, unknown> = {}
  for (const table of DATA_TABLES) prints[table] = (await rows(analytics, fingerprintOf(table)))[0]
  return prints
}

/** Until the child came back and everything is loaded. */
async function recovered(analytics: Analytics): Promise<void> {
  for (;;) {
    try {
      await analytics.ready()
      return await analytics.flush()
    } catch (error) {
      if (findError(error)?.code !== 'analytics_unavailable') throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

const refusal = async (promise: Promise<unknown>): Promise<string | undefined> =>
  findError(await promise.catch((error: unknown) => error))?.code

describe('analytics', () => {
  test('[SNK-2 ANA-2] loads every topic, answers queries, and keeps people out of the rest', async () => {
    const analytics = start('db')
    expect(await refusal(analytics.query('SELECT 1'))).toBe('analytics_unavailable')
    await appendShop(log, [0, 60])
    await log.appender().append('activity', 0, [{ key: null, value: Buffer.from('{"half":') }])
    await recovered(analytics)

    expect(await tables(analytics)).toMatchObject({
      events: { rows: 60, records: 60 },
      sessions: { rows: 60 },
      profiles: { rows: 60 },
      decisions: { rows: 60, records: 60 },
      verdicts: { rows: 120, records: 60 },
      dead_letters: { rows: 60 },
    })
    expect(analytics.health()).toMatchObject({ state: 'ready', reason: null, restarts: 0 })

    // The values survive, quotes and all; parameters are bound, not pasted.
    const hostile = "u:1' OR 1 = 1 --"
    const byCustomer = 'SELECT count() AS n FROM events WHERE customer_id = {customer:String}'
    expect(await rows(analytics, byCustomer, { customer: 'u:1' })).toEqual([{ n: 12 }])
    expect(await rows(analytics, byCustomer, { customer: hostile })).toEqual([{ n: 0 }])
    const quote =
      "SELECT JSONExtractString(properties, 'quote') AS q FROM events WHERE message_id = 'm-7'"
    expect(await rows(analytics, quote)).toEqual([{ q: `it's "7" \\ \n \u{1f600}` }])

    // Columns follow from the schema; the current profile is the last one.
    const current = `SELECT total_orders, lifetime_value, first_name, has_returned, categories, consents,
      toTypeName(lifetime_value) AS type FROM profiles_current WHERE customer_id = 'u:4'`
    expect(await rows(analytics, current)).toEqual([
      {
        total_orders: 59,
        lifetime_value: 73.75,
        first_name: 'Ann-59',
        has_returned: false,
        categories: ['tea', 'c59'],
        consents: '[{"channel":"email"}]',
        type: 'Decimal(18, 4)',
      },
    ])

    // The views: 20 orders (6 of them gave back 1.50), two outcomes, one day of sessions.
    const daily =
      'SELECT sum(orders) AS n, sum(revenue) AS r, sum(net_revenue) AS net FROM daily_revenue'
    expect(await rows(analytics, daily)).toEqual([{ n: 20, r: 205.7, net: 196.7 }])
    const outcomes =
      'SELECT action, sum(decisions) AS n FROM decisions_by_outcome GROUP BY action ORDER BY 1'
    expect(await rows(analytics, outcomes)).toEqual([
      { action: 'block', n: 20 },
      { action: 'send', n: 40 },
    ])
    expect(await rows(analytics, 'SELECT sessions FROM daily_sessions')).toEqual([{ sessions: 60 }])

    // What did not read is kept, with its bytes.
    const rejected = 'SELECT topic, target, base64Decode(bytes) AS bytes FROM rejected_rows'
    expect(await rows(analytics, rejected)).toEqual([
      { topic: 'activity', target: '', bytes: '{"half":' },
    ])

    await expectNoWayOut(analytics)
  }, 60_000)

  async function expectNoWayOut(analytics: Analytics): Promise<void> {
    for (const sql of [
      'DROP TABLE events',
      "INSERT INTO sessions (customer_id) VALUES ('x')",
      "SELECT file('/etc/hostname')",
      "SELECT 1 INTO OUTFILE '/tmp/x'",
    ])
      expect(await refusal(analytics.query(sql))).toBe('analytics_query_refused')
    for (const sql of [
      "SELECT * FROM file('/etc/hostname', 'LineAsString')",
      "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
      'SELECT 1 SETTINGS readonly = 0',
      'SELECT number FROM numbers(1001)',
      'SELECT length(groupArray(number)) FROM numbers(100000000)',
      'WITH x AS (SELECT 1) SELECT * FROM nowhere',
    ]) {
      const code = await refusal(analytics.query(sql))
      expect(['analytics_query_failed', 'analytics_query_refused']).toContain(code)
    }
    expect(await rows(analytics, 'SELECT count() AS n FROM sessions')).toEqual([{ n: 60 }])
  }

  test('[SNK-2 T1 T2 A1 A3] killed at any moment, the tables end up as in an undisturbed run', async () => {
    await appendShop(log, [0, 200])
    const limits = { maxRecords: 150, maxBytes: 1 << 20 }
    const calm = start('calm', { limits })
    await recovered(calm)
    const expected = await tables(calm)
    await calm.stop()

    // Between the tables of one block: its decisions are there, its verdicts are not.
    const torn = start('torn', { limits, crash: { after: { inserted: 'decisions' }, n: 1 } })
    await recovered(torn)
    expect(torn.health()).toMatchObject({ restarts: 1, loading: { stats: { repaired: 1 } } })
    expect(await tables(torn)).toEqual(expected)
  }, 60_000)

  test('[SNK-2 T1] goes on where it was, in a process that starts a second time', async () => {
    await appendShop(log, [0, 30])
    const first = start('db')
    await recovered(first)
    const before = await tables(first)
    await first.stop()
    expect(first.health().state).toBe('stopped')

    const second = start('db')
    await recovered(second)
    // One database has one process: a third has to wait until the second is gone.
    const third = start('db')
    expect(await tables(second)).toEqual(before)
    expect(second.health().loading?.stats).toMatchObject({ records: 0, repaired: 0 })
    await appendShop(log, [30, 40])
    await recovered(second)
    expect(await tables(second)).toMatchObject({ events: { rows: 40 }, verdicts: { rows: 80 } })
    expect(third.health().state).not.toBe('ready')
    await second.stop()
    await recovered(third)
    expect(await tables(third)).toMatchObject({ events: { rows: 40 } })
  }, 60_000)

  test('[SNK-2 A2] is refused, with the reason, on a log that is not the one it loaded', async () => {
    await appendShop(log, [0, 10])
    const first = start('db')
    await recovered(first)
    await first.stop()
    const other = await openEmbeddedLog({ directory: join(directory, 'other'), durability: 'os' })
    await createTopics(other)
    const second = start('db', { log: { kind: 'embedded', directory: join(directory, 'other') } })
    expect(await refusal(second.ready())).toBe('analytics_unavailable')
    expect(second.health()).toMatchObject({ state: 'refused', restarts: 0 })
    expect(second.health().reason).toContain('analytics_log_replaced')
    await other.close()
  }, 60_000)
})
