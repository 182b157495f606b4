/**
 * A worker: one process's share of a topology. It claims partitions, restores their tasks, and turns
 * slices into committed epochs, one after the other, for as long as it runs.
 *
 * R1 One epoch covers the slices of all its tasks: outputs, changelogs, dead letters and positions
 *    become visible in one step or not at all.
 * R2 A task starts only when its changelog ends with the epoch that its position was committed with.
 * R3 After a commit whose outcome is unknown nothing more is written: the worker stops, and the next
 *    start learns the truth from the committed position.
 * R4 An abort takes every task of the epoch back to its last commit and runs the slices again.
 * R5 Partitions that are revoked finish their running epoch first; lost ones drop it.
 * R6 `stop` finishes, commits and checkpoints.
 */
import { ByteWriter } from '../codec/bytes.ts'
import { assert, findError, OpportuneError } from '../errors.ts'
import type { EventLog, LogBatch, LogMember, TopicPartition } from '../log/port.ts'
import { partitionKey } from '../log/port.ts'
import type { CheckpointBackend, KeyedState, SlotSpec } from '../state/index.ts'
import type { Millis } from '../time.ts'
import type { Plan, Stage } from '../topology/plan.ts'
import { changesToRecords } from './changelog.ts'
import { changelogEnd, changelogOf, openRunning, type Running, restoreRunning } from './running.ts'
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
  readonly checkpointEveryMs?: Millis
  /** State to drop on purpose when the topology no longer has it. */
  readonly dropState?: readonly string[]
  /** Called between any two steps, so that a test can stop the process there. */
  readonly onStep?: (step: WorkerStep) => void
  /** Called after each commit. */
  readonly onCommit?: (committed: { readonly records: number; readonly tasks: readonly Task[] }) => void
}

export interface OpenedState {
  readonly store: KeyedState
  readonly backend: CheckpointBackend
}

interface Claim {
  readonly at: TopicPartition
  /** What `#owned` holds for as long as the partition stays ours. */
  readonly token: object
}

const RETRIES = 5

export class Worker {
  readonly #options: WorkerOptions
  readonly #stages: ReadonlyMap<string, Stage>
  readonly #running = new Map<string, Running>()
  /** One token per partition that is ours: a new one each time it is claimed. */
  readonly #owned = new Map<string, object>()
  readonly #sliceSize = new SliceSize()
  readonly #scratch = new ByteWriter(64 * 1024)
  #member: LogMember | null = null
  #stopping = false
  #aborts = 0
  #loop: Promise<void> | null = null
  #lastTick = 0
  /** What a claim or a checkpoint in the background died of. */
  #failure: unknown = null
  #claiming: Promise<void> = Promise.resolve()
  /** The epoch that runs; null between two epochs. */
  #inFlight: Promise<void> | null = null
  /** Epochs committed, records in, commits aborted: for metrics. */
  readonly stats = { epochs: 0, records: 0, aborts: 0, restoreMs: 0 }

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#stages = new Map(options.plan.stages.map((stage) => [stage.topic, stage]))
  }

  get tasks(): readonly Task[] {
    return [...this.#running.values()].map((r) => r.task)
  }

  /** Creates topics, joins, and runs until `stop` or a fatal error, which rejects `done`. */
  async start(): Promise<void> {
    const { plan, log, id } = this.#options
    await log.ensureTopics(plan.topics)
    this.#member = await log.member({ group: plan.id, id })
    await this.#member.subscribe([...this.#stages.keys()], {
      claimed: (partitions) => this.#claims(partitions),
      revoked: (partitions) => this.#release(partitions, true),
      lost: (partitions) => void this.#release(partitions, false).catch(() => {}),
    })
    await this.#claiming
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
    for (const running of this.#running.values()) await this.#checkpoint(running)
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
      const records = await this.cycle(backlog ? 0 : tick)
      if (records === 0 && !backlog) continue
      // A log that commits in the same turn would never let anything else of this process run.
      const { maxRecords } = this.#options.slice ?? this.#sliceSize.limits
      const rest = records < maxRecords ? linger - (performance.now() - started) : 0
      if (rest > 1) await new Promise((resolve) => setTimeout(resolve, rest))
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** One poll and, where there is work, one epoch. @returns records processed */
  async cycle(waitMs: Millis): Promise<number> {
    const member = this.#member
    assert(member !== null, 'the worker was started')
    this.#raiseFailure()
    const wall = this.#options.now()
    // Before anything is read: a source that has nothing must not hold back one that has.
    await this.#run(member, await this.#idleSources(wall))
    const limits = this.#options.slice ?? this.#sliceSize.limits
    const halved = Math.max(1, Math.floor(limits.maxRecords / 2 ** Math.max(0, this.#aborts - 2)))
    const batches = await member.poll({ maxRecords: halved, maxBytes: limits.maxBytes, waitMs })
    const slices = new Map<Running, LogBatch | undefined>()
    for (const batch of batches) {
      const running = this.#running.get(partitionKey(batch))
      if (running !== undefined) slices.set(running, batch)
    }
    // Where nothing came the log may have passed gaps in the offsets: they are not work that waits.
    for (const running of this.#running.values())
      if (!slices.has(running)) running.position = member.position(running.at)
    for (const running of this.#running.values())
      if (running.task.backlog && !slices.has(running)) slices.set(running, undefined)
    const polled = this.#options.now()
    await this.#run(member, slices)
    this.#sliceSize.learn(this.#options.now() - polled, batches, [...slices.keys()].some((r) => r.task.backlog))
    this.#checkpoints(wall)
    let records = 0
    for (const batch of batches) records += batch.length
    return records
  }

  async #run(member: LogMember, slices: ReadonlyMap<Running, LogBatch | undefined>): Promise<void> {
    if (slices.size === 0) return
    const epoch = this.#epoch(member, slices)
    this.#inFlight = epoch.catch(() => {})
    try {
      await epoch
    } finally {
      this.#inFlight = null
    }
  }

  async #betweenEpochs(): Promise<void> {
    while (this.#inFlight !== null) await this.#inFlight
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
      const gone = this.#running.get(partitionKey(running.at)) !== running
      if (source === null || gone || running.position < (bounds[i]?.end ?? 0)) continue
      const before = source.mark
      source.atEnd(wall)
      if (source.mark !== before) moved.set(running, undefined)
    }
    return moved
  }

  async #epoch(member: LogMember, slices: ReadonlyMap<Running, LogBatch | undefined>): Promise<void> {
    this.#step('begin')
    const tx = member.begin(
      [...slices].map(([running, batch]) => ({
        ...running.at,
        offset: batch?.nextOffset ?? running.position,
        metadata: this.#metadata(running.task),
      })),
    )
    const seen = [...slices.keys()].map((running) => running.seen)
    try {
      for (const [running, batch] of slices) {
        running.task.run(batch, this.#options.timersPerSlice ?? this.#sliceSize.limits.maxRecords)
        this.#write(tx, running.task)
        this.#step('processed')
      }
      this.#step('commit')
      await this.#commit(tx)
      this.#step('committed')
    } catch (error) {
      await this.#failed(member, slices, error, tx)
      return
    }
    this.#aborts = 0
    for (const [i, [running, batch]] of [...slices].entries()) {
      running.task.promote()
      // Ours from before it was looked at until now: nobody else can have written in between.
      running.covered = seen[i] ?? running.covered
      running.position = batch?.nextOffset ?? running.position
      this.stats.records += batch?.length ?? 0
    }
    this.stats.epochs++
    this.#options.onCommit?.({
      records: [...slices.values()].reduce((n, batch) => n + (batch?.length ?? 0), 0),
      tasks: [...slices.keys()].map((r) => r.task),
    })
  }

  #metadata(task: Task): string {
    return JSON.stringify({ epoch: task.epoch + 1, build: this.#options.build, format: 1 })
  }

  #write(tx: ReturnType<LogMember['begin']>, task: Task): void {
    const { outputs, changes } = task.seal()
    for (const { topic, partition, records } of outputs) tx.write(topic, partition, records)
    const letters = task.takeDeadLetters()
    if (letters.length > 0)
      tx.write(this.#options.plan.deadLetters, 0, letters.map((value) => ({ key: null, value })))
    const changelog = changelogOf(task, this.#options.plan)
    tx.write(changelog.topic, changelog.partition, changesToRecords(changes, this.#scratch))
  }

  async #commit(tx: ReturnType<LogMember['begin']>): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        await tx.commit()
        return
      } catch (error) {
        if (findError(error)?.class !== 'retriable' || attempt >= RETRIES) throw error
      }
  }

  /** Takes an epoch back. Only an abortable error may be tried again. */
  async #failed(
    member: LogMember,
    slices: ReadonlyMap<Running, LogBatch | undefined>,
    error: unknown,
    tx: ReturnType<LogMember['begin']>,
  ): Promise<void> {
    const known = findError(error)
    const unknown = known?.code === 'log_commit_unknown'
    if (!unknown) await tx.abort().catch(() => {})
    for (const running of slices.keys()) {
      running.task.abort()
      if (!unknown && this.#running.get(partitionKey(running.at)) === running)
        member.seek(running.at, running.position)
    }
    this.stats.aborts++
    if (known?.class !== 'abortable' && known?.class !== 'retriable') throw error
    this.#aborts++
  }

  /** Claims run one after the other; a failed one stops the worker. */
  #claims(partitions: readonly TopicPartition[]): Promise<void> {
    const claims = partitions.map((at) => ({ at, token: {} }))
    for (const { at, token } of claims) this.#owned.set(partitionKey(at), token)
    this.#claiming = this.#claiming
      .then(() => this.#claim(claims))
      .catch((error: unknown) => {
        this.#failure ??= error
      })
    return this.#claiming
  }

  #step(step: WorkerStep): void {
    this.#options.onStep?.(step)
  }

  #raiseFailure(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async #claim(claims: readonly Claim[]): Promise<void> {
    const member = this.#member
    assert(member !== null, 'the worker joined')
    const positions = await member.committed(claims.map((claim) => claim.at))
    for (const { at, token } of claims) {
      const key = partitionKey(at)
      const stage = this.#stages.get(at.topic)
      const ours = (): boolean => this.#owned.get(key) === token
      if (stage === undefined || !ours()) continue
      this.#step('claim')
      const started = this.#options.now()
      const running = openRunning(stage, at, this.#options)
      try {
        await restoreRunning(running, positions.get(key), this.#options)
      } catch (error) {
        // What the next owner commits meanwhile looks like a contradiction, and is none of ours.
        if (ours()) throw error
      }
      if (!ours()) {
        await running.state?.store.close()
        continue
      }
      this.#step('restored')
      this.stats.restoreMs += this.#options.now() - started
      this.#running.set(key, running)
      member.seek(at, running.position)
      member.resume([at])
    }
  }

  /** Gives partitions up. A claim that follows waits until their state is closed. */
  #release(partitions: readonly TopicPartition[], orderly: boolean): Promise<void> {
    const released = this.#letGo(partitions, orderly)
    this.#claiming = Promise.all([this.#claiming, released])
      .then(() => {})
      .catch((error: unknown) => {
        this.#failure ??= error
      })
    return released
  }

  async #letGo(partitions: readonly TopicPartition[], orderly: boolean): Promise<void> {
    // All of them at once: lost ones may be claimed again while the first of them is being closed.
    const leaving = partitions.flatMap((at) => this.#running.get(partitionKey(at)) ?? [])
    for (const at of partitions) {
      this.#owned.delete(partitionKey(at))
      this.#running.delete(partitionKey(at))
    }
    // The epoch that runs may have a slice of them, which it finishes or takes back first.
    await this.#betweenEpochs()
    for (const running of leaving) {
      if (orderly) await this.#checkpoint(running)
      await running.checkpointing?.catch(() => {})
      await running.state?.store.close()
    }
  }

  #checkpoints(wall: Millis): void {
    const every = this.#options.checkpointEveryMs ?? 10_000
    for (const running of this.#running.values()) {
      if (running.state === null || running.checkpointing !== null) continue
      if (!running.state.store.checkpointDue && wall - running.checkpointedAt < every) continue
      running.checkpointedAt = wall
      running.checkpointing = this.#save(running).finally(() => {
        running.checkpointing = null
      })
      running.checkpointing.catch((error: unknown) => {
        this.#failure ??= error
      })
    }
  }

  /** A checkpoint of everything committed, finished before it returns. */
  async #checkpoint(running: Running): Promise<void> {
    if (running.state === null) return
    await running.checkpointing?.catch(() => {})
    await this.#save(running)
  }

  async #save(running: Running): Promise<void> {
    const { task, state, layout, covered } = running
    assert(state !== null, 'the task has state')
    const { epoch } = task.committed
    const note = { epoch, changelogOffset: covered, layout, task: encodeWhole(task.committed) }
    this.#step('checkpoint')
    await state.store.checkpoint(note)
    this.#step('checkpointed')
    running.seen = await changelogEnd(task, this.#options)
  }

  /**
   * Records (and frames) that wait in this worker's partitions, plus one for each task with timers
   * due. 0 means that nothing moves any more until something is appended or time goes on.
   * @param topic only of the partitions of this one
   */
  async lag(topic?: string): Promise<number> {
    let sum = 0
    for (const lag of (await this.lags(topic)).values()) sum += lag
    return sum
  }

  /** The same by task. */
  async lags(topic?: string): Promise<ReadonlyMap<string, number>> {
    const all = [...this.#running.values()].filter((r) => topic === undefined || r.at.topic === topic)
    const bounds = await this.#options.log.bounds(all.map((r) => r.at))
    return new Map(
      all.map(({ position, task }, i) => [
        task.id,
        Math.max(0, (bounds[i]?.end ?? 0) - position) + (task.backlog ? 1 : 0),
      ]),
    )
  }

  /** Committed state of a key, from the task that owns it. @throws task_not_here */
  read(from: { readonly stage: string; readonly partition: number; readonly operator: string }, key: string): unknown {
    const running = [...this.#running.values()].find(
      ({ task }) => task.stage.id === from.stage && task.partition === from.partition,
    )
    if (running === undefined)
      throw new OpportuneError('task_not_here', `This process does not own ${from.stage}/${from.partition}.`)
    return running.task.store.committed(key, running.task.slotOf(from.operator))
  }
}
