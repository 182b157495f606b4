/** A task that a worker runs, with what the worker must know of it: made and restored here. */
import type { CommittedPosition, EventLog, TopicPartition } from '../log/port.ts'
import type { Layout, SlotSpec } from '../state/index.ts'
import type { Millis } from '../time.ts'
import type { Plan, Stage } from '../topology/plan.ts'
import { restoreTask } from './restore.ts'
import { statelessStore } from './stateless.ts'
import { Task } from './task.ts'
import type { OpenedState, WorkerOptions } from './worker.ts'

export interface Running {
  readonly task: Task
  readonly at: TopicPartition
  readonly state: OpenedState | null
  readonly slots: readonly SlotSpec[]
  layout: Layout
  /** The committed one. */
  position: number
  /** Behind what was processed, committed or not. */
  reached: number
  /** Up to here the changelog is this task's or a former owner's: the next checkpoint's offset. */
  covered: number
  /** Where the changelog ended when it was last looked at; proven by the next commit. */
  seen: number
  checkpointing: Promise<void> | null
  checkpointedAt: Millis
}

type Options = Pick<
  WorkerOptions,
  'plan' | 'openState' | 'tickMs' | 'now' | 'log' | 'dropState' | 'onRestore' | 'maxOutputBytes'
>

export function openRunning(stage: Stage, at: TopicPartition, options: Options): Running {
  const slots = stage.operators.map(({ operator }) => ({ id: operator.id, state: operator.state }))
  const id = `${stage.id}/${at.partition}`
  const state = slots.length === 0 ? null : options.openState(id, slots)
  const task = new Task({
    stage,
    partition: at.partition,
    store: state?.store ?? statelessStore(),
    upstream: upstreamTasks(stage, options.plan),
    inboxPartitions: new Map(options.plan.stages.map((s) => [s.topic, s.partitions])),
    markEvery: options.tickMs ?? 1_000,
    maxOutputBytes: options.maxOutputBytes,
  })
  const checkpointedAt = options.now()
  return {
    task,
    at,
    state,
    slots,
    layout: [],
    position: 0,
    reached: 0,
    covered: 0,
    seen: 0,
    checkpointing: null,
    checkpointedAt,
  }
}

/** @throws state_vanished, state_version, state_mismatch */
export async function restoreRunning(
  running: Running,
  committed: CommittedPosition | undefined,
  options: Options,
): Promise<void> {
  const { task, slots, state } = running
  running.position = running.reached = committed?.offset ?? 0
  running.covered = running.seen = await changelogEnd(task, options)
  running.layout = await restoreTask({
    task,
    slots,
    state,
    log: options.log,
    changelog: changelogOf(task, options.plan),
    committed: committed === undefined ? null : JSON.parse(committed.metadata),
    drops: options.dropState ?? [],
    onProgress: options.onRestore,
  })
}

/** Where a task's changes go; source tasks, which have nothing but their time, share one topic. */
export function changelogOf({ stage, partition }: Task, plan: Plan): TopicPartition {
  return stage.changelog === null
    ? { topic: plan.sourceStates, partition: 0 }
    : { topic: stage.changelog, partition }
}

/** Behind everything promoted; and behind what a new owner wrote, if there should be one. */
export async function changelogEnd(
  task: Task,
  at: { readonly plan: Plan; readonly log: EventLog },
): Promise<number> {
  const [bounds] = await at.log.bounds([changelogOf(task, at.plan)])
  return bounds?.end ?? 0
}

/** Names of the tasks whose marks count for a stage. */
export function upstreamTasks(stage: Stage, plan: Plan): readonly string[] {
  return stage.upstream.flatMap((id) => {
    const from = plan.stages.find((s) => s.id === id)
    return Array.from({ length: from?.partitions ?? 0 }, (_, p) => `${id}/${p}`)
  })
}
