/**
 * The epochs of a worker: from the slices of its tasks to a commit, at most one being processed while
 * the one before it is being committed.
 *
 * Owns the epochs that are not settled yet (none, one or two, oldest first) and moves the tasks' positions
 * and states when they settle. Slices are processed within one turn of the event loop; everything that
 * takes a while happens before or after.
 *
 * R1 One epoch covers the slices of all its tasks: outputs, changelogs, dead letters and positions
 *    become visible in one step or not at all.
 * R3 After a commit whose outcome is unknown nothing more is written: the worker stops, and the next
 *    start learns the truth from the committed position.
 * R4 An abort takes every task of the epoch back to its last commit and runs the slices again.
 * R9 One epoch is processed while the one before it is being committed, never more. It is committed
 *    only after that one; where that one fails, both are taken back. What was polled before an abort
 *    is polled again.
 * R10 Where the log can tell the offsets, what a task writes to a partition of its own worker is read in
 *    the same epoch, sources first, and the partition's position covers it. It is in the inbox all the
 *    same. Results are the same where the log cannot tell.
 */
import { ByteWriter } from '../codec/bytes.ts'
import { findError } from '../errors.ts'
import type { EpochPosition, EpochTransaction, LogBatch, LogMember } from '../log/port.ts'
import type { Millis } from '../time.ts'
import { changesToRecords } from './changelog.ts'
import { changelogOf, type Running } from './running.ts'
import type { Task } from './task.ts'
import type { WorkerOptions } from './worker.ts'

/** What is to be processed, by task; undefined: timers and marks only. */
export type Slices = ReadonlyMap<Running, LogBatch | undefined>

export interface EpochsHost {
  readonly options: Pick<
    WorkerOptions,
    'plan' | 'build' | 'now' | 'onStep' | 'onCommit' | 'timersPerSlice' | 'readAhead'
  >
  readonly running: () => Iterable<Running>
  readonly owns: (running: Running) => boolean
  /** How many timers may fire in a slice where the options do not say. */
  readonly timers: () => number
}

/** How a task's position moves by an epoch. */
interface Move {
  to: number
  records: number
  /** `Running.seen` when the epoch began. */
  readonly seen: number
}

class Epoch {
  readonly tx: EpochTransaction
  readonly member: LogMember
  readonly moves = new Map<Running, Move>()
  /** Taken back, by a failure of its own or of the one before it. */
  dropped = false
  settle = (): void => {}
  /** Resolves when the epoch is committed or taken back; never rejects. */
  readonly over = new Promise<void>((resolve) => {
    this.settle = resolve
  })

  constructor(tx: EpochTransaction, member: LogMember) {
    this.tx = tx
    this.member = member
  }
}

const RETRIES = 5
const NOTHING: Slices = new Map()

export class Epochs {
  /** Epochs committed, records in, commits aborted: for metrics. */
  readonly stats = { epochs: 0, records: 0, aborts: 0 }
  readonly #host: EpochsHost
  readonly #order: ReadonlyMap<string, number>
  readonly #scratch = new ByteWriter(64 * 1024)
  #unsettled: readonly Epoch[] = []
  #slices: Slices = NOTHING
  /** Aborts since the last commit. */
  #aborts = 0
  /** What no further epoch can follow. */
  #failure: { readonly error: unknown } | undefined
  /** How long the last epoch was processed, ms: without waiting for the log. */
  processedIn: Millis = 0
  /** Whoever asked for the time between two epochs, one after the other. */
  #turn: Promise<void> = Promise.resolve()

  constructor(host: EpochsHost) {
    this.#host = host
    const { stages } = host.options.plan
    const sources = stages.filter((stage) => stage.entry.kind === 'source')
    const inboxes = stages.filter((stage) => stage.entry.kind !== 'source')
    this.#order = new Map([...sources, ...inboxes].map((stage, i) => [stage.id, i]))
  }

  get aborts(): number {
    return this.#aborts
  }

  /** @throws what no further epoch can follow */
  raiseFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Whether a slice of the task waits for its turn or for its commit. */
  has(running: Running): boolean {
    return this.#slices.has(running) || this.#unsettled.some((epoch) => epoch.moves.has(running))
  }

  /**
   * Processes an epoch and gives it to the log. Resolves when the next one may be processed, which may
   * be before this one is committed.
   * @param aborts `stats.aborts` before the slices were read: what was read before an abort is not what
   *   comes next after it, and is read again
   * @throws what ended this epoch, or the one before, unless it can be tried again
   */
  async run(member: LogMember, slices: Slices, aborts: number): Promise<void> {
    if (slices.size === 0) return
    this.#slices = slices
    try {
      await this.#turn
      if (member.overlaps !== true) await this.settled()
      this.raiseFailure()
      const ours = new Map([...slices].filter(([running]) => this.#host.owns(running)))
      if (aborts === this.stats.aborts) await this.#epoch(member, ours)
      else for (const running of ours.keys()) member.seek(running.at, running.reached)
    } finally {
      this.#slices = NOTHING
    }
    this.raiseFailure()
  }

  /** Resolves when no epoch of now is open or being committed any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#unsettled.map((epoch) => epoch.over))
  }

  /** Does something while no epoch is open or being committed; those that come wait. */
  async between<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn
    let done = (): void => {}
    this.#turn = new Promise((resolve) => {
      done = resolve
    })
    try {
      await turn
      await this.settled()
      return await work()
    } finally {
      done()
    }
  }

  async #epoch(member: LogMember, slices: Slices): Promise<void> {
    if (slices.size === 0) return
    const before = this.#unsettled[0]
    this.#step('begin')
    const tx = member.begin(
      [...slices].map(([running, batch]) =>
        this.#position(running, batch?.nextOffset ?? running.reached),
      ),
    )
    const epoch = new Epoch(tx, member)
    for (const running of slices.keys()) epoch.moves.set(running, moveOf(running))
    this.#unsettled = [...this.#unsettled, epoch]
    try {
      const began = this.#host.options.now()
      this.#process(epoch, slices)
      this.processedIn = this.#host.options.now() - began
      await before?.over
      if (epoch.dropped) return
      this.#step('commit')
    } catch (error) {
      await before?.over
      if (!epoch.dropped) await this.#failed(epoch, error)
      return
    }
    this.#commit(epoch).catch((error: unknown) => {
      this.#failure ??= { error }
      epoch.settle()
    })
    await (member.overlaps === true ? tx.aside?.() : epoch.over)
  }

  /** Everything of an epoch that happens within one turn. */
  #process(epoch: Epoch, slices: Slices): void {
    const { options } = this.#host
    const ahead = options.readAhead !== false && this.#aborts === 0
    const all = [...this.#host.running()].sort((a, b) => this.#place(a) - this.#place(b))
    for (const running of all) {
      if (slices.has(running)) this.#take(epoch, running, slices.get(running))
      const written = ahead ? epoch.tx.readAhead?.(running.at) : undefined
      if (written !== undefined) {
        this.#take(epoch, running, written)
        epoch.tx.moveTo?.(this.#position(running, running.reached))
      }
      if (!epoch.moves.has(running)) continue
      this.#write(epoch.tx, running.task)
      this.#step('processed')
    }
  }

  #take(epoch: Epoch, running: Running, batch: LogBatch | undefined): void {
    const { timersPerSlice = this.#host.timers() } = this.#host.options
    const move = epoch.moves.get(running) ?? moveOf(running)
    epoch.moves.set(running, move)
    running.task.run(batch, timersPerSlice)
    move.to = running.reached = batch?.nextOffset ?? running.reached
    move.records += batch?.length ?? 0
  }

  #place({ task }: Running): number {
    return this.#order.get(task.stage.id) ?? 0
  }

  /** Where an epoch moves a task, and what R2 compares with the changelog. */
  #position({ at, task }: Running, offset: number): EpochPosition {
    const { build } = this.#host.options
    return { ...at, offset, metadata: JSON.stringify({ epoch: task.epoch + 1, build, format: 1 }) }
  }

  #write(tx: EpochTransaction, task: Task): void {
    const { plan } = this.#host.options
    const { outputs, changes } = task.seal()
    for (const { topic, partition, records } of outputs) tx.write(topic, partition, records)
    const letters = task.takeDeadLetters()
    if (letters.length > 0)
      tx.write(
        plan.deadLetters,
        0,
        letters.map((value) => ({ key: null, value })),
      )
    const changelog = changelogOf(task, plan)
    tx.write(changelog.topic, changelog.partition, changesToRecords(changes, this.#scratch))
  }

  async #commit(epoch: Epoch): Promise<void> {
    try {
      await commitPatiently(epoch.tx)
      this.#step('committed')
    } catch (error) {
      await this.#failed(epoch, error)
      return
    }
    this.#aborts = 0
    this.#unsettled = this.#unsettled.filter((other) => other !== epoch)
    let records = 0
    for (const [running, move] of epoch.moves) {
      running.task.promote()
      // Ours from before it was looked at until now: nobody else can have written in between.
      running.covered = move.seen
      running.position = move.to
      records += move.records
    }
    this.stats.epochs++
    this.stats.records += records
    epoch.settle()
    const tasks = [...epoch.moves.keys()].map(({ task }) => task)
    this.#host.options.onCommit?.({ records, tasks })
  }

  /** Takes everything back that is not committed. Only an abortable error may be tried again. */
  async #failed(epoch: Epoch, error: unknown): Promise<void> {
    const known = findError(error)
    const unknown = known?.code === 'log_commit_unknown'
    const dropped = this.#unsettled
    this.stats.aborts++
    this.#aborts++
    for (const { moves } of dropped)
      for (const running of moves.keys()) {
        running.task.abort()
        running.reached = running.position
        if (!unknown && this.#host.owns(running)) epoch.member.seek(running.at, running.position)
      }
    if (known?.class !== 'abortable' && known?.class !== 'retriable') this.#failure ??= { error }
    for (const each of dropped) each.dropped = true
    if (!unknown) for (const { tx } of dropped) await tx.abort().catch(() => {})
    this.#unsettled = this.#unsettled.filter((each) => !each.dropped)
    for (const each of dropped) each.settle()
  }

  #step(step: 'begin' | 'processed' | 'commit' | 'committed'): void {
    this.#host.options.onStep?.(step)
  }
}

const moveOf = ({ reached, seen }: Running): Move => ({ to: reached, records: 0, seen })

async function commitPatiently(tx: EpochTransaction): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      await tx.commit()
      return
    } catch (error) {
      if (findError(error)?.class !== 'retriable' || attempt >= RETRIES) throw error
    }
}
