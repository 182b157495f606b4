/**
 * What `database.test.ts` checks, run in a process of its own: the embedded engine belongs to the
 * process that opens it and is large. Prints what each scenario found, as one JSON line.
 */
import { assert, createSimulatedLog, findError, type SimulatedLog } from '#engine'
import { connect, type Database, type Writer } from './connect.ts'
import { feedsOf } from './feeds.ts'
import { insertRows, type TableShare } from './inserts.ts'
import { forgetBlocks, lastBlock, recordBlock, recordedPositions } from './ledger.ts'
import { Loader, type LoaderHooks } from './loader.ts'
import { migrate, ownMigrations } from './migrate.ts'
import { profileColumnsOf, syncProfileColumns } from './profile-columns.ts'
import { QueryDesk } from './queries.ts'
import {
  appendShop,
  createTopics,
  DATA_TABLES,
  fingerprintOf,
  PROFILE_SCHEMA,
} from './shop.fixture.ts'

const NOW = Date.UTC(2026, 10, 21)

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return findError(await work.catch((error: unknown) => error))?.code
}

async function migrations({ writer }: Database): Promise<unknown> {
  const own = ownMigrations()
  const first = await migrate(writer, own, NOW)
  const second = await migrate(writer, own, NOW)
  const [one, ...rest] = own
  assert(one !== undefined, 'there are migrations')
  const changed = [{ ...one, sql: `${one.sql} ` }, ...rest]
  // A crash in the middle of a file: its statements run again.
  await writer.command("ALTER TABLE migrations DELETE WHERE name LIKE '0002%'", {
    mutations_sync: '1',
  })
  return {
    first,
    second,
    again: await migrate(writer, own, NOW),
    changed: await codeOf(migrate(writer, changed, NOW)),
    newer: await codeOf(migrate(writer, own.slice(0, 1), NOW)),
  }
}

async function columns({ writer }: Database): Promise<unknown> {
  await syncProfileColumns(writer, profileColumnsOf(PROFILE_SCHEMA))
  const { properties } = PROFILE_SCHEMA
  const more = { properties: { ...properties, nickname: { type: 'string', description: 'New.' } } }
  await syncProfileColumns(writer, profileColumnsOf(more))
  await syncProfileColumns(writer, profileColumnsOf(PROFILE_SCHEMA))
  const other = { properties: { ...properties, total_orders: { type: 'string' } } }
  return {
    columns: await writer.rows(
      `SELECT name, type, comment FROM system.columns
       WHERE table = 'profiles' AND database = currentDatabase() ORDER BY position`,
    ),
    conflict: await codeOf(syncProfileColumns(writer, profileColumnsOf(other))),
  }
}

async function refusedRows({ writer }: Database): Promise<unknown> {
  const rows = Array.from({ length: 40 }, (_, n) => ({
    customer_id: `u:${n}`,
    started_at: n === 11 || n === 30 ? 'yesterday' : '2026-11-20 12:00:00.000',
    ended_at: '2026-11-20 12:00:01.000',
    duration_s: 1,
    events: 1,
    log_partition: 60,
    log_offset: n,
  }))
  const share: TableShare = {
    table: 'sessions',
    topic: 'sessions',
    ranges: [],
    token: 'x',
    now: NOW,
  }
  const refused = await insertRows(writer, share, rows)
  // An insert that is repeated because its answer was lost is dropped by its token.
  await insertRows(writer, { ...share, token: 'y' }, rows.slice(1, 2))
  await insertRows(writer, { ...share, token: 'y' }, rows.slice(1, 2))
  const kept = await writer.rows(
    'SELECT log_offset, target, reason FROM rejected_rows WHERE log_partition = 60 ORDER BY 1',
  )
  const [there] = await writer.rows('SELECT count() AS n FROM sessions WHERE log_partition = 60')
  await writer.command('TRUNCATE TABLE sessions')
  await writer.command('TRUNCATE TABLE rejected_rows')
  return { refused, kept, there }
}

const ALL = { maxRecords: 100, maxBytes: 1e6 }

class Crash extends Error {}

/** Lets the n-th moment be the last. */
function crashAt(n: number): LoaderHooks {
  let passed = 0
  const moment = (): void => {
    if (++passed === n) throw new Crash('here')
  }
  return { recorded: moment, inserted: moment }
}

function loaderOn(log: SimulatedLog, writer: Writer, hooks: LoaderHooks = {}): Loader {
  const feeds = feedsOf(profileColumnsOf(PROFILE_SCHEMA))
  return new Loader({
    log,
    writer,
    feeds,
    now: () => NOW,
    hooks,
    limits: { maxRecords: 40, maxBytes: 1e6 },
  })
}

async function loadAll(loader: Loader): Promise<void> {
  await loader.start()
  while ((await loader.step()) > 0);
}

async function emptyTables(writer: Writer): Promise<void> {
  for (const table of [...DATA_TABLES, 'loads', 'rejected_rows'])
    await writer.command(`TRUNCATE TABLE ${table}`)
}

async function prints(writer: Writer): Promise<string> {
  const found = []
  for (const table of [...DATA_TABLES, 'rejected_rows'])
    found.push([table, ...(await writer.rows(fingerprintOf(table)))])
  return JSON.stringify(found)
}

/** Every moment of a short run is once the last one of a process. */
async function crashes({ writer }: Database): Promise<unknown> {
  const log = createSimulatedLog({ now: () => NOW })
  await createTopics(log)
  await appendShop(log, [0, 15])
  const bad = [{ key: null, value: Buffer.from('no JSON') }]
  await log.appender().append('triggers', 0, bad)
  await emptyTables(writer)
  await loadAll(loaderOn(log, writer))
  const expected = await prints(writer)

  const differing: number[] = []
  let moments = 0
  for (let n = 1; ; n++) {
    await emptyTables(writer)
    const crashed = await loadAll(loaderOn(log, writer, crashAt(n))).then(
      () => false,
      (error: unknown) => error instanceof Crash,
    )
    if (!crashed) break
    moments++
    await loadAll(loaderOn(log, writer))
    if ((await prints(writer)) !== expected) differing.push(n)
  }
  return { moments, differing, expected: JSON.parse(expected) }
}

/** The same loader goes on after errors of the database, whether they came before or after the deed. */
async function lostAnswers({ writer }: Database): Promise<unknown> {
  const log = createSimulatedLog({ now: () => NOW })
  await createTopics(log)
  await appendShop(log, [0, 15])
  await emptyTables(writer)
  await loadAll(loaderOn(log, writer))
  const expected = await prints(writer)
  await emptyTables(writer)
  let calls = 0
  const flaky: Writer = {
    command: (sql, settings) => writer.command(sql, settings),
    rows: (sql) => writer.rows(sql),
    insert: async (table, rows, token) => {
      calls++
      if (calls % 3 === 0) throw new Error('the network is gone')
      await writer.insert(table, rows, token)
      if (calls % 3 === 1) throw new Error('the answer is gone')
    },
  }
  const loader = loaderOn(log, flaky)
  await loader.start()
  for (let step = 0; step < 500 && (await loader.lag()) > 0; step++)
    await loader.step().catch(() => 0)
  return { same: (await prints(writer)) === expected, failures: calls, stats: loader.stats }
}

/** A range that is read again after compaction, and records that retention took before they came. */
async function shrunkTopics({ writer }: Database): Promise<unknown> {
  await emptyTables(writer)
  const log = createSimulatedLog({ now: () => NOW })
  await log.ensureTopics([
    { name: 'identities', partitions: 1, cleanup: 'compact' },
    { name: 'sessions', partitions: 1, cleanup: 'delete', retentionBytes: 100 },
  ])
  const appender = log.appender()
  for (let n = 0; n < 6; n++)
    await appender.append('identities', 0, [
      {
        key: Buffer.from(`${n % 2}`),
        value: Buffer.from(JSON.stringify({ id: `a:${n}`, at: NOW })),
      },
    ])
  await loadAll(loaderOn(log, writer, crashAt(1))).catch(() => {})
  await log.compact('identities', 0)
  const loader = loaderOn(log, writer)
  await loadAll(loader)
  await loadAll(loaderOn(log, writer))
  for (let n = 0; n < 6; n++)
    await appender.append('sessions', 0, [{ key: null, value: Buffer.from(`{"events":${n + 1}}`) }])
  await log.housekeep()
  const [bounds] = await log.bounds([{ topic: 'sessions', partition: 0 }])
  while ((await loader.step()) > 0);
  const kept = await log.reader().read({ topic: 'identities', partition: 0 }, 0, ALL)
  return {
    compacted: kept?.length,
    identities: (await writer.rows('SELECT id FROM identities')).length,
    sessions: await writer.rows('SELECT count() AS n FROM sessions'),
    kept: (bounds?.end ?? 0) - (bounds?.start ?? 0),
    missed: loader.stats.missed,
  }
}

async function ledger({ writer }: Database): Promise<unknown> {
  await emptyTables(writer)
  const range = (topic: string, from: number, to: number) => ({
    range: { topic, partition: 0, from, to },
    counts: { events: to - from },
  })
  const what = { attempt: 0, now: NOW }
  await recordBlock(writer, 1, { ...what, ranges: [range('a', 0, 4), range('b', 0, 2)] })
  await recordBlock(writer, 2, { ...what, ranges: [range('a', 4, 5)] })
  await recordBlock(writer, 3, { ...what, ranges: [range('a', 5, 9)] })
  await recordBlock(writer, 3, {
    ...what,
    attempt: 1,
    ranges: [{ ...range('a', 5, 9), counts: {} }],
  })
  await forgetBlocks(writer, 3)
  return {
    last: await lastBlock(writer),
    positions: Object.fromEntries(await recordedPositions(writer)),
    left: await writer.rows('SELECT block, topic FROM loads ORDER BY block, topic'),
  }
}

async function queries({ readers }: Database): Promise<unknown> {
  const desk = new QueryDesk(readers)
  const ask = (n: number) => desk.ask('SELECT {n:UInt32} AS n, sleepEachRow(0.01) AS s', { n })
  const settled = await Promise.allSettled(Array.from({ length: 40 }, (_, n) => ask(n)))
  const answers = settled.flatMap((it) =>
    it.status === 'fulfilled' ? [it.value.rows[0]?.['n']] : [],
  )
  const code = await codeOf(ask(Number.NaN))
  // What a failed statement had written must not come with the next answer.
  const broken = 'SELECT number, throwIf(number = 90000) FROM numbers(100000)'
  const failed = await Promise.all([1, 2, 3, 4].map(() => codeOf(desk.ask(broken, {}))))
  const after = await Promise.all([1, 2, 3].map(async (n) => (await ask(n)).rows))
  return { answers, refusedNow: 40 - answers.length, code, failed, after }
}

const TYPED = `SELECT number + 18446744073709551000 AS big, toDecimal64(-1.5, 4) AS money,
  toDateTime64('2026-11-20 12:00:00.123', 3, 'UTC') AS at, toLowCardinality('caf\u00e9') AS word,
  [1, 2] AS list, number = 1 AS flag, CAST(NULL AS Nullable(Int32)) AS missing,
  map('a', {n:UInt8}) AS pairs FROM numbers(3) -- a comment at the end`

async function arrow({ readers }: Database): Promise<unknown> {
  const desk = new QueryDesk(readers)
  const base64 = async (sql: string, params = {}): Promise<string> =>
    Buffer.from(await desk.arrow(sql, params)).toString('base64')
  const broken = 'SELECT number, throwIf(number = 90000) FROM numbers(100000)'
  const codes = await Promise.all(
    [broken, 'SELECT * FROM numbers(2000)', 'SELECT 1 FORMAT CSV', 'DROP TABLE events'].map((sql) =>
      codeOf(desk.arrow(sql, {})),
    ),
  )
  return {
    typed: await base64(TYPED, { n: 7 }),
    empty: await base64('SELECT * FROM profiles WHERE 0'),
    shown: await base64('SHOW TABLES'),
    codes,
    // And the same connection answers with rows again.
    after: (await desk.ask('SELECT 1 AS n', {})).rows,
  }
}

const SCENARIOS: Readonly<Record<string, (database: Database) => Promise<unknown>>> = {
  migrations,
  columns,
  refusedRows,
  crashes,
  lostAnswers,
  shrunkTopics,
  ledger,
  queries,
  arrow,
}

async function main(path: string): Promise<void> {
  const database = await connect({ kind: 'embedded', path, read: { maxRows: 1_000 } })
  const found: Record<string, unknown> = {}
  for (const [name, scenario] of Object.entries(SCENARIOS)) found[name] = await scenario(database)
  await database.close()
  process.stdout.write(`${JSON.stringify(found)}\n`)
}

const [path] = process.argv.slice(2)
if (path !== undefined) await main(path)
