/** What the disturbed process does: a real clickstream through the whole path, into ClickHouse. */
import { join } from 'node:path'
import { findError } from '#engine'
import { ProfileViewSchema } from '#operators'
import { type Analytics, startAnalytics } from '#sinks'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import { App, type AppOptions } from '../app/app.ts'
import { openImport } from '../imports/index.ts'
import { packagePath } from '../package-root.ts'
import { feed } from '../replay/feed.ts'
import { TAIL, target } from '../replay/replay.ts'

/** Small, so that an epoch is short and there are many moments to be killed at. */
const SLICE = { maxRecords: 20, maxBytes: 1 << 20 }
const CHECKPOINT_MS = 100

export type AnalyticsCrash = Parameters<typeof startAnalytics>[0]['crash']

export const openApp = (directory: string, onStep?: AppOptions['onStep']): Promise<App> =>
  App.open({
    directory,
    durability: 'os',
    partitions: 2,
    live: false,
    build: 'chaos',
    now: Date.now,
    slice: SLICE,
    checkpointEveryMs: CHECKPOINT_MS,
    ...(onStep === undefined ? {} : { onStep }),
  })

export const openAnalytics = (directory: string, crash?: AnalyticsCrash): Analytics =>
  startAnalytics({
    database: { kind: 'embedded', path: join(directory, 'clickhouse') },
    log: { kind: 'embedded', directory: join(directory, 'log') },
    profileSchema: ProfileViewSchema,
    limits: { maxRecords: 100, maxBytes: 1 << 20 },
    flushMs: 50,
    ...(crash === undefined ? {} : { crash }),
  })

/** From wherever the directory stands to the end of the file, loaded. */
export async function work(app: App, analytics: Analytics): Promise<void> {
  app.run()
  await activateDirectory(app, packagePath('examples/shop'))
  await activateModelFile(app, packagePath('examples/models/hillstrom-visit.json'))
  await app.settled()
  const file = packagePath('examples/data/rees46-2019-oct-sample.csv.gz')
  const reader = openImport(file, { format: 'rees46' })
  await feed(reader.records(), target(app), { tail: TAIL, batch: SLICE.maxRecords })
  await loaded(analytics)
}

/** Everything is in the tables, however often the process that loads has died on the way. */
async function loaded(analytics: Analytics): Promise<void> {
  for (;;)
    try {
      await analytics.ready()
      return await analytics.flush()
    } catch (error) {
      if (findError(error)?.code !== 'analytics_unavailable') throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
}
