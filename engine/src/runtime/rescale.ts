/**
 * Restores a savepoint into an empty log, on any number of partitions.
 *
 * What a savepoint says of a key (state, timers, links) carries the key's group, so that it goes to whatever
 * partition has the group now. What it says of a task is put together from all tasks of the stage: time is the latest of
 * theirs, so that no key sees it go back; the marks of upstream tasks, and what was told downstream, the
 * earliest, so that nothing counts as late which was not. What sources had not been read is copied.
 * Chains of sinks begin anew: their topics are new. Everything before stays in the log it was written to.
 *
 * V3 Restored on any number of partitions, every key has its state and timers, every task the broadcasts,
 *    and every record that its source had not been read.
 * V4 A savepoint with records under way between stages is refused: on other partitions they would meet
 *    later ones in another order.
 *
 * Failure: what is half written has no positions. The caller makes the log under a name of its own and
 * renames it when this returns.
 */
import { ByteWriter } from '../codec/bytes.ts'
import { OpportuneError } from '../errors.ts'
import type { EpochPosition, EventLog, LogAppender, OutgoingRecord } from '../log/port.ts'
import { openSavepoint, type Savepoint } from '../state/index.ts'
import { BEGINNING, type Millis } from '../time.ts'
import type { Plan, Stage } from '../topology/plan.ts'
import { broadcastSlot, type Change, changesToRecords, TASK_SLOT } from './changelog.ts'
import type { ClockSnapshot } from './clock.ts'
import { partitionOf } from './partition.ts'
import { upstreamTasks } from './running.ts'
import { fingerprint, type SavedTask, type SavepointMeta } from './savepoint.ts'
import { decodeWhole, encodeTaskState, type TaskState } from './task-state.ts'

export interface RescaleOptions {
  readonly path: string
  /** What is to run from now on: the savepoint's topology, on any number of partitions. */
  readonly plan: Plan
  /** The log that the savepoint was taken on. */
  readonly from: Pick<EventLog, 'bounds' | 'reader'>
  /** An empty one. */
  readonly into: EventLog
  /** Noted in the positions. */
  readonly build: string
}

export interface Rescaled {
  /** State values restored. */
  readonly entries: number
  /** Source records that were not read yet, copied. */
  readonly carried: number
  readonly stages: readonly {
    readonly stage: string
    readonly partitions_before: number
    readonly partitions: number
  }[]
}

/** Entries of one epoch of the changelog: what a start holds in memory at once. */
const ENTRIES = 2_000
const LIMITS = { maxRecords: 1_000, maxBytes: 4 << 20 }

/** @throws savepoint_mismatch, savepoint_corrupt, savepoint_unsettled, savepoint_target_used */
export async function rescale(options: RescaleOptions): Promise<Rescaled> {
  const { plan, into } = options
  const savepoint = await openSavepoint(options.path)
  if (shapeOf(savepoint.header.topology) !== shapeOf(fingerprint(plan)))
    throw mismatch('The savepoint was written by another topology.')
  const meta = savepoint.header.meta as unknown as SavepointMeta
  requireSettled(plan, meta)
  await into.ensureTopics(plan.topics)
  await requireEmpty(plan, into)
  const tasks = plan.stages.flatMap((stage) =>
    Array.from({ length: stage.partitions }, (_, partition) => new RestoredTask(stage, partition)),
  )
  const appender = into.appender()
  let carried = 0
  try {
    for (const task of tasks) task.state = taskState(task, plan, meta)
    await writeStates(tasks, savepoint, appender)
    for (const task of tasks)
      if (task.stage.entry.kind === 'source')
        carried += await carry(options, savedAt(meta, task), appender)
  } finally {
    await appender.close()
  }
  await commit(options, tasks)
  const stages = plan.stages
    .filter((stage) => stage.entry.kind === 'inbox')
    .map((stage) => ({
      stage: stage.id,
      partitions_before: savedOf(meta, stage).length,
      partitions: stage.partitions,
    }))
  return { entries: savepoint.entries, carried, stages }
}

/** A task of the plan on its way into its changelog. */
class RestoredTask {
  readonly stage: Stage
  readonly partition: number
  readonly id: string
  state: Omit<TaskState, 'epoch'> | null = null
  epoch = 0
  changes: Change[] = []

  constructor(stage: Stage, partition: number) {
    this.stage = stage
    this.partition = partition
    this.id = `${stage.id}/${partition}`
  }

  /** Ends an epoch. @returns its records, its end last; valid until `scratch` is written to again */
  seal(scratch: ByteWriter): OutgoingRecord[] {
    this.epoch++
    const state = { ...(this.state as Omit<TaskState, 'epoch'>), epoch: this.epoch }
    const value = encodeTaskState(state)
    const end: Change = { slot: TASK_SLOT, group: 0, key: this.id, value }
    const records = changesToRecords([...this.changes, end], scratch)
    this.changes = []
    return records
  }
}

/** A fingerprint without the numbers of partitions. */
function shapeOf(topology: string): string {
  const [id, stages] = JSON.parse(topology) as [string, [string, number, unknown][]]
  return JSON.stringify([id, stages.map(([stage, , operators]) => [stage, operators])])
}

const savedOf = (meta: SavepointMeta, stage: Stage): readonly SavedTask[] =>
  meta.tasks.filter((saved) => saved.stage === stage.id).sort((a, b) => a.partition - b.partition)

function savedAt(meta: SavepointMeta, { stage, partition }: RestoredTask): SavedTask {
  const saved = savedOf(meta, stage)
  const found = saved[partition]
  if (found === undefined || saved.length !== stage.partitions)
    throw mismatch(`Source '${stage.id}' had ${saved.length} partitions and keeps them.`)
  return found
}

/** V4 */
function requireSettled(plan: Plan, meta: SavepointMeta): void {
  for (const stage of plan.stages) {
    if (stage.entry.kind !== 'inbox') continue
    const ends = meta.ends?.[stage.topic]
    if (ends === undefined)
      throw mismatch('The savepoint does not say what was under way: an earlier release wrote it.')
    for (const { partition, position } of savedOf(meta, stage))
      if (position < (ends[partition] ?? 0))
        throw new OpportuneError(
          'savepoint_unsettled',
          `Records were under way in '${stage.topic}/${partition}' when the savepoint was taken.`,
          { topic: stage.topic, partition },
        )
  }
}

async function requireEmpty(plan: Plan, into: EventLog): Promise<void> {
  const all = plan.topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
  )
  for (const [i, { end }] of (await into.bounds(all)).entries())
    if (end > 0)
      throw new OpportuneError(
        'savepoint_target_used',
        `'${all[i]?.topic}' of the log to restore into has records already.`,
      )
}

/** A task's own state, from those of all tasks of its stage, or of its own where their number stays. */
function taskState(task: RestoredTask, plan: Plan, meta: SavepointMeta): Omit<TaskState, 'epoch'> {
  const { stage, partition } = task
  const isSource = stage.entry.kind === 'source'
  const saved = isSource ? [savedAt(meta, task)] : savedOf(meta, stage)
  const same = saved.length === stage.partitions && !isSource
  const states = (same ? saved.slice(partition, partition + 1) : saved).map((s) =>
    decodeWhole(s.state),
  )
  const [first] = states
  if (first === undefined) throw mismatch(`The savepoint knows no stage '${stage.id}'.`)
  const shared = JSON.stringify([...first.shared])
  if (saved.some((s) => JSON.stringify([...decodeWhole(s.state).shared]) !== shared))
    throw new OpportuneError('savepoint_unsettled', `Tasks of '${stage.id}' hold other broadcasts.`)
  return {
    clock: clockOf(
      stage,
      plan,
      states.map((state) => state.clock),
    ),
    source: first.source,
    mark: Math.min(...states.map((state) => state.mark)),
    // Marks are told again: no partition knows of them yet.
    sent: {},
    chains: {},
    shared: first.shared,
  }
}

function clockOf(stage: Stage, plan: Plan, clocks: readonly ClockSnapshot[]): ClockSnapshot {
  const marks: Record<string, Millis> = {}
  const liveFrom: Record<string, Millis> = {}
  const before = new Set(clocks.flatMap((clock) => Object.keys(clock.marks)))
  for (const name of upstreamTasks(stage, plan)) {
    const from = name.slice(0, name.lastIndexOf('/') + 1)
    const olds = [...before].filter(
      (old) => old.startsWith(from) && !old.slice(from.length).includes('/'),
    )
    const sameTasks = olds.length === plan.stages.find((s) => `${s.id}/` === from)?.partitions
    const names = sameTasks ? [name] : olds
    marks[name] = Math.min(
      ...clocks.flatMap((clock) => names.map((old) => clock.marks[old] ?? BEGINNING)),
    )
    liveFrom[name] = Math.max(
      ...clocks.flatMap((clock) => names.map((old) => clock.liveFrom[old] ?? BEGINNING)),
    )
  }
  return { now: Math.max(...clocks.map((clock) => clock.now)), marks, liveFrom }
}

async function writeStates(
  tasks: readonly RestoredTask[],
  savepoint: Savepoint,
  appender: LogAppender,
): Promise<void> {
  const scratch = new ByteWriter(64 * 1024)
  const byStage = new Map<string, RestoredTask[]>()
  for (const task of tasks) {
    const own = byStage.get(task.stage.id) ?? []
    byStage.set(task.stage.id, [...own, task])
    for (const [id, value] of task.state?.shared ?? []) {
      const bytes = Buffer.from(JSON.stringify(value ?? null))
      task.changes.push({ slot: broadcastSlot(id), group: 0, key: task.id, value: bytes })
    }
  }
  for await (const [name, group, key, value] of savepoint.read()) {
    const at = name.indexOf('/')
    const own = byStage.get(name.slice(0, at)) ?? []
    const task = own[partitionOf(group, own.length)]
    const changelog = task?.stage.changelog ?? null
    if (task === undefined || changelog === null)
      throw mismatch(`No task takes the state '${name}'.`)
    // The view lies in a block that the next one does not overwrite; a batch of them is held.
    task.changes.push({ slot: name.slice(at + 1), group, key, value })
    if (task.changes.length < ENTRIES) continue
    await appender.append(changelog, task.partition, task.seal(scratch))
  }
}

/** Copies what the source had not been read of. @returns how many records */
async function carry(
  { from, plan }: RescaleOptions,
  saved: SavedTask,
  appender: LogAppender,
): Promise<number> {
  const stage = plan.stages.find((s) => s.id === saved.stage)
  const at = { topic: stage?.topic ?? '', partition: saved.partition }
  const [bounds] = await from.bounds([at])
  if ((bounds?.start ?? 0) > saved.position)
    throw mismatch(`Retention has removed what '${at.topic}' held at the savepoint.`)
  const reader = from.reader()
  let count = 0
  try {
    for (let offset = saved.position; ; ) {
      const batch = await reader.read(at, offset, LIMITS)
      if (batch === undefined) break
      const records = Array.from({ length: batch.length }, (_, i) => ({
        key: batch.key(i),
        value: batch.value(i),
        timestamp: batch.timestamp(i),
        headers: batch.headers(i),
      }))
      if (records.length > 0) await appender.append(at.topic, at.partition, records)
      count += records.length
      offset = batch.nextOffset
    }
  } finally {
    await reader.close()
  }
  return count
}

/** The last epoch of every task and all positions, in one step. */
async function commit(options: RescaleOptions, tasks: readonly RestoredTask[]): Promise<void> {
  const { plan, into, build } = options
  const scratch = new ByteWriter(64 * 1024)
  const member = await into.member({ group: plan.id, id: 'restore' })
  try {
    const topics = [...new Set(plan.stages.map((stage) => stage.topic))]
    await member.subscribe(topics, { claimed() {}, revoked() {}, lost() {} })
    const positions = tasks.map(
      (task): EpochPosition => ({
        topic: task.stage.topic,
        partition: task.partition,
        offset: 0,
        metadata: JSON.stringify({ epoch: task.epoch + 1, build, format: 1 }),
      }),
    )
    const tx = member.begin(positions)
    for (const task of tasks) {
      const { changelog } = task.stage
      const records = task.seal(scratch)
      if (changelog === null) tx.write(plan.sourceStates, 0, records)
      else tx.write(changelog, task.partition, records)
    }
    await tx.commit()
  } finally {
    await member.close({ leave: true })
  }
}

const mismatch = (what: string): OpportuneError => new OpportuneError('savepoint_mismatch', what)
