/** What works beside the stream and behind its topics: analytics, audit seals, the outbox. */
import { join } from 'node:path'
import { ProfileViewSchema } from '#operators'
import {
  type Analytics,
  type AnalyticsLog,
  type OutboxChannel,
  openSigningKey,
  type Sealer,
  startAnalytics,
  startOutbox,
  startSealer,
} from '#sinks'
import type { App } from '../app/app.ts'

/** Reads topics by path, in a process of its own: it may outlive an app, and be there before it. */
export function startAnalyticsFor(
  directory: string,
  clickhouseUrl?: string,
  log: AnalyticsLog = { kind: 'embedded', directory: join(directory, 'log') },
): Analytics {
  return startAnalytics({
    database:
      clickhouseUrl === undefined
        ? { kind: 'embedded', path: join(directory, 'clickhouse') }
        : { kind: 'remote', url: clickhouseUrl },
    log,
    profileSchema: ProfileViewSchema,
  })
}

/** What reads an app's topics and writes elsewhere. */
export interface Writers {
  readonly sealer: Sealer
  readonly outbox: OutboxChannel
}

/** @param directory where keys, seals and outbox lie; several processes of one machine may share it */
export async function startWriters(app: App, directory = app.options.directory): Promise<Writers> {
  const { now } = app.options
  const sealer = await startSealer({
    log: app.log,
    // A secret store may hand the key over; then no file is made.
    key: openSigningKey({
      file: join(directory, 'keys', 'audit.pem'),
      pem: process.env['OPPORTUNE_AUDIT_KEY'],
    }),
    outsideFile: join(directory, 'audit-seals.ndjson'),
    now,
  })
  return {
    sealer,
    outbox: startOutbox({ log: app.log, directory: join(directory, 'outbox'), now }),
  }
}

export async function stopWriters({ outbox, sealer }: Writers): Promise<void> {
  await outbox.stop()
  await sealer.stop()
}
