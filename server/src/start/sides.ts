/** What works beside the stream and behind its topics: analytics, audit seals, the outbox. */
import { join } from 'node:path'
import { ProfileViewSchema } from '#operators'
import {
  type Analytics,
  type OutboxChannel,
  openSigningKey,
  type Sealer,
  startAnalytics,
  startOutbox,
  startSealer,
} from '#sinks'
import type { App } from '../app/app.ts'

/** Reads topics by path, in a process of its own: it may outlive an app, and be there before it. */
export function startAnalyticsFor(directory: string, clickhouseUrl?: string): Analytics {
  return startAnalytics({
    database:
      clickhouseUrl === undefined
        ? { kind: 'embedded', path: join(directory, 'clickhouse') }
        : { kind: 'remote', url: clickhouseUrl },
    log: { kind: 'embedded', directory: join(directory, 'log') },
    profileSchema: ProfileViewSchema,
  })
}

/** What reads an app's topics and writes elsewhere. */
export interface Writers {
  readonly sealer: Sealer
  readonly outbox: OutboxChannel
}

export async function startWriters(app: App): Promise<Writers> {
  const { directory, now } = app.options
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
