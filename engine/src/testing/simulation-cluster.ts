/**
 * Several processes of one topology on the simulated log, in virtual time, and everything that can
 * happen to them.
 *
 * Owns the log, the clock, the processes and their disks. One call of `beat` is one thing that happens:
 * a process works on, time passes, one is killed between two steps, stopped, started again, or comes
 * back elsewhere while its former self still runs. What happens is drawn from the seed and depends on
 * nothing else, so that a run can be repeated.
 *
 * SM2 A process fails only with what the log may answer (crashed, fenced, unknown); anything else is
 *     a finding.
 * SM3 A disk outlives its process, but for what was being written.
 */
import { findError, OpportuneError } from '../errors.ts'
import type { OutgoingRecord } from '../log/port.ts'
import type { FaultPoint } from '../log/simulated/faults.ts'
import type { Prng } from '../log/simulated/prng.ts'
import { Worker, type WorkerOptions } from '../runtime/worker.ts'
import { KeyedState, type MemoryBackend, memoryBackend } from '../state/index.ts'
import type { Millis } from '../time.ts'
import type { Plan } from '../topology/plan.ts'
import { Gate } from './simulation-gate.ts'
import { VirtualTime } from './simulation-time.ts'
import { makeWorld, type Station, type World, type WorldKind } from './simulation-world.ts'

/** How often what happens: per step of a worker, per fault point of the log, per beat. */
export interface Disturbance {
  /** Kill -9 between two steps of a worker. */
  kill: number
  log: Partial<Record<FaultPoint, number>>
  /** Per beat: a graceful stop, a stale owner, a compaction. */
  stop: number
  usurp: number
  compact: number
  /** Per beat, where processes have connections: one is cut, or its process stands still, for a while. */
  cut: number
  freeze: number
}

export const CALM: Disturbance = {
  kill: 0,
  log: {},
  stop: 0,
  usurp: 0,
  compact: 0,
  cut: 0,
  freeze: 0,
}

export interface ClusterOptions {
  readonly plan: Plan
  readonly world: WorldKind
  /** Names of the processes. */
  readonly ids: readonly string[]
  readonly prng: Prng
  readonly startAt: number
  readonly disturbance: Disturbance
  /** Hears what happens, in its order. */
  readonly onEvent?: (what: string) => void
  readonly worker: Pick<
    WorkerOptions,
    'slice' | 'timersPerSlice' | 'checkpointEveryMs' | 'readAhead'
  >
  /** Values per transaction of a checkpoint, decoded keys in memory: small, so that all paths are taken. */
  readonly state: {
    readonly checkpointSlice?: number
    readonly maxKeys?: number
    readonly checkpointBytes?: number
  }
}

/** A process that ran into something no process should. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

const ENDS = ['log_crashed', 'log_fenced', 'log_commit_unknown', 'state_unwritable']
const QUIET_ROUNDS = 3
const MAX_ROUNDS = 20_000
/** Beyond this, whatever is to be settled is left alone. */
const CALM_AFTER = 300

interface Process {
  readonly id: string
  readonly gate: Gate
  readonly station: Station
  readonly worker: Worker
  /** What it is doing; null between two cycles. */
  doing: Promise<void> | null
  started: boolean
  /** Somebody else lives under its name: it has to find out. */
  stale: boolean
  /** Until then it does nothing. */
  frozenUntil: Millis
}

export class Cluster {
  readonly #world: World
  readonly time: VirtualTime
  readonly #happened = new Map<string, number>()
  readonly #options: ClusterOptions
  readonly #disturbance: Disturbance
  readonly #disks = new Map<string, Map<string, MemoryBackend>>()
  #processes: Process[] = []
  #finding: Finding | null = null

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#disturbance = options.disturbance
    this.time = new VirtualTime(options.startAt)
    this.#world = makeWorld(options.world, {
      prng: options.prng,
      time: this.time,
      probability: this.#disturbance.log,
    })
  }

  /** What no process stands in front of. */
  get log(): World['log'] {
    return this.#world.log
  }

  get workers(): readonly Worker[] {
    return this.#processes.filter((process) => !process.stale).map((process) => process.worker)
  }

  /** What happened, by kind: to processes, injected into the log, and what came of it. */
  happenings(): ReadonlyMap<string, number> {
    const all = new Map([...this.#happened, ...Object.entries(this.#world.happened())])
    for (const { point } of this.#world.faults) all.set(point, (all.get(point) ?? 0) + 1)
    return all
  }

  /** Appends as a producer does that repeats what it is not sure of; each record gets there once. */
  async append(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    await this.log.ensureTopics(this.#options.plan.topics)
    const before = await this.#count(topic)
    for (;;)
      try {
        const appender = this.log.appender()
        await appender.append(topic, 0, records)
        await appender.close()
        return
      } catch (error) {
        this.#note(`append: ${codeOf(error)}`)
        if (!ENDS.includes(codeOf(error))) throw error
        if ((await this.#count(topic)) > before) return
      }
  }

  /** One thing happens. */
  async beat(): Promise<void> {
    const { prng } = this.#options
    const { stop, usurp, compact, cut, freeze } = this.#disturbance
    const draw = prng.next()
    const chosen = this.#processes[prng.below(Math.max(1, this.#processes.length))]
    if (draw < stop) await this.#stop(chosen)
    else if (draw < stop + usurp) this.#usurp(chosen)
    else if (draw < stop + usurp + compact) await this.#compact()
    else if (draw < stop + usurp + compact + cut) this.#cut(chosen)
    else if (draw < stop + usurp + compact + cut + freeze) this.#freeze(chosen)
    else if (draw < 0.2) this.time.advance(this.time.now + 1 + prng.below(30))
    else if (draw < 0.3 || this.#processes.length === 0) this.#startOne()
    else if (chosen !== undefined) this.#work(chosen)
    await turn()
    this.#raise()
  }

  /** Until everything appended is processed and every process is up. @throws Finding */
  async settle(): Promise<void> {
    for (let quiet = 0, round = 0; quiet < QUIET_ROUNDS; round++) {
      if (round === CALM_AFTER) this.#calm()
      if (round > MAX_ROUNDS) throw new Finding(`does not settle: ${await this.#standing()}`)
      for (const process of this.#processes) this.#work(process)
      this.#startOne()
      this.time.advance(this.time.now + 1)
      await turn()
      this.#raise()
      quiet = (await this.#settled()) ? quiet + 1 : 0
    }
  }

  // --- what happens

  #work(process: Process): void {
    if (process.doing === null && process.started && process.gate.open && this.#awake(process))
      this.#do(process, async () => void (await process.worker.advance(0)))
  }

  #awake(process: Process): boolean {
    return process.frozenUntil <= this.time.now
  }

  #do(process: Process, what: () => Promise<void>): void {
    process.doing = what().then(
      () => {
        process.doing = null
      },
      (error: unknown) => this.#died(process, error),
    )
  }

  /** Starts the first that does not run. */
  #startOne(): void {
    const id = this.#options.ids.find(
      (name) => !this.#processes.some((p) => p.id === name && !p.stale),
    )
    if (id === undefined) return
    const process = this.#make(id, this.#disks.get(id) ?? new Map<string, MemoryBackend>())
    this.#processes.push(process)
    this.#do(process, async () => {
      await process.worker.start()
      process.started = true
    })
  }

  async #stop(process: Process | undefined): Promise<void> {
    if (process === undefined || process.doing !== null || process.stale) return
    this.#note('stop', process.id)
    this.#do(process, async () => {
      await process.worker.stop()
      process.gate.close()
      process.station.kill()
      this.#forget(process)
    })
  }

  /** The process comes back elsewhere, with an empty disk, while its former self goes on for a while. */
  #usurp(process: Process | undefined): void {
    if (process === undefined || process.stale) return
    this.#note('usurp', process.id)
    process.stale = true
    this.#disks.delete(process.id)
  }

  /** The group may give its partitions away meanwhile; the process works on and does not know. */
  #cut(process: Process | undefined): void {
    if (process === undefined) return
    this.#note('cut', process.id)
    process.station.cut(this.#awhile())
  }

  /** As `#cut`, and the process does nothing either until it wakes and goes on where it was. */
  #freeze(process: Process | undefined): void {
    if (process === undefined) return
    this.#note('freeze', process.id)
    const ms = this.#awhile()
    process.frozenUntil = this.time.now + ms
    process.station.cut(ms)
  }

  /** From less than a session to well beyond it. */
  #awhile(): Millis {
    return 10 + this.#options.prng.below(150)
  }

  async #compact(): Promise<void> {
    const topics = this.#options.plan.topics.filter((topic) => topic.cleanup === 'compact')
    const topic = topics[this.#options.prng.below(topics.length)]
    if (topic === undefined || (await this.log.topics()).length === 0) return
    this.#note('compact')
    await this.log.compact(topic.name, this.#options.prng.below(topic.partitions))
  }

  #kill(process: Process): void {
    process.gate.close()
    process.station.kill()
    this.#forget(process)
    if (process.stale) return
    const disk = this.#disks.get(process.id)
    for (const [task, backend] of disk ?? []) disk?.set(task, backend.crash())
  }

  #died(process: Process, error: unknown): void {
    if (!process.gate.open) return
    const code = codeOf(error)
    this.#note(`died: ${code}`, process.id)
    if (!ENDS.includes(code))
      this.#finding ??= new Finding(
        `${process.id} died of ${error instanceof Error ? error.stack : String(error)}`,
      )
    this.#kill(process)
  }

  #forget(process: Process): void {
    this.#processes = this.#processes.filter((other) => other !== process)
  }

  #make(id: string, disk: Map<string, MemoryBackend>): Process {
    this.#disks.set(id, disk)
    const station = this.#world.station()
    const gate = new Gate(station.log)
    const { plan, state } = this.#options
    const worker = new Worker({
      plan,
      log: gate.log,
      id,
      build: 'simulated',
      now: () => this.time.now,
      tickMs: 1,
      ...this.#options.worker,
      openState: (task, slots) => {
        const backend = disk.get(task) ?? memoryBackend()
        disk.set(task, backend)
        return { backend, store: new KeyedState({ slots, backend, ...state }) }
      },
      onStep: (step) => {
        if (!gate.open) throw new OpportuneError('log_crashed', 'This process has ended.')
        if (this.#disturbance.kill === 0 || this.#options.prng.next() >= this.#disturbance.kill)
          return
        this.#note(`kill: ${step}`, id)
        this.#kill(process)
        throw new OpportuneError('log_crashed', `Killed at ${step}.`)
      },
    })
    const process: Process = {
      id,
      gate,
      station,
      worker,
      doing: null,
      started: false,
      stale: false,
      frozenUntil: 0,
    }
    return process
  }

  // --- how it stands

  #calm(): void {
    Object.assign(this.#disturbance, { ...CALM, log: this.#disturbance.log })
    for (const point of Object.keys(this.#disturbance.log))
      delete this.#disturbance.log[point as FaultPoint]
  }

  async #settled(): Promise<boolean> {
    const { ids, plan } = this.#options
    const up = this.#processes.filter((p) => !p.stale && p.started && this.#awake(p))
    if (up.length !== ids.length || this.#processes.length !== up.length) return false
    if (this.#world.undecided()) return false
    const tasks: string[] = []
    for (const { worker } of this.#processes) {
      tasks.push(...worker.tasks.map((task) => task.id))
      if ((await lagOf(worker)) > 0) return false
    }
    // Somebody who was cut off may still think that he has what is another's.
    if (new Set(tasks).size !== tasks.length) return false
    return tasks.length === plan.stages.reduce((sum, stage) => sum + stage.partitions, 0)
  }

  async #standing(): Promise<string> {
    const lines: string[] = []
    for (const { id, worker, started, stale, doing } of this.#processes)
      lines.push(
        `${id} ${JSON.stringify({ started, stale, busy: doing !== null, lag: await lagOf(worker), undecided: this.#world.undecided(), tasks: worker.tasks.map((t) => t.id) })}`,
      )
    return lines.join('; ')
  }

  async #count(topic: string): Promise<number> {
    const reader = this.log.reader()
    let count = 0
    for (let offset = 0; ; ) {
      const batch = await reader.read({ topic, partition: 0 }, offset, {
        maxRecords: 1_000,
        maxBytes: 1 << 20,
      })
      if (batch === undefined) break
      count += batch.length
      offset = batch.nextOffset
    }
    await reader.close()
    return count
  }

  #note(what: string, who = ''): void {
    this.#options.onEvent?.(`${this.time.now} ${who} ${what}`)
    this.#happened.set(what, (this.#happened.get(what) ?? 0) + 1)
  }

  #raise(): void {
    if (this.#finding !== null) throw this.#finding
  }
}

const codeOf = (error: unknown): string => findError(error)?.code ?? 'none'

/** A worker whose log went away has no lag to tell; its next cycle finds out. */
const lagOf = (worker: Worker): Promise<number> => worker.lag().catch(() => 1)

/** Lets what waits for nothing but its turn run: twice, because some of it starts more. */
async function turn(): Promise<void> {
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve))
}
