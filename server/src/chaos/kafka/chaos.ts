/**
 * Chaos on Kafka: the product as several processes on a real broker, all of which are killed, frozen and cut
 * off at seeded moments. What is then in the topics, in the state and in ClickHouse must equal what one
 * undisturbed worker made of the same workload.
 *
 * Faults that one run of the workload does not take are given to further runs, each with topics of its own.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareOutcomes } from '../compare.ts'
import type { Outcome } from '../outcome.ts'
import { writeWorkload } from '../workload.ts'
import { type ChaosCluster, startChaosCluster } from './cluster.ts'
import { type Fault, FaultPlan } from './faults.ts'
import { runOnKafka } from './run.ts'

export interface ChaosKafkaOptions {
  /** Faults of all kinds. */
  readonly kills: number
  readonly seed: number
  readonly workers: number
  /** Default 12 customers, 300 events. */
  readonly customers?: number
  readonly events?: number
}

export interface ChaosKafkaResult {
  readonly faults: number
  /** Workers ended by SIGKILL. */
  readonly kills: number
  /** Workers that were frozen for longer than their session, and woke. */
  readonly zombies: number
  readonly broker_restarts: number
  /** Partitions that went from one worker to another. */
  readonly rebalances: number
  readonly lost: number
  readonly duplicated: number
  readonly state_mismatches: number
  readonly analytics_mismatches: number
  /** From the end of a fault until every task runs and has caught up. */
  readonly worst_recovery_ms: number
  readonly seconds: number
  readonly seed: number
  readonly runs: number
  /** Records of all sink topics of an undisturbed run. */
  readonly outputs: number
  /** Faults by what they hit. */
  readonly hits: Readonly<Record<string, number>>
  /** Workers that ended by themselves, as they should, by error code. */
  readonly ends: Readonly<Record<string, number>>
  readonly failures: readonly string[]
}

/** More faults than this in one run would meet a feed that has little left. */
const FAULTS_PER_RUN = 20

export async function chaosKafka(
  options: ChaosKafkaOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ChaosKafkaResult> {
  const directory = mkdtempSync(join(tmpdir(), 'opportune-chaos-'))
  try {
    const cluster = await startChaosCluster(options.workers)
    try {
      return await new KafkaChaos(options, { directory, cluster, onProgress }).run()
    } finally {
      await cluster.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Surroundings {
  readonly directory: string
  readonly cluster: ChaosCluster
  readonly onProgress: (done: number, total: number) => void
}

class KafkaChaos {
  readonly #options: ChaosKafkaOptions
  readonly #around: Surroundings
  readonly #plan: FaultPlan
  readonly #hits = new Map<string, number>()
  readonly #ends = new Map<string, number>()
  readonly #failures: string[] = []
  readonly #sum = {
    kills: 0,
    zombies: 0,
    broker_restarts: 0,
    rebalances: 0,
    lost: 0,
    duplicated: 0,
    state_mismatches: 0,
    analytics_mismatches: 0,
  }
  #faults = 0
  #worstMs = 0
  #records = 0

  constructor(options: ChaosKafkaOptions, around: Surroundings) {
    this.#options = options
    this.#around = around
    this.#plan = new FaultPlan(options.seed, options.workers)
  }

  async run(): Promise<ChaosKafkaResult> {
    const started = performance.now()
    const { customers = 12, events = 300, seed, kills } = this.#options
    const workload = join(this.#around.directory, 'workload')
    writeWorkload(workload, { customers, events, seed })
    this.#records = readFileSync(workload, 'utf8').split('\n').length
    const expected = await this.#run('undisturbed', [])
    if (this.#failures.length > 0) throw new Error(`undisturbed: ${this.#failures.join('; ')}`)
    let runs = 0
    while (this.#faults < kills && this.#failures.length === 0) {
      const count = Math.min(FAULTS_PER_RUN, kills - this.#faults)
      const faults = Array.from({ length: count }, () => this.#plan.next())
      const actual = await this.#run(`run-${++runs}`, faults)
      this.#compare(expected, actual, `run ${runs}`)
    }
    return {
      faults: this.#faults,
      ...this.#sum,
      worst_recovery_ms: Math.round(this.#worstMs),
      seconds: (performance.now() - started) / 1_000,
      seed,
      runs,
      outputs: Object.values(expected.topics).reduce((all, lines) => all + lines.length, 0),
      hits: sorted(this.#hits),
      ends: sorted(this.#ends),
      failures: this.#failures,
    }
  }

  async #run(name: string, faults: readonly Fault[]): Promise<Outcome> {
    const { directory, cluster, onProgress } = this.#around
    const { workers, kills } = this.#options
    const { outcome, failures, ends, worst_recovery_ms, ...counts } = await runOnKafka({
      cluster,
      directory: join(directory, name),
      prefix: `${name}.`,
      workload: join(directory, 'workload'),
      records: this.#records,
      workers,
      faults,
      onFault: (hit) => {
        this.#hits.set(hit, (this.#hits.get(hit) ?? 0) + 1)
        onProgress(++this.#faults, kills)
      },
    })
    for (const key of Object.keys(counts) as (keyof typeof counts)[]) this.#sum[key] += counts[key]
    for (const [code, n] of ends) this.#ends.set(code, (this.#ends.get(code) ?? 0) + n)
    this.#worstMs = Math.max(this.#worstMs, worst_recovery_ms)
    this.#failures.push(...failures)
    return outcome
  }

  #compare(expected: Outcome, actual: Outcome, run: string): void {
    const { examples, ...counts } = compareOutcomes(expected, actual)
    for (const key of Object.keys(counts) as (keyof typeof counts)[]) this.#sum[key] += counts[key]
    this.#failures.push(...examples.map((example) => `${run}: ${example}`))
  }
}

const sorted = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
