/**
 * One run of the workload on Kafka, with or without faults: from empty topics to what is to be compared.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hours, type KafkaEventLog, type OutgoingRecord, openKafkaLog, type Plan } from '#engine'
import { readArtefact } from '#models/serving'
import { ProfileViewSchema } from '#operators'
import { decisionChain, startAnalytics } from '#sinks'
import { definitionFiles, readApplied } from '../../app/activate.ts'
import { RECORD_BYTES } from '../../app/app.ts'
import { type ControlRecord, opportune, TOPICS } from '../../app/topology.ts'
import { openImport } from '../../imports/index.ts'
import { packagePath } from '../../package-root.ts'
import { feed } from '../../replay/feed.ts'
import { type Outcome, outcomeOf } from '../outcome.ts'
import type { ChaosCluster } from './cluster.ts'
import { disturb } from './disturb.ts'
import type { Fault } from './faults.ts'
import { Feeder, sleep } from './feeder.ts'
import { Fleet } from './fleet.ts'

export interface KafkaRunOptions {
  readonly cluster: ChaosCluster
  readonly directory: string
  /** In front of this run's topics. */
  readonly prefix: string
  readonly workload: string
  /** Records of the workload, about. */
  readonly records: number
  readonly workers: number
  /** None: the undisturbed run, with one worker. */
  readonly faults: readonly Fault[]
  readonly onFault: (hit: string) => void
}

export interface KafkaRunResult {
  readonly outcome: Outcome
  readonly kills: number
  readonly zombies: number
  readonly broker_restarts: number
  readonly rebalances: number
  readonly worst_recovery_ms: number
  readonly ends: ReadonlyMap<string, number>
  readonly failures: readonly string[]
}

const PARTITIONS = 4
/** Records per append of the feed. */
const BATCH = 8
/** Fewer than these wait: the worker has caught up. */
const CAUGHT_UP = 32
const RECOVERY_MS = 60_000
const REST_MS = 120_000
const EVENTS_UNTIL_FAULT_MS = 250

export async function runOnKafka(options: KafkaRunOptions): Promise<KafkaRunResult> {
  const { cluster, prefix } = options
  mkdirSync(options.directory, { recursive: true })
  const log = await openKafkaLog({
    brokers: cluster.brokers,
    prefix,
    maxRecordBytes: RECORD_BYTES,
    // The broker comes back; what was taken in is not given up meanwhile.
    commitTimeoutMs: 120_000,
  })
  try {
    return await new KafkaRun(options, log).run()
  } finally {
    await log.close()
    rmSync(options.directory, { recursive: true, force: true })
  }
}

class KafkaRun {
  readonly #options: KafkaRunOptions
  readonly #log: KafkaEventLog
  readonly #plan: Plan
  readonly #fleet: Fleet
  readonly #feeder: Feeder
  /** Faults come one after the other. */
  #disturbing: Promise<void> | null = null
  #zombies = 0
  #brokerRestarts = 0
  #worstMs = 0
  #timersOnly: Fault | null

  constructor(options: KafkaRunOptions, log: KafkaEventLog) {
    const { cluster, directory, prefix, workers, faults } = options
    this.#options = options
    this.#log = log
    this.#plan = opportune({ partitions: PARTITIONS, live: false, decisionChain }).build()
    const tasks = this.#plan.stages.flatMap(({ id, partitions }) =>
      Array.from({ length: partitions }, (_, p) => `${id}/${p}`),
    )
    this.#fleet = new Fleet({ cluster, directory, prefix, workers, partitions: PARTITIONS, tasks })
    this.#feeder = new Feeder({
      appender: log.appender(),
      settled: () => this.#fleet.settled(REST_MS),
      onTimersOnly: () => this.#freezeTimers(),
    })
    // The first zombie of a run waits for the moment when nothing but timers is due.
    this.#timersOnly = faults.find((fault) => fault.kind === 'zombie') ?? null
  }

  async run(): Promise<KafkaRunResult> {
    const fleet = this.#fleet
    try {
      fleet.start(0)
      await this.#activate()
      const feeding = this.#feed()
      // Heard when it is awaited; until then it must not end the process.
      feeding.catch(() => {})
      await this.#disturbAll()
      this.#feeder.grant(Number.POSITIVE_INFINITY)
      await feeding
      await this.#disturbing
      const outcome = await this.#outcome()
      return {
        outcome,
        kills: fleet.kills,
        zombies: this.#zombies,
        broker_restarts: this.#brokerRestarts,
        rebalances: fleet.rebalances,
        worst_recovery_ms: this.#worstMs,
        ends: fleet.ends,
        failures: fleet.failures,
      }
    } finally {
      this.#feeder.stop()
      await fleet.close()
    }
  }

  async #activate(): Promise<void> {
    const fleet = this.#fleet
    await fleet.settled(REST_MS)
    const read = readApplied(definitionFiles(packagePath('examples/shop')))
    const model = readArtefact(readFileSync(packagePath('examples/models/hillstrom-visit.json')))
    if (!read.ok || !model.ok) throw new Error('the examples of the package are not valid')
    const appender = this.#log.appender()
    const records: readonly ControlRecord[] = [
      { kind: 'definitions', activated: { set: read.set } },
      { kind: 'model', activated: { artefact: model.artefact } },
    ]
    for (const record of records) await appender.append(TOPICS.control, 0, [controlRecord(record)])
    await fleet.settled(REST_MS)
  }

  async #feed(): Promise<void> {
    const reader = openImport(this.#options.workload, { format: 'ndjson' })
    await feed(reader.records(), this.#feeder, { tail: hours(24), batch: BATCH })
  }

  async #disturbAll(): Promise<void> {
    const { faults, records, workers } = this.#options
    if (faults.length === 0) return
    const share = Math.max(BATCH, Math.floor(records / (faults.length + 1)))
    // 1 -> all, while it runs.
    this.#feeder.grant(2 * share)
    await sleep(EVENTS_UNTIL_FAULT_MS)
    for (let i = 1; i < workers; i++) this.#fleet.start(i)
    for (const fault of faults) {
      if (fault === this.#timersOnly) continue
      this.#feeder.grant(share)
      await sleep(EVENTS_UNTIL_FAULT_MS)
      await this.#disturbing
      await this.#disturb(fault, '')
      if (this.#fleet.failures.length > 0) return
    }
  }

  #freezeTimers(): void {
    const fault = this.#timersOnly
    if (fault?.kind !== 'zombie' || this.#disturbing !== null) return
    this.#timersOnly = null
    void this.#disturb(
      { ...fault, at: { step: 'processed', count: 1, afterMs: 0 } },
      ', timers only',
    )
  }

  async #disturb(fault: Fault, where: string): Promise<void> {
    const { cluster, workers, onFault } = this.#options
    const fleet = this.#fleet
    const run = async (): Promise<void> => {
      const hit = await disturb(fault, { cluster, fleet, workers })
      const healed = performance.now()
      await fleet.recovered(CAUGHT_UP, RECOVERY_MS)
      this.#worstMs = Math.max(this.#worstMs, performance.now() - healed)
      fleet.disarm()
      if (fault.kind === 'zombie') this.#zombies++
      if (fault.kind === 'broker') this.#brokerRestarts++
      onFault(`${hit}${where}`)
    }
    this.#disturbing = run()
      .catch((error: unknown) => {
        fleet.failures.push(
          `${fault.kind}: ${error instanceof Error ? error.message : String(error)}`,
        )
      })
      .finally(() => {
        this.#disturbing = null
      })
    await this.#disturbing
  }

  async #outcome(): Promise<Outcome> {
    const { cluster, directory, prefix } = this.#options
    const state = await this.#fleet.state()
    const analytics = startAnalytics({
      database: { kind: 'embedded', path: join(directory, 'clickhouse') },
      log: { kind: 'kafka', brokers: cluster.brokers, prefix },
      profileSchema: ProfileViewSchema,
    })
    try {
      await analytics.ready()
      await analytics.flush()
      return await outcomeOf({ plan: this.#plan, log: this.#log, state, analytics })
    } finally {
      await analytics.stop()
    }
  }
}

const controlRecord = (record: ControlRecord): OutgoingRecord => ({
  key: null,
  value: Buffer.from(JSON.stringify(record)),
  timestamp: Date.now(),
})
