/**
 * Savepoints of a running topology, and shadows: tasks that run again from one, beside the log.
 *
 * V1 A savepoint is of one moment between two epochs: state, clocks, chains, positions and the ends of
 *    all sink topics belong together.
 * V2 A shadow writes nowhere. Fed with the recorded inbox it gives, within one build, the bytes that
 *    the recorded run gave: every mark, broadcast and reply is in the inbox.
 */
import { OpportuneError } from '../errors.ts'
import type { EventLog, LogBatch } from '../log/port.ts'
import {
  KeyedState,
  type Layout,
  memoryBackend,
  openSavepoint,
  type SavepointSummary,
  type StoredEntry,
  writeSavepoint,
} from '../state/index.ts'
import type { Plan, Stage } from '../topology/plan.ts'
import type { OutgoingBatch } from './outputs.ts'
import { partitionOf } from './partition.ts'
import { upstreamTasks } from './running.ts'
import { Task } from './task.ts'
import { decodeWhole } from './task-state.ts'
import type { Worker } from './worker.ts'

export interface SavedTask {
  readonly stage: string
  readonly partition: number
  /** Offset in the stage's topic up to which the state goes. */
  readonly position: number
  readonly layout: Layout
  /** Clock, chains, broadcasts. */
  readonly state: string
}

export interface SavepointMeta {
  readonly build: string
  /** Wall time, ms since 1970. */
  readonly at: number
  readonly tasks: readonly SavedTask[]
  /** Ends of the sink topics, by topic and partition. */
  readonly sinks: Readonly<Record<string, readonly number[]>>
  /** Ends of the stages' topics, likewise; savepoints of earlier releases do not say. */
  readonly ends?: Readonly<Record<string, readonly number[]>>
}

/** Which topology a savepoint fits: its stages, partitions, operators and state versions. */
export const fingerprint = (plan: Plan): string =>
  JSON.stringify([
    plan.id,
    plan.stages.map((s) => [
      s.id,
      s.partitions,
      s.operators.map(({ operator }) => [operator.id, operator.state.version]),
    ]),
  ])

/** Writes a savepoint of everything the worker has committed. The stream waits until it is written. */
export function saveTo(
  path: string,
  of: {
    readonly worker: Worker
    readonly plan: Plan
    readonly log: EventLog
    readonly build: string
    readonly at: number
  },
): Promise<SavepointSummary> {
  const { worker, plan, log } = of
  return worker.between(async (running) => {
    const tasks = running.map(({ task, position, layout, whole }) => ({
      stage: task.stage.id,
      partition: task.partition,
      position,
      layout,
      state: whole,
    }))
    const meta: SavepointMeta = {
      build: of.build,
      at: of.at,
      tasks,
      sinks: await endsOf(sinkTopics(plan), plan, log),
      ends: await endsOf(
        plan.stages.map((stage) => stage.topic),
        plan,
        log,
      ),
    }
    const sources = running.filter(({ task }) => task.stage.operators.length > 0)
    return writeSavepoint(
      path,
      { topology: fingerprint(plan), meta: { ...meta } },
      sources.map(({ task }) => named(task.stage.id, task.store.stored())),
    )
  })
}

/** Topics that keyed stages write to and nobody in the topology reads. */
export function sinkTopics(plan: Plan): readonly string[] {
  const topics = plan.stages
    .filter((stage) => stage.operators.length > 0)
    .flatMap((stage) => stage.nodes.flatMap((n) => (n.kind === 'sink' ? [n.spec.topic] : [])))
  return [...new Set(topics)].filter((topic) => topic !== plan.deadLetters).sort()
}

async function endsOf(
  topics: readonly string[],
  plan: Plan,
  log: EventLog,
): Promise<Record<string, readonly number[]>> {
  const ends: Record<string, readonly number[]> = {}
  for (const topic of topics) {
    const partitions = plan.topics.find((t) => t.name === topic)?.partitions ?? 0
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    ends[topic] = (await log.bounds(all)).map(({ end }) => end)
  }
  return ends
}

/** A task brought back from a savepoint, on state of its own in memory. */
export class Shadow {
  readonly stage: Stage
  readonly partition: number
  readonly position: number
  readonly store: KeyedState
  readonly #task: Task

  constructor(plan: Plan, stage: Stage, saved: SavedTask) {
    this.stage = stage
    this.partition = saved.partition
    this.position = saved.position
    const slots = stage.operators.map(({ operator }) => ({
      id: operator.id,
      state: operator.state,
    }))
    this.store = new KeyedState({ slots, backend: memoryBackend() })
    this.#task = new Task({
      stage,
      partition: saved.partition,
      store: this.store,
      upstream: upstreamTasks(stage, plan),
      inboxPartitions: new Map(plan.stages.map((s) => [s.topic, s.partitions])),
      markEvery: Number.POSITIVE_INFINITY,
    })
  }

  /** Takes state in; to be called with all of it before `begin`. */
  load(entries: readonly StoredEntry[]): void {
    this.store.applyCommitted(
      entries.map(([slot, group, key, value]) => ({ slot, group, key, value })),
    )
  }

  begin(saved: SavedTask): void {
    this.#task.restore(decodeWhole(saved.state))
  }

  /** Runs a recorded slice. @returns what it sends */
  run(batch: LogBatch): readonly OutgoingBatch[] {
    this.#task.run(batch, Number.MAX_SAFE_INTEGER)
    const { outputs } = this.#task.seal()
    this.#task.takeDeadLetters()
    this.#task.promote()
    return outputs
  }

  /** Lets everything due by now fire. */
  finish(): readonly OutgoingBatch[] {
    this.#task.run(undefined, Number.MAX_SAFE_INTEGER)
    const { outputs } = this.#task.seal()
    this.#task.promote()
    return outputs
  }
}

/** @throws savepoint_mismatch (another topology), savepoint_corrupt */
export async function openShadows(
  path: string,
  plan: Plan,
): Promise<{ readonly meta: SavepointMeta; readonly shadows: readonly Shadow[] }> {
  const savepoint = await openSavepoint(path, fingerprint(plan))
  const meta = savepoint.header.meta as unknown as SavepointMeta
  const stages = plan.stages.filter((stage) => stage.operators.length > 0)
  const shadows = meta.tasks.flatMap((saved) => {
    const stage = stages.find((s) => s.id === saved.stage)
    return stage === undefined ? [] : [{ saved, shadow: new Shadow(plan, stage, saved) }]
  })
  const all = shadows.map(({ shadow }) => shadow)
  for await (const entry of savepoint.read()) loadInto(all, entry)
  for (const { saved, shadow } of shadows) shadow.begin(saved)
  return { meta, shadows: all }
}

/** Two stages may use one slot name (timers, links): in the file it carries the stage's. */
function* named(stage: string, entries: Iterable<StoredEntry>): Generator<StoredEntry, void> {
  for (const [slot, group, key, value] of entries) yield [`${stage}/${slot}`, group, key, value]
}

function loadInto(shadows: readonly Shadow[], [name, group, key, value]: StoredEntry): void {
  const at = name.indexOf('/')
  const shadow = shadows.find(
    ({ stage, partition }) =>
      stage.id === name.slice(0, at) && partitionOf(group, stage.partitions) === partition,
  )
  if (shadow === undefined)
    throw new OpportuneError('savepoint_mismatch', `No task takes the state '${name}'.`, {
      slot: name,
    })
  shadow.load([[name.slice(at + 1), group, key, value]])
}
