/**
 * Measures the whole path on the embedded log: raw call in, decision and analytics rows committed.
 *
 * First as fast as it goes: calls are appended ahead of the engine, within a bound. Then open loop at a
 * rate: each call has an instant at which it should be sent, and its latency runs from there to the
 * commit that makes its outcome visible, whether or not the generator could keep up. Generator and
 * engine share one thread; ClickHouse does not run.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClickstreamEvent, clickstream, introductions } from '#benchmarks'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import { App } from '../app/app.ts'
import { TOPICS } from '../app/topology.ts'
import type { ProgressState } from '../cli/progress.ts'
import { packagePath } from '../package-root.ts'
import { CommitLatency } from './latency.ts'

export interface PipelineOptions {
  readonly customers: number
  readonly events: number
  /** Calls per second of the open loop. */
  readonly rate: number
  readonly seed: number
}

export interface PipelineResult {
  readonly customers: number
  readonly events: number
  readonly events_per_second: number
  readonly us_per_event: number
  readonly rate: number
  readonly rate_seconds: number
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
  readonly p999_ms: number
  readonly max_ms: number
  readonly rss_anon_mb: number
  readonly decisions: number
}

/** Calls appended and not yet processed, at most. */
const AHEAD = 20_000
const BATCH = 1_000
const OPEN_LOOP_SECONDS = 30
const TICK_MS = 5
/** Longer than any pause that starting up, compiling and the first checkpoint cause. */
const WARM_UP_SECONDS = 5

export async function benchPipeline(
  options: PipelineOptions,
  progress: (state: ProgressState) => void,
): Promise<PipelineResult> {
  const directory = mkdtempSync(join(tmpdir(), 'opportune-bench-'))
  const app = await App.open({
    directory,
    durability: 'disk',
    partitions: 4,
    build: 'bench',
    now: Date.now,
  })
  try {
    app.run()
    await activateDirectory(app, packagePath('examples/shop'))
    await activateModelFile(app, packagePath('examples/models/hillstrom-visit.json'))
    return await measure(app, options, progress)
  } finally {
    await app.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(
  app: App,
  options: PipelineOptions,
  progress: (state: ProgressState) => void,
): Promise<PipelineResult> {
  const { customers, events, rate, seed } = options
  const report = (label: string, total: number) => (done: number) =>
    progress({ label, done, total, unit: 'events' })
  const before = (calls: number) => ({ seed, rate, startAt: Date.now() - (calls / rate) * 1_000 })
  await push(
    app,
    introductions({ customers, ...before(customers) }),
    report('introducing', customers),
  )
  const stream = { customers, events, ...before(events) }
  const started = process.hrtime.bigint()
  await push(app, clickstream(stream), report('as fast as it goes', events))
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  const latency = await openLoop(app, options, report('at the rate', rate * OPEN_LOOP_SECONDS))
  return {
    customers,
    events,
    events_per_second: Math.round(events / seconds),
    us_per_event: (seconds / events) * 1e6,
    rate,
    rate_seconds: OPEN_LOOP_SECONDS,
    ...latency.percentiles(),
    rss_anon_mb: rssAnonMb(),
    decisions: await count(app, TOPICS.decisions),
  }
}

/** Appends as fast as the engine follows, and waits until it has. */
async function push(
  app: App,
  events: Iterable<ClickstreamEvent>,
  onDone: (done: number) => void,
): Promise<void> {
  let batch: Buffer[] = []
  let done = 0
  const flush = async (): Promise<void> => {
    await app.ingest(batch, Date.now())
    done += batch.length
    batch = []
    onDone(done)
    while ((await app.backlog()) > AHEAD) await app.committed()
  }
  for (const event of events) {
    batch.push(event.bytes)
    if (batch.length >= BATCH) await flush()
  }
  if (batch.length > 0) await flush()
  await app.settled()
}

/** Sends each call at its instant, or as soon after it as the process gets round to it. */
async function openLoop(
  app: App,
  options: PipelineOptions,
  onDone: (done: number) => void,
): Promise<CommitLatency> {
  const { customers, rate, seed } = options
  const startAt = Date.now()
  const measureFrom = startAt + WARM_UP_SECONDS * 1_000
  const total = rate * (WARM_UP_SECONDS + OPEN_LOOP_SECONDS)
  const latency = new CommitLatency(app.log, TOPICS.activity, measureFrom)
  await latency.start()
  const events = clickstream({ customers, events: total, seed: seed + 1, startAt, rate })
  let next = events.next()
  let sent = 0
  while (next.done !== true) {
    const now = Date.now()
    const due: Buffer[] = []
    while (next.done !== true && next.value.time <= now) {
      due.push(next.value.bytes)
      next = events.next()
    }
    if (due.length > 0) await app.ingest(due, now)
    sent += due.length
    onDone(sent)
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  await app.settled()
  await latency.stop()
  return latency
}

/** Anonymous memory of this process: without what is mapped from files. */
function rssAnonMb(): number {
  const kb = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return Math.round(Number(kb ?? 0) / 1_024)
}

async function count(app: App, topic: string): Promise<number> {
  const partitions = app.plan.topics.find((t) => t.name === topic)?.partitions ?? 0
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  return (await app.log.bounds(all)).reduce((sum, { end }) => sum + end, 0)
}
