/**
 * Measures the whole path on the embedded log: raw call in, decision and analytics rows committed.
 *
 * First as fast as it goes: calls are appended ahead of the engine, within a bound. Then open loop at a
 * rate: each call has an instant at which it should be sent, and its latency runs from there to the
 * commit that makes its outcome visible, whether or not anybody could keep up.
 *
 * Who runs where: the engine, and what notes the latencies, on the first thread; commits and
 * checkpoints on LMDB's; the generator in a process of its own. ClickHouse does not run.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { activateDirectory, activateModelFile } from '../app/activate.ts'
import { App } from '../app/app.ts'
import { TOPICS } from '../app/topology.ts'
import type { ProgressState } from '../cli/progress.ts'
import { packagePath } from '../package-root.ts'
import { engineThreadMs, processMs, rssAnonMb } from './cpu.ts'
import type { GeneratorJob } from './generator.child.ts'
import { CallGenerator } from './generator.ts'
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
  /** CPU time while as fast as it goes: of the engine's thread, and of all its process's (commits, GC). */
  readonly engine_thread_us_per_event: number
  readonly process_us_per_event: number
  readonly rate: number
  readonly rate_seconds: number
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
  readonly p999_ms: number
  readonly max_ms: number
  /** Share of the open loop that the engine's thread was busy, and that noting latencies took of it. */
  readonly engine_thread_share: number
  readonly latency_reader_share: number
  readonly rss_anon_mb: number
  readonly decisions: number
}

/** Calls appended and not yet processed, at most. */
const AHEAD = 20_000
const BATCH = 1_000
const OPEN_LOOP_SECONDS = 30
/** Longer than any pause that starting up, compiling and the first checkpoint cause. */
const WARM_UP_SECONDS = 5

export async function benchPipeline(
  options: PipelineOptions,
  progress: (state: ProgressState) => void,
): Promise<PipelineResult> {
  const directory = mkdtempSync(join(tmpdir(), 'opportune-bench-'))
  const app = await App.open({
    directory,
    log: { kind: 'embedded', durability: 'disk' },
    partitions: 4,
    build: 'bench',
    now: Date.now,
  })
  const generator = new CallGenerator()
  try {
    app.run()
    await activateDirectory(app, packagePath('examples/shop'))
    await activateModelFile(app, packagePath('examples/models/hillstrom-visit.json'))
    return await measure({ app, generator, options, progress })
  } finally {
    generator.close()
    await app.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Bench {
  readonly app: App
  readonly generator: CallGenerator
  readonly options: PipelineOptions
  readonly progress: (state: ProgressState) => void
}

async function measure(bench: Bench): Promise<PipelineResult> {
  const { app } = bench
  const { customers, events, rate, seed } = bench.options
  const past = (calls: number) => ({
    customers,
    events: calls,
    seed,
    rate,
    startAt: Date.now() - (calls / rate) * 1_000,
  })
  await push(bench, 'introducing', { kind: 'introductions', ...past(customers) })
  const started = process.hrtime.bigint()
  const spent = [engineThreadMs(), processMs()] as const
  await push(bench, 'as fast as it goes', { kind: 'clickstream', ...past(events) })
  const us = Number(process.hrtime.bigint() - started) / 1e3 / events
  const engineUs = ((engineThreadMs() - spent[0]) * 1e3) / events
  const processUs = ((processMs() - spent[1]) * 1e3) / events
  return {
    customers,
    events,
    events_per_second: Math.round(1e6 / us),
    us_per_event: us,
    engine_thread_us_per_event: engineUs,
    process_us_per_event: processUs,
    rate,
    rate_seconds: OPEN_LOOP_SECONDS,
    ...(await openLoop(bench)),
    rss_anon_mb: rssAnonMb(),
    decisions: await count(app, TOPICS.decisions),
  }
}

/** Appends as fast as the engine follows, and waits until it has. */
async function push(
  { app, generator, progress }: Bench,
  label: string,
  job: Omit<GeneratorJob, 'pace' | 'size'>,
): Promise<void> {
  let done = 0
  const appends = new Set<Promise<void>>()
  await generator.run({ ...job, pace: 'demand', size: BATCH }, async (calls) => {
    const append = app.ingest(calls, Date.now()).finally(() => appends.delete(append))
    appends.add(append)
    done += calls.length
    progress({ label, done, total: job.events, unit: 'events' })
    while (appends.size * BATCH + (await app.backlog()) > AHEAD) await app.committed()
  })
  await Promise.all(appends)
  await app.settled()
}

/** Sends each call at its instant, or as soon after it as the process gets round to it. */
async function openLoop({ app, generator, options, progress }: Bench) {
  const { customers, rate, seed } = options
  const startAt = Date.now() + 10
  const total = rate * (WARM_UP_SECONDS + OPEN_LOOP_SECONDS)
  const latency = new CommitLatency(app.log, TOPICS.activity, startAt + WARM_UP_SECONDS * 1_000)
  await latency.start()
  const started = performance.now()
  const spent = engineThreadMs()
  let done = 0
  const job = {
    kind: 'clickstream',
    customers,
    events: total,
    seed: seed + 1,
    startAt,
    rate,
  } as const
  await generator.run({ ...job, pace: 'clock', size: BATCH }, async (calls) => {
    await app.ingest(calls, Date.now())
    done += calls.length
    progress({ label: 'at the rate', done, total, unit: 'events' })
  })
  await app.settled()
  await latency.stop()
  const ms = performance.now() - started
  return {
    ...latency.percentiles(),
    engine_thread_share: (engineThreadMs() - spent) / ms,
    latency_reader_share: latency.spentMs / ms,
  }
}

async function count(app: App, topic: string): Promise<number> {
  const partitions = app.plan.topics.find((t) => t.name === topic)?.partitions ?? 0
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  return (await app.log.bounds(all)).reduce((sum, { end }) => sum + end, 0)
}
