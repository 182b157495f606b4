/** Fills the metrics from what the parts know of themselves, at each scrape. */
import { findError } from '#engine'
import { type Analytics, createMetrics, type Metrics, type PathSnapshot } from '#sinks'
import { packageVersion } from '../cli/version.ts'
import type { PathCounts } from './path-counts.ts'
import type { CurrentStage } from './stage.ts'
import { type Numbers, TaskCounts } from './task-counts.ts'

export interface MetricsParts {
  readonly stage: CurrentStage
  readonly analytics: Pick<Analytics, 'health'>
  /** Null where another process of the same log counts. */
  readonly counts: PathCounts | null
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
  const own = new TaskCounts()
  return async () => {
    const stage = parts.stage.found
    if (stage !== null) {
      const { app, writers } = stage
      const lags = await app.worker.lags()
      await parts.counts?.follow(app.log)
      metrics.collect({
        build: { version, build: app.options.build },
        worker: app.worker.stats,
        failure: app.failure === null ? null : (findError(app.failure)?.code ?? 'unknown'),
        path: pathOf(parts.counts, app.log.kind === 'kafka' ? own.follow(app.worker.tasks) : null),
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

const NONE: PathSnapshot = {
  accepted: 0,
  duplicates: 0,
  sessions: 0,
  rejected: {},
  triggers: {},
  decisions: [],
  verdicts: [],
}

/** @param own where offsets are no numbers of records */
const pathOf = (counts: PathCounts | null, own: Numbers | null): PathSnapshot => ({
  ...(counts?.snapshot() ?? NONE),
  ...own,
})
