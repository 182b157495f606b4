/**
 * The registry of one process, with setters that know each metric's type and labels. Nothing here is
 * shared between registries, so that tests and several servers in one process do not meet.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import {
  type LabelsOf,
  METRICS,
  type MetricDeclaration,
  type MetricName,
  type NameOf,
} from './declarations.ts'
import { applySnapshot, type MetricsSnapshot } from './snapshot.ts'

/** Metrics without labels take no labels. */
type Labels<N extends MetricName> = keyof LabelsOf<N> extends never
  ? readonly []
  : readonly [labels: LabelsOf<N>]

export interface Metrics {
  add<N extends NameOf<'counter'>>(name: N, by: number, ...labels: Labels<N>): void
  /** A counter that somebody else keeps: takes its value over. */
  takeOver<N extends NameOf<'counter'>>(name: N, value: number, ...labels: Labels<N>): void
  set<N extends NameOf<'gauge'>>(name: N, value: number, ...labels: Labels<N>): void
  observe<N extends NameOf<'histogram'>>(name: N, value: number, ...labels: Labels<N>): void
  /** Forgets all series of a metric: of stages or partitions that moved elsewhere. */
  clear(name: MetricName): void
  /** Takes over what the parts of this process know of themselves. */
  collect(snapshot: MetricsSnapshot): void
  /** The exposition text. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MetricsOptions {
  /** Also expose what prom-client knows of the process and Node. Default true. */
  readonly process?: boolean
}

type Series = Counter | Gauge | Histogram

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const series = new Map<MetricName, Series>()
  for (const [name, declaration] of Object.entries(METRICS))
    series.set(name as MetricName, register(registry, name, declaration))
  if (options.process ?? true) collectDefaultMetrics({ register: registry })
  // The maps are built from one list, so that a name of a type has a series of that type.
  const of = <T extends Series>(name: MetricName): T => series.get(name) as T
  const metrics: Metrics = {
    contentType: registry.contentType,
    add: (name, by, ...labels) => of<Counter>(name).inc(labels[0] ?? {}, by),
    takeOver: (name, value, ...labels) => {
      of<Counter>(name).remove(labels[0] ?? {})
      of<Counter>(name).inc(labels[0] ?? {}, value)
    },
    set: (name, value, ...labels) => of<Gauge>(name).set(labels[0] ?? {}, value),
    observe: (name, value, ...labels) => of<Histogram>(name).observe(labels[0] ?? {}, value),
    clear: (name) => of(name).reset(),
    collect: (snapshot) => applySnapshot(metrics, snapshot),
    text: () => registry.metrics(),
  }
  return metrics
}

function register(registry: Registry, name: string, declaration: MetricDeclaration): Series {
  const { type, help, labels, buckets } = declaration
  const common = { name, help, labelNames: [...labels], registers: [registry] }
  switch (type) {
    case 'counter':
      return new Counter(common)
    case 'gauge':
      return new Gauge(common)
    case 'histogram':
      return new Histogram({
        ...common,
        ...(buckets === undefined ? {} : { buckets: [...buckets] }),
      })
  }
}
