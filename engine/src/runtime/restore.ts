/**
 * Brings a task back to its last commit: the checkpoint, then the changelog behind it.
 *
 * S1 A checkpoint later than the committed epoch, or one whose catch-up does not end at it, is
 *    discarded and the state rebuilt from the whole changelog.
 * S2 State that the topology no longer has, or has in another version without migration, is refused.
 */
import { OpportuneError } from '../errors.ts'
import type { EventLog, TopicPartition } from '../log/port.ts'
import { checkLayout } from '../state/layout.ts'
import type { Change } from '../state/port.ts'
import { broadcastOf, changeFromRecord, TASK_SLOT } from './changelog.ts'
import type { Task } from './task.ts'
import { decodeTaskState, decodeWhole, type TaskState } from './task-state.ts'
import type { OpenedState } from './worker.ts'

export interface CommittedMetadata {
  readonly epoch: number
  readonly build: string
  readonly format: number
}

export interface RestoreOptions {
  readonly task: Task
  readonly state: OpenedState | null
  readonly log: EventLog
  readonly changelog: TopicPartition
  readonly committed: CommittedMetadata | null
  readonly drops: readonly string[]
}

export async function restoreTask(options: RestoreOptions): Promise<void> {
  const { task, state, committed } = options
  const note = state?.backend.note()
  if (note !== undefined) checkLayout(note.layout, task.layout, options.drops)
  const usable =
    note?.task !== undefined && committed !== null && note.epoch <= committed.epoch
  if (note !== undefined && !usable) await state?.backend.wipe()
  const start = usable && note.task !== undefined ? decodeWhole(note.task) : null
  const from = usable ? note.changelogOffset : 0
  let restored = await catchUp(options, from, start)
  if (usable && restored?.epoch !== committed.epoch) {
    await state?.backend.wipe()
    restored = await catchUp(options, 0, null)
  }
  const epoch = restored?.epoch ?? 0
  if (epoch !== (committed?.epoch ?? 0))
    throw new OpportuneError(
      'state_mismatch',
      `The changelog of ${task.id} ends at epoch ${epoch}, its position at ${committed?.epoch ?? 0}.`,
      { task: task.id },
    )
  await state?.restored()
  if (restored !== null) task.restore(restored)
}

/** Reads the changelog from `from` on; null where the task never committed. */
async function catchUp(
  options: RestoreOptions,
  from: number,
  start: TaskState | null,
): Promise<TaskState | null> {
  const { task, state, log, changelog } = options
  const reader = log.reader()
  const shared = new Map(start?.shared)
  let last = start
  try {
    const [bounds] = await log.bounds([changelog])
    for (let offset = from; offset < (bounds?.end ?? 0); ) {
      const batch = await reader.read(changelog, offset, { maxRecords: 5_000, maxBytes: 4 << 20 })
      if (batch === undefined) break
      const changes: Change[] = []
      for (let i = 0; i < batch.length; i++) {
        const key = batch.key(i)
        if (key === null) continue
        const change = changeFromRecord(key, batch.value(i))
        const id = broadcastOf(change.slot)
        if (change.slot !== TASK_SLOT && id === undefined) changes.push(change)
        else if (change.key !== task.id || change.value === null) continue
        else if (id === undefined) last = decodeTaskState(change.value)
        else shared.set(id, JSON.parse(Buffer.from(change.value).toString('utf8')))
      }
      state?.restore(changes)
      offset = batch.nextOffset
    }
  } finally {
    await reader.close()
  }
  return last === null ? null : { ...last, shared }
}
