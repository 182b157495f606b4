/** Fills the metrics from what the parts know of themselves, at each scrape. */
import { findError } from '#engine'
import { type Analytics, createMetrics, type Metrics } from '#sinks'
import { packageVersion } from '../cli/version.ts'
import type { PathCounts } from './path-counts.ts'
import type { CurrentStage } from './stage.ts'

export interface MetricsParts {
  readonly stage: CurrentStage
  readonly analytics: Analytics
  readonly counts: PathCounts
  readonly ready: () => boolean
}

export interface Scrape {
  readonly contentType: string
  readonly text: string
}

export const makeMetrics = (): Metrics => createMetrics()

/** @returns what answers a scrape */
export function scraper(metrics: Metrics, parts: MetricsParts): () => Promise<Scrape> {
  const version = packageVersion()
  return async () => {
    const stage = parts.stage.found
    if (stage !== null) {
      const { app, writers } = stage
      const lags = await app.worker.lags()
      await parts.counts.follow(app.log)
      metrics.collect({
        build: { version, build: app.options.build },
        worker: app.worker.stats,
        failure: app.failure === null ? null : (findError(app.failure)?.code ?? 'unknown'),
        path: parts.counts.snapshot(),
        tasks: app.worker.tasks.map((task) => ({
          stage: task.stage.id,
          partition: task.partition,
          stats: task.stats,
          store: task.stage.operators.length === 0 ? null : task.store.stats,
          time: Number.isFinite(task.now) ? task.now : null,
          lagRecords: lags.get(task.id) ?? 0,
        })),
        ...(writers === null
          ? {}
          : { audit: writers.sealer.status(), outbox: writers.outbox.status() }),
      })
    }
    metrics.collect({ ready: parts.ready(), analytics: parts.analytics.health() })
    return { contentType: metrics.contentType, text: await metrics.text() }
  }
}
