import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { hours } from '#engine'
import { writeWorkload } from '../chaos/workload.ts'
import { openImport } from '../imports/index.ts'
import { packagePath } from '../package-root.ts'
import { feed } from '../replay/feed.ts'
import { target } from '../replay/replay.ts'
import { type RunSummary, summarise } from '../replay/summary.ts'
import { startAnalyticsFor } from '../start/sides.ts'
import { activateDirectory } from './activate.ts'
import { App } from './app.ts'
import type { AppLog } from './app-log.ts'

const kafka = inject('kafka')
let root = ''

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'opportune-app-'))
  writeWorkload(join(root, 'workload'), { customers: 8, events: 40, seed: 7 })
})
beforeEach((ctx) => {
  if (kafka.brokers === undefined) ctx.skip(kafka.reason)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** @returns what the topics hold, and how many events the tables have */
async function run(
  name: string,
  log: AppLog,
): Promise<{ readonly summary: RunSummary; readonly loaded: unknown }> {
  const directory = join(root, name)
  const app = await App.open({
    directory,
    log,
    partitions: 2,
    build: 'test',
    now: Date.now,
    live: false,
  })
  try {
    app.run()
    await activateDirectory(app, packagePath('examples/shop'))
    await app.settled()
    const reader = openImport(join(root, 'workload'), { format: 'ndjson' })
    await feed(reader.records(), target(app), { tail: hours(24) })
    return { summary: await summarise(app.log), loaded: await load(directory, log) }
  } finally {
    await app.stop()
  }
}

async function load(directory: string, log: AppLog): Promise<unknown> {
  const analytics =
    log.kind === 'embedded'
      ? startAnalyticsFor(directory)
      : startAnalyticsFor(directory, undefined, {
          kind: 'kafka',
          brokers: log.brokers,
          prefix: log.prefix ?? '',
        })
  try {
    await analytics.ready()
    await analytics.flush()
    const sql = 'select type, name, count() as n from events group by all order by all'
    return (await analytics.query(sql)).rows
  } finally {
    await analytics.stop()
  }
}

describe('the product on Kafka', () => {
  test('[SYS-1] [SNK-2] comes to the same as on the embedded log, in topics and tables', async () => {
    const expected = await run('embedded', { kind: 'embedded', durability: 'os' })
    const actual = await run('kafka', {
      kind: 'kafka',
      brokers: kafka.brokers ?? '',
      prefix: `t${randomUUID().slice(0, 8)}.`,
      instance: 'a',
      sessionTimeoutMs: 6_000,
      fetchWaitMs: 20,
    })
    expect(actual).toEqual(expected)
    expect(actual.summary.accepted).toBeGreaterThan(40)
  })
})
