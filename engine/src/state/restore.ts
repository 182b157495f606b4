/**
 * Bringing a task's state up to date at its start: the checkpoint, then every later change of the
 * changelog, not decoded. Memory stays bounded: whenever a checkpoint is due, one is written, so that
 * a restore that is cut off goes on from there.
 */
import type { KeyedState } from './keyed-state.ts'
import type { Change, CheckpointBackend, CheckpointNote, Layout } from './port.ts'

/** Committed changes up to the end of an epoch. */
export interface ChangelogBatch {
  readonly epoch: number
  /** Where the changelog goes on after this batch. */
  readonly nextOffset: number
  readonly changes: readonly Change[]
}

export interface RestoreResult {
  /** The last epoch whose changes are in; undefined where there is neither checkpoint nor changelog. */
  readonly epoch: number | undefined
  readonly changes: number
  readonly checkpoints: number
}

/**
 * The checkpoint to start from, given the epoch the log has committed. One that holds anything newer
 * (the log was set back) is useless: it and one never finished are wiped, and the changelog is read
 * from its beginning.
 */
export async function usableCheckpoint(
  backend: CheckpointBackend,
  committedEpoch: number,
): Promise<CheckpointNote | undefined> {
  const note = backend.note()
  if (note !== undefined && note.epoch >= 0 && newestEpoch(note) <= committedEpoch) return note
  await backend.wipe()
  return undefined
}

/** A restore that goes over older epochs again may have begun a checkpoint below the finished one. */
const newestEpoch = (note: CheckpointNote): number =>
  Math.max(note.epoch, note.reached ?? note.epoch)

/** @param changelog from the note's `changelogOffset`, or from the earliest without a note, to its end */
export async function restoreState(options: {
  readonly store: KeyedState
  readonly note: CheckpointNote | undefined
  readonly changelog: AsyncIterable<ChangelogBatch>
  readonly layout: Layout
  /** The task's own state as of the last batch yielded, for the notes of checkpoints on the way. */
  readonly taskState?: () => string
}): Promise<RestoreResult> {
  const { store, layout } = options
  let epoch = options.note?.epoch
  let changes = 0
  let checkpoints = 0
  for await (const batch of options.changelog) {
    store.applyCommitted(batch.changes)
    epoch = batch.epoch
    changes += batch.changes.length
    if (!store.checkpointDue) continue
    const task = options.taskState?.()
    const note = { epoch, changelogOffset: batch.nextOffset, layout }
    await store.checkpoint(task === undefined ? note : { ...note, task })
    checkpoints++
  }
  return { epoch, changes, checkpoints }
}
