/**
 * The process of analytics: owns the connection to ClickHouse (embedded: the whole engine), loads
 * topics and answers queries. It is made to be killed: whatever it had begun is settled at its next
 * start, so that it never needs to end in good order - and it ends at once when its parent is gone,
 * because two of them must not share a database.
 */
import { mkdirSync } from 'node:fs'
import { findError, openEmbeddedLogReadOnly, openKafkaLog, type ReadOnlyLog } from '#engine'
import { connect, credentialsFrom, type Database } from './connect.ts'
import { feedsOf } from './feeds.ts'
import { Loader, type LoaderHooks } from './loader.ts'
import { Loading } from './loading.ts'
import { migrate, ownMigrations } from './migrate.ts'
import { profileColumnsOf, syncProfileColumns } from './profile-columns.ts'
import type {
  AnalyticsLog,
  AnalyticsSettings,
  CrashPoint,
  Failure,
  FromChild,
  ToChild,
} from './protocol.ts'
import { QueryDesk } from './queries.ts'

const STATUS_MS = 1_000

const say = (message: FromChild): void => void process.send?.(message)

const failureOf = (error: unknown): Failure => ({
  code: findError(error)?.code ?? null,
  message: error instanceof Error ? error.message : String(error),
})

function endNow(): void {
  // Native threads may be busy; a signal does not wait for them.
  process.kill(process.pid, 'SIGKILL')
}

function hooksFor(crash: CrashPoint | undefined): LoaderHooks {
  if (crash === undefined) return {}
  const { after, n } = crash
  let passed = 0
  const pass = (): void => {
    if (++passed === n) endNow()
  }
  return after === 'recorded'
    ? { recorded: pass }
    : { inserted: (_block, table) => (table === after.inserted ? pass() : undefined) }
}

interface Opened {
  readonly database: Database
  readonly log: ReadOnlyLog
  readonly loading: Loading
  readonly desk: QueryDesk
  readonly run: Promise<void>
}

function openLog(log: AnalyticsLog): Promise<ReadOnlyLog> {
  if (log.kind === 'embedded') return openEmbeddedLogReadOnly(log.directory)
  const { kind: _, ...options } = log
  // What is not there yet is made by who writes it.
  return openKafkaLog({ ...options, createTopics: false })
}

async function open(settings: AnalyticsSettings): Promise<Opened> {
  if (settings.database.kind === 'embedded') mkdirSync(settings.database.path, { recursive: true })
  const log = await openLog(settings.log)
  const database = await connect(settings.database, credentialsFrom(process.env))
  const { writer, readers } = database
  await migrate(writer, ownMigrations(), Date.now())
  const columns = profileColumnsOf(settings.profileSchema)
  await syncProfileColumns(writer, columns)
  const loader = new Loader({
    log,
    writer,
    feeds: feedsOf(columns, settings.topics),
    now: Date.now,
    hooks: hooksFor(settings.crash),
    ...(settings.limits === undefined ? {} : { limits: settings.limits }),
  })
  await loader.start()
  const loading = new Loading({ loader, flushMs: settings.flushMs ?? 1_000, now: Date.now })
  await loading.look()
  return { database, log, loading, desk: new QueryDesk(readers), run: loading.run() }
}

async function serve(opened: Opened, message: ToChild): Promise<void> {
  const { desk, loading } = opened
  if (message.kind === 'query' || message.kind === 'arrow')
    try {
      const { kind, id, sql, params } = message
      if (kind === 'query') say({ kind: 'answer', id, answer: await desk.ask(sql, params) })
      else say({ kind, id, file: await desk.arrow(sql, params) })
    } catch (error) {
      say({ kind: 'refused', id: message.id, failure: failureOf(error) })
    }
  if (message.kind === 'flush') {
    await loading.flush()
    say({ kind: 'flushed', id: message.id })
  }
}

async function close({ database, log, loading, run }: Opened): Promise<void> {
  loading.stop()
  await run
  await database.close()
  await log.close()
}

let isOpen = false

async function main(settings: AnalyticsSettings): Promise<void> {
  const opened = await open(settings)
  isOpen = true
  const { loading, run } = opened
  process.on('message', (message: ToChild) => {
    if (message.kind === 'stop') void close(opened).then(() => process.exit(0), fail)
    else void serve(opened, message).catch(fail)
  })
  say({ kind: 'ready', status: loading.status() })
  setInterval(() => say({ kind: 'status', status: loading.status() }), STATUS_MS).unref()
  await run
}

function fail(error: unknown): void {
  // The parent has to hear why before the process is gone.
  process.send?.({ kind: 'failed', failure: failureOf(error) } satisfies FromChild, () => endNow())
}

process.on('disconnect', endNow)
process.once('message', (message: ToChild) => {
  if (message.kind !== 'open') return
  // Until it is open there is nothing to close.
  process.once('message', (next: ToChild) => {
    if (next.kind === 'stop' && !isOpen) endNow()
  })
  void main(message.settings).catch(fail)
})
