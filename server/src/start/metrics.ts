/** Fills the metrics from what the parts know of themselves, at each scrape. */
import { createMetrics, type Metrics } from '#sinks'
import type { App } from '../app/app.ts'
import { packageVersion } from '../cli/version.ts'
import type { SideParts } from './sides.ts'

export interface MetricsParts {
  readonly app: App
  readonly sides: SideParts
  readonly ready: () => boolean
}

export interface Scrape {
  readonly contentType: string
  readonly text: string
}

export const makeMetrics = (): Metrics => createMetrics()

/** @returns what answers a scrape */
export function scraper(metrics: Metrics, parts: MetricsParts): () => Promise<Scrape> {
  const { app, sides } = parts
  const version = packageVersion()
  return async () => {
    const lags = await app.worker.lags()
    metrics.collect({
      build: { version, build: app.options.build },
      ready: parts.ready(),
      worker: app.worker.stats,
      tasks: app.worker.tasks.map((task) => ({
        stage: task.stage.id,
        partition: task.partition,
        stats: task.stats,
        store: task.stage.operators.length === 0 ? null : task.store.stats,
        time: Number.isFinite(task.now) ? task.now : null,
        lagRecords: lags.get(task.id) ?? 0,
      })),
      audit: sides.sealer.status(),
      outbox: sides.outbox.status(),
      analytics: sides.analytics.health(),
    })
    return { contentType: metrics.contentType, text: await metrics.text() }
  }
}
