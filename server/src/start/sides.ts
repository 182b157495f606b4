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

export interface SideParts {
  readonly analytics: Analytics
  readonly sealer: Sealer
  readonly outbox: OutboxChannel
}

export interface SideOptions {
  readonly clickhouseUrl?: string
}

export async function startSides(app: App, options: SideOptions): Promise<SideParts> {
  const { directory, now } = app.options
  const analytics = startAnalytics({
    database:
      options.clickhouseUrl === undefined
        ? { kind: 'embedded', path: join(directory, 'clickhouse') }
        : { kind: 'remote', url: options.clickhouseUrl },
    log: { kind: 'embedded', directory: join(directory, 'log') },
    profileSchema: ProfileViewSchema,
  })
  try {
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
    const outbox = startOutbox({ log: app.log, directory: join(directory, 'outbox'), now })
    return { analytics, sealer, outbox }
  } catch (error) {
    await analytics.stop()
    throw error
  }
}

export async function stopSides(sides: SideParts): Promise<void> {
  await sides.outbox.stop()
  await sides.sealer.stop()
  await sides.analytics.stop()
}
