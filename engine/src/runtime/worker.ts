/**
 * A worker: one process's share of a topology. It claims partitions, restores their tasks, and turns
 * slices into committed epochs for as long as it runs.
 *
 * R1, R4, R9, R10 See `epochs.ts`.
 * R2 A task starts only when its changelog ends with the epoch that its position was committed with.
 * R3 After a commit whose outcome is unknown nothing more is written: the worker stops, and the next
 *    start learns the truth from the committed position.
 * R5 Partitions that are revoked finish their running epoch first; lost ones drop it.
 * R6 `stop` finishes, commits and checkpoints.
 */
import { assert, OpportuneError } from '../errors.ts'
import type { EventLog, LogBatch, LogMember } from '../log/port.ts'
import { partitionKey } from '../log/port.ts'
import type { CheckpointBackend, KeyedState, Layout, SlotSpec } from '../state/index.ts'
import type { Millis } from '../time.ts'
import type { Plan } from '../topology/plan.ts'
import { Checkpoints } from './checkpoints.ts'
import { Epochs } from './epochs.ts'
import { Ownership } from './ownership.ts'
import type { RestoreProgress } from './restore.ts'
import type { Running } from './running.ts'
import { type SliceLimits, SliceSize } from './slice-size.ts'
import type { Task } from './task.ts'
import { encodeWhole } from './task-state.ts'

export type WorkerStep =
  | 'claim'
  | 'restored'
  | 'begin'
  | 'processed'
  | 'commit'
  | 'committed'
  | 'checkpoint'
  | 'checkpointed'

export interface WorkerOptions {
  readonly plan: Plan
  readonly log: EventLog
  /** This process's name: the same name coming back fences its former self. */
  readonly id: string
  /** Tells builds apart in positions and savepoints. */
  readonly build: string
  /** Wall clock, ms; read once per cycle. */
  readonly now: () => Millis
  /** Opens the state of one task. Called with the partition claimed. */
  readonly openState: (task: string, slots: readonly SlotSpec[]) => OpenedState
  /** Fixed limits of a slice; absent: as much as an epoch of `EPOCH_MS` takes (see `SliceSize`). */
  readonly slice?: SliceLimits
  /** Fixed limit of timers fired in a slice; absent: as many as records. */
  readonly timersPerSlice?: number
  /** Task time between marks on quiet partitions, and wall time between looks at idle sources. */
  readonly tickMs?: Millis
  /**
   * Least wall time from one epoch to the next while slices are not full: fewer, larger commits for a
   * little latency. Default 0.
   */
  readonly lingerMs?: Millis
  /** Whether tasks read what others write in the same epoch where the log can tell (R10); default yes. */
  readonly readAhead?: boolean
  readonly checkpointEveryMs?: Millis
  /**
   * Largest output of a record, as encoded, in bytes: a record with a larger one becomes a dead letter.
   * Below the log's limit by what links of a chain add. Absent: the log refuses the whole epoch.
   */
  readonly maxOutputBytes?: number
  /** State to drop on purpose when the topology no longer has it. */
  readonly dropState?: readonly string[]
  /** Called between any two steps, so that a test can stop the process there. */
  readonly onStep?: (step: WorkerStep) => void
  /** Told how far restores are, after each batch of a changelog. */
  readonly onRestore?: (progress: RestoreProgress) => void
  /** Called after each commit. */
  readonly onCommit?: (committed: {
    readonly records: number
    readonly tasks: readonly Task[]
  }) => void
}

/** A task as its last commit left it. */
export interface CommittedTask {
  readonly task: Task
  readonly position: number
  readonly layout: Layout
  /** Clock, chains and broadcasts, as text. */
  readonly whole: string
}

export interface OpenedState {
  readonly store: KeyedState
  readonly backend: CheckpointBackend
}

export class Worker {
  readonly #options: WorkerOptions
  readonly #checkpoints: Checkpoints
  readonly #ownership: Ownership
  readonly #epochs: Epochs
  readonly #sliceSize = new SliceSize()
  #member: LogMember | null = null
  #stopping = false
  #restoreMs = 0
  #loop: Promise<void> | null = null
  #lastTick = 0
  /** What a claim or a checkpoint in the background died of. */
  #failure: unknown = null

  constructor(options: WorkerOptions) {
    this.#options = options
    const fail = (error: unknown): void => {
      this.#failure ??= error
    }
    this.#checkpoints = new Checkpoints(options, fail)
    this.#ownership = new Ownership({
      options,
      checkpoints: this.#checkpoints,
      member: () => this.#joined,
      betweenEpochs: () => this.#epochs.settled(),
      restored: (ms) => {
        this.#restoreMs += ms
      },
      fail,
    })
    this.#epochs = new Epochs({
      options,
      running: () => this.#running.values(),
      owns: (running) => this.#ownership.owns(running),
      timers: () => this.#sliceSize.limits.maxRecords,
    })
  }

  /** Epochs committed, records in, commits aborted, time spent on restoring: for metrics. */
  get stats() {
    return { ...this.#epochs.stats, restoreMs: this.#restoreMs }
  }

  get tasks(): readonly Task[] {
    return [...this.#running.values()].map((r) => r.task)
  }

  /** Creates topics, joins, and runs until `stop` or a fatal error, which rejects `done`. */
  async start(): Promise<void> {
    const { plan, log, id } = this.#options
    await log.ensureTopics(plan.topics)
    this.#member = await log.member({ group: plan.id, id })
    await this.#member.subscribe(this.#ownership.topics, this.#ownership)
    await this.#ownership.settled
    this.#raiseFailure()
  }

  /** Runs cycles until stopped. */
  run(): Promise<void> {
    this.#loop ??= this.#cycles()
    return this.#loop
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#loop?.catch(() => {})
    await this.#epochs.settled()
    await this.#ownership.close()
    for (const running of this.#running.values()) await this.#checkpoints.take(running)
    await this.#member?.close()
    for (const { state } of this.#running.values()) await state?.store.close()
    this.#running.clear()
  }

  async #cycles(): Promise<void> {
    const tick = this.#options.tickMs ?? 1_000
    const linger = this.#options.lingerMs ?? 0
    while (!this.#stopping) {
      const started = performance.now()
      const backlog = this.tasks.some((task) => task.backlog)
      const records = await this.advance(backlog ? 0 : tick)
      if (records === 0 && !backlog) continue
      // A log that commits in the same turn would never let anything else of this process run.
      const { maxRecords } = this.#options.slice ?? this.#sliceSize.limits
      const rest = records < maxRecords ? linger - (performance.now() - started) : 0
      if (rest > 1) await new Promise((resolve) => setTimeout(resolve, rest))
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** One poll and, where there is work, one epoch, committed or taken back. @returns records read */
  async cycle(waitMs: Millis): Promise<number> {
    const records = await this.advance(waitMs)
    await this.#epochs.settled()
    this.#raiseFailure()
    return records
  }

  /** The same, but the epoch's commit may still be running. */
  async advance(waitMs: Millis): Promise<number> {
    const epochs = this.#epochs
    const member = this.#joined
    this.#raiseFailure()
    const wall = this.#options.now()
    // Before anything is read: a source that has nothing must not hold back one that has.
    await epochs.run(member, await this.#idleSources(wall), epochs.stats.aborts)
    const { aborts } = epochs.stats
    const limits = this.#options.slice ?? this.#sliceSize.limits
    const halved = Math.max(1, Math.floor(limits.maxRecords / 2 ** Math.max(0, epochs.aborts - 2)))
    const batches = await member.poll({ maxRecords: halved, maxBytes: limits.maxBytes, waitMs })
    const slices = new Map<Running, LogBatch | undefined>()
    for (const batch of batches) {
      const running = this.#running.get(partitionKey(batch))
      if (running !== undefined) slices.set(running, batch)
    }
    // Where nothing came the log may have passed gaps in the offsets: they are not work that waits.
    for (const running of this.#running.values())
      if (!slices.has(running) && !epochs.has(running))
        running.position = running.reached = member.position(running.at)
    for (const running of this.#running.values())
      if (running.task.backlog && !slices.has(running)) slices.set(running, undefined)
    await epochs.run(member, slices, aborts)
    this.#sliceSize.learn(
      epochs.processedIn,
      batches,
      [...slices.keys()].some((r) => r.task.backlog),
    )
    await this.#checkpoints.begin(this.#running.values(), wall)
    let records = 0
    for (const batch of batches) records += batch.length
    return records
  }

  /**
   * Does something between two epochs: all it sees is of one moment, and committed. The stream waits
   * until it is done.
   */
  between<T>(work: (tasks: readonly CommittedTask[]) => Promise<T>): Promise<T> {
    return this.#epochs.between(() =>
      work(
        [...this.#running.values()].map(({ task, position, layout }) => ({
          task,
          position,
          layout,
          whole: encodeWhole(task.committed),
        })),
      ),
    )
  }

  /** Lets sources that were read to their end tell the time; at most once a tick. */
  async #idleSources(wall: Millis): Promise<Map<Running, undefined>> {
    const moved = new Map<Running, undefined>()
    if (wall - this.#lastTick < (this.#options.tickMs ?? 1_000)) return moved
    this.#lastTick = wall
    const sources = [...this.#running.values()].filter((r) => r.task.source !== null)
    if (sources.length === 0) return moved
    const bounds = await this.#options.log.bounds(sources.map((r) => r.at))
    for (const [i, running] of sources.entries()) {
      const source = running.task.source
      const gone = !this.#ownership.owns(running)
      if (source === null || gone || running.reached < (bounds[i]?.end ?? 0)) continue
      const before = source.mark
      source.atEnd(wall)
      if (source.mark !== before) moved.set(running, undefined)
    }
    return moved
  }

  get #running(): Map<string, Running> {
    return this.#ownership.running
  }

  get #joined(): LogMember {
    assert(this.#member !== null, 'the worker was started')
    return this.#member
  }

  #raiseFailure(): void {
    this.#epochs.raiseFailure()
    if (this.#failure !== null) throw this.#failure
  }

  /**
   * Records (and frames) that wait in this worker's partitions, plus one for each task with timers
   * due or with a slice that is not committed. 0 means that nothing moves any more until something is appended or time goes on.
   * @param topic only of the partitions of this one
   */
  async lag(topic?: string): Promise<number> {
    let sum = 0
    for (const lag of (await this.lags(topic)).values()) sum += lag
    return sum
  }

  /** The same by task. */
  async lags(topic?: string): Promise<ReadonlyMap<string, number>> {
    const all = [...this.#running.values()].filter(
      (r) => topic === undefined || r.at.topic === topic,
    )
    const bounds = await this.#options.log.bounds(all.map((r) => r.at))
    return new Map(
      all.map((running, i) => {
        const { position, task } = running
        const busy = task.backlog || this.#epochs.has(running)
        return [task.id, Math.max(0, (bounds[i]?.end ?? 0) - position) + (busy ? 1 : 0)]
      }),
    )
  }

  /** Committed state of a key, from the task that owns it. @throws task_not_here */
  read(
    from: { readonly stage: string; readonly partition: number; readonly operator: string },
    key: string,
  ): unknown {
    const running = [...this.#running.values()].find(
      ({ task }) => task.stage.id === from.stage && task.partition === from.partition,
    )
    if (running === undefined)
      throw new OpportuneError(
        'task_not_here',
        `This process does not own ${from.stage}/${from.partition}.`,
      )
    return running.task.store.committed(key, running.task.slotOf(from.operator))
  }
}
