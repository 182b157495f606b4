/**
 * Runs queries on the engine and as bare loops, in turn, each run in a process of its own, and reports
 * medians with the least and the most. A run whose hash is not the oracle's has no figures.
 *
 * Engine and bare loop alternate, and a ratio is taken within a pair: a machine's speed changes by half
 * within minutes, and hits both of a pair alike.
 */
import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { ENGINE_QUERIES, type EngineQuery } from '../engine/run.ts'
import { QUERY_NAMES } from '../verification.ts'
import type { Job, Outcome, Shares } from './job.ts'

const NEXMARK_QUERIES = QUERY_NAMES.filter((name) => name !== 'ysb')

export interface BenchOptions {
  readonly events: number
  readonly seed: number
  readonly log: 'memory' | 'embedded'
  /** Of an embedded log; default `disk`: one fsync an epoch. */
  readonly durability?: 'disk' | 'os'
  /** Measured pairs of runs; default 3. */
  readonly runs?: number
  /** Under which an embedded log is made, and removed again; default the working directory. */
  readonly directory?: string
}

/** Median, least and most. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface QueryReport {
  readonly query: EngineQuery
  readonly log: string
  readonly events: number
  readonly seed: number
  readonly runs: number
  readonly rows: number
  readonly hash: string
  /** What the oracle says; a report with another hash has no figures. */
  readonly hash_expected: string
  readonly hash_ok: boolean
  readonly events_per_second?: Spread
  readonly cpu_s_per_million?: Spread
  readonly rss_peak_mb?: Spread
  readonly epochs?: Spread
  readonly bare_events_per_second?: Spread
  readonly bare_cpu_s_per_million?: Spread
  readonly ratio_to_bare_loop?: Spread
  /** The same of CPU time, all threads: for a machine that has other work to do meanwhile. */
  readonly cpu_ratio_to_bare_loop?: Spread
}

export interface BenchReport {
  readonly machine: { readonly cpus: number; readonly model: string; readonly node: string }
  /** Load averages over one, five and fifteen minutes, when it began and when it ended. */
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] }
  readonly queries: readonly QueryReport[]
}

export interface BenchProgress {
  readonly query: EngineQuery
  /** Processes that have ended, of how many. */
  readonly done: number
  readonly of: number
}

/** Both sides are compiled on this many events before the clock runs. */
const WARM_UP_EVENTS = 200_000

/** The queries of `bench ysb` and of `bench nexmark`. */
export const queriesOf = (benchmark: 'ysb' | 'nexmark'): readonly EngineQuery[] =>
  benchmark === 'ysb' ? ['ysb'] : NEXMARK_QUERIES

/** Queries one after the other, as `bench ysb` and `bench nexmark` run them. */
export async function benchCommand(
  queries: readonly EngineQuery[],
  options: BenchOptions,
  onProgress: (progress: BenchProgress) => void = () => {},
): Promise<BenchReport> {
  const before = loadavg()
  const reports: QueryReport[] = []
  const each = jobsPerQuery(options)
  for (const [i, query] of queries.entries())
    reports.push(
      await benchQuery(query, options, ({ done }) =>
        onProgress({ query, done: i * each + done, of: queries.length * each }),
      ),
    )
  const [cpu] = cpus()
  return {
    machine: { cpus: cpus().length, model: cpu?.model ?? '', node: process.version },
    load: { before, after: loadavg() },
    queries: reports,
  }
}

const runsOf = (options: BenchOptions): number => options.runs ?? 3
const jobsPerQuery = (options: BenchOptions): number => 1 + 2 * runsOf(options)

/** One query: `runs` pairs of bare loop and engine, and the oracle. */
export async function benchQuery(
  query: EngineQuery,
  options: BenchOptions,
  onProgress: (progress: BenchProgress) => void = () => {},
): Promise<QueryReport> {
  const { events, seed } = options
  const of = jobsPerQuery(options)
  let done = 0
  const run = async (kind: Job['kind'], directory?: string): Promise<Outcome> => {
    const outcome = (await inChild(jobOf(kind, query, options, directory))) as Outcome
    onProgress({ query, done: ++done, of })
    return outcome
  }
  const expected = await run('oracle')
  const pairs: Pair[] = []
  for (let i = 0; i < runsOf(options); i++)
    pairs.push({
      bare: await run('bare'),
      engine: await inDirectory(options, (directory) => run('engine', directory)),
    })
  const wrong = pairs.find(({ engine }) => engine.hash !== expected.hash)
  const head = {
    query,
    log: options.log === 'memory' ? 'memory' : `embedded, ${options.durability ?? 'disk'}`,
    events,
    seed,
    runs: pairs.length,
    hash_expected: expected.hash,
  }
  if (wrong !== undefined)
    return { ...head, rows: wrong.engine.rows, hash: wrong.engine.hash, hash_ok: false }
  return {
    ...head,
    rows: expected.rows,
    hash: expected.hash,
    hash_ok: true,
    ...figures(pairs, events),
  }
}

/** Microseconds an event by part of the engine, on a memory log; sampling itself costs some 10 %. */
export async function whereTimeGoes(
  query: EngineQuery,
  options: Pick<BenchOptions, 'events' | 'seed'>,
): Promise<Shares> {
  return (await inChild(jobOf('profile', query, { ...options, log: 'memory' }))) as Shares
}

/** @returns whether there is a topology of that name */
export const isEngineQuery = (name: string): name is EngineQuery =>
  Object.hasOwn(ENGINE_QUERIES, name)

interface Pair {
  readonly bare: Outcome
  readonly engine: Outcome
}

function figures(pairs: readonly Pair[], events: number): Partial<QueryReport> {
  const engines = pairs.map((pair) => pair.engine)
  return {
    events_per_second: spread(engines.map((e) => Math.round(events / e.seconds))),
    cpu_s_per_million: spread(engines.map((e) => round((e.cpuSeconds * 1e6) / events))),
    rss_peak_mb: spread(engines.map((e) => e.rssPeakMb)),
    epochs: spread(engines.map((e) => e.epochs)),
    bare_events_per_second: spread(pairs.map(({ bare }) => Math.round(events / bare.seconds))),
    bare_cpu_s_per_million: spread(
      pairs.map(({ bare }) => round((bare.cpuSeconds * 1e6) / events)),
    ),
    ratio_to_bare_loop: spread(
      pairs.map(({ bare, engine }) => round(bare.seconds / engine.seconds)),
    ),
    cpu_ratio_to_bare_loop: spread(
      pairs.map(({ bare, engine }) => round(bare.cpuSeconds / engine.cpuSeconds)),
    ),
  }
}

/** @param values at least one */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  const median =
    sorted.length % 2 === 1 ? upper : round(((sorted[middle - 1] as number) + upper) / 2)
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number }
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000

function jobOf(
  kind: Job['kind'],
  query: EngineQuery,
  options: BenchOptions,
  directory?: string,
): Job {
  const { events, seed, durability = 'disk' } = options
  const warmUp = kind === 'oracle' ? 0 : Math.min(events, WARM_UP_EVENTS)
  const job = { kind, query, events, seed, warmUp, durability }
  return directory === undefined ? job : { ...job, directory }
}

async function inDirectory<T>(
  options: BenchOptions,
  use: (directory?: string) => Promise<T>,
): Promise<T> {
  if (options.log === 'memory') return await use()
  const directory = await mkdtemp(join(options.directory ?? process.cwd(), 'bench-'))
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Compiled modules beget compiled ones; figures from sources are for tests, not for quoting. */
const FROM_SOURCE = import.meta.url.endsWith('.ts')

function inChild(job: Job): Promise<unknown> {
  const file = new URL(`./run.child${FROM_SOURCE ? '.ts' : '.js'}`, import.meta.url)
  const execArgv = FROM_SOURCE ? ['--conditions=source', '--import', 'tsx'] : []
  return new Promise((resolve, reject) => {
    const child = fork(file, [JSON.stringify(job)], { execArgv })
    let answer: unknown
    child.on('message', (message) => {
      answer = message
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (answer !== undefined && code === 0) resolve(answer)
      else
        reject(new Error(`${job.kind} run of ${job.query} ended with ${signal ?? `code ${code}`}`))
    })
  })
}
