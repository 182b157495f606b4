/**
 * One life of a chaos run: opens the data directory, goes on with the workload where the last life
 * ended, and writes down the outcome when all of it is done. Made to be killed; `OPPORTUNE_KILL`
 * (step:count) makes it kill itself at the count-th passing of a step. No other program heeds it.
 *
 * Says, one JSON object a line: {"ready"} when it is up, {"analytics"} when the process of analytics
 * was started again, {"done"} after the outcome was written.
 */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { findError, hours } from '#engine'
import { ProfileViewSchema } from '#operators'
import { type Analytics, type CrashPoint, startAnalytics } from '#sinks'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import { App } from '../app/app.ts'
import { openImport } from '../imports/index.ts'
import { packagePath } from '../package-root.ts'
import { feed } from '../replay/feed.ts'
import { outcomeOf, stateOfTasks } from './outcome.ts'

/** Argument 2, as JSON. */
export interface LifeOptions {
  readonly directory: string
  readonly workload: string
  /** Where the outcome goes. */
  readonly outcome: string
  readonly durability: 'disk' | 'os'
  /** Load into ClickHouse from the start; it is loaded at the end in any case. */
  readonly analytics: boolean
  readonly crash?: CrashPoint
}

export type LifeEvent =
  | { readonly ready: true }
  | { readonly analytics: 'restarted' }
  | { readonly done: true }
  | { readonly failed: string }

const PARTITIONS = 2
/** Small, so that there are many epochs and many blocks to be killed in. */
const SLICE = { maxRecords: 24, maxBytes: 1 << 20 }
const BATCH = 16
const CHECKPOINT_MS = 40
const BLOCK = { maxRecords: 120, maxBytes: 1 << 20 }
const LOOK_MS = 20

const say = (event: LifeEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`)

/** Counts the steps passed, and ends the process at the one it was told. */
function killer(order: string | undefined): (step: string) => void {
  if (order === undefined) return () => {}
  const [at, count] = order.split(':')
  let passed = 0
  return (step) => {
    if (step === at && ++passed === Number(count)) process.kill(process.pid, 'SIGKILL')
  }
}

function load({ directory, crash }: LifeOptions): Analytics {
  const analytics = startAnalytics({
    database: { kind: 'embedded', path: resolve(directory, 'clickhouse') },
    log: { kind: 'embedded', directory: resolve(directory, 'log') },
    profileSchema: ProfileViewSchema,
    limits: BLOCK,
    flushMs: LOOK_MS,
    ...(crash === undefined ? {} : { crash }),
  })
  let restarts = 0
  setInterval(() => {
    const now = analytics.health().restarts
    for (; restarts < now; restarts++) say({ analytics: 'restarted' })
  }, LOOK_MS).unref()
  return analytics
}

async function live(options: LifeOptions): Promise<void> {
  const onStep = killer(process.env['OPPORTUNE_KILL'])
  const app = await App.open({
    directory: options.directory,
    log: { kind: 'embedded', durability: options.durability },
    partitions: PARTITIONS,
    build: 'chaos',
    now: Date.now,
    live: false,
    slice: SLICE,
    checkpointEveryMs: CHECKPOINT_MS,
    onStep,
    onFailure: fail,
  })
  say({ ready: true })
  const early = options.analytics ? load(options) : null
  app.run()
  await activateDirectory(app, packagePath('examples/shop'))
  await activateModelFile(app, packagePath('examples/models/hillstrom-visit.json'))
  await app.settled()
  const target = {
    end: () => app.importEnd(),
    settled: () => app.settled(),
    append: async (records: Parameters<App['appendImport']>[0]) => {
      onStep('append')
      await app.appendImport(records)
      onStep('appended')
    },
  }
  const reader = openImport(options.workload, { format: 'ndjson' })
  await feed(reader.records(), target, { tail: hours(24), batch: BATCH })
  const analytics = early ?? load(options)
  await loaded(analytics)
  const { plan, log, worker } = app
  const outcome = await outcomeOf({ plan, log, state: stateOfTasks(worker.tasks), analytics })
  await analytics.stop()
  await app.stop()
  writeFileSync(options.outcome, JSON.stringify(outcome))
  say({ done: true })
}

/** Everything is in the tables, however often the process that loads has died on the way. */
async function loaded(analytics: Analytics): Promise<void> {
  for (;;)
    try {
      await analytics.ready()
      return await analytics.flush()
    } catch (error) {
      if (findError(error)?.code !== 'analytics_unavailable') throw error
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
}

function fail(error: unknown): void {
  say({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exit(1)
}

const given = process.argv[2]
if (given === undefined) throw new Error('the options of a life are missing')
void live(JSON.parse(given) as LifeOptions).catch(fail)
