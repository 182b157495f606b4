/**
 * Brings a task back to its last commit: the checkpoint, then the changelog behind it.
 *
 * R2 A task starts only when its changelog ends with the epoch that its position was committed with.
 * R7 A checkpoint later than the committed epoch, or one that the changelog does not continue, is
 *    discarded and the state rebuilt.
 * R8 State that the topology no longer has, or has in a version without migration, is refused at
 *    start unless dropped on purpose.
 */
import { OpportuneError } from '../errors.ts'
import type { EventLog, LogBatch, TopicPartition } from '../log/port.ts'
import {
  type Change,
  type ChangelogBatch,
  checkLayout,
  type Layout,
  restoreState,
  type SlotSpec,
  storedVersion,
  usableCheckpoint,
} from '../state/index.ts'
import { broadcastOf, changeFromRecord, TASK_SLOT } from './changelog.ts'
import type { Task } from './task.ts'
import { decodeTaskState, decodeWhole, encodeWhole, type TaskState } from './task-state.ts'
import type { OpenedState } from './worker.ts'

export interface CommittedMetadata {
  readonly epoch: number
  readonly build: string
  readonly format: number
}

/** How far the restore of one task is. */
export interface RestoreProgress {
  readonly task: string
  /** Changelog records read so far. */
  readonly records: number
  /** Offsets: where reading began, where it is, where the changelog ended when it began. */
  readonly from: number
  readonly at: number
  readonly end: number
}

export interface RestoreOptions {
  readonly task: Task
  readonly slots: readonly SlotSpec[]
  readonly state: OpenedState | null
  readonly log: EventLog
  readonly changelog: TopicPartition
  readonly committed: CommittedMetadata | null
  readonly drops: readonly string[]
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined
}

/**
 * @returns the layout that this run's checkpoints note
 * @throws state_vanished, state_version, state_mismatch, log_retriable (again, with a new store)
 */
export async function restoreTask(options: RestoreOptions): Promise<Layout> {
  const { task, state, committed } = options
  const epoch = committed?.epoch ?? 0
  const stored = state?.backend.note()
  const layout = new StoredLayout(options, stored?.layout ?? [])
  const cleanedTo = await cleaned(options)
  // Deletions that the checkpoint has not seen may have been compacted away: it is of no use then.
  if (stored !== undefined && stored.changelogOffset < cleanedTo) await state?.backend.wipe()
  const note = state === null ? undefined : await usableCheckpoint(state.backend, epoch)
  const start = note?.task === undefined ? null : decodeWhole(note.task)
  const restored = await catchUp(options, layout, start, note?.changelogOffset)
  const complete = (restored?.epoch ?? 0) === epoch
  if ((!complete && start !== null) || (await cleaned(options)) !== cleanedTo) {
    // The store holds what was read so far: another one has to read all of it.
    await state?.backend.wipe()
    throw new OpportuneError('log_retriable', `${task.id} needs its whole changelog.`)
  }
  if (!complete)
    throw new OpportuneError(
      'state_mismatch',
      `The changelog of ${task.id} ends at epoch ${restored?.epoch ?? 0}, its position at ${epoch}.`,
      { task: task.id },
    )
  if (restored !== null) task.restore(restored)
  return layout.current
}

/**
 * The layout of all stored state: what the checkpoint notes, and what the changelog behind it holds.
 * Without a checkpoint (the process was killed before its first, or it was discarded) the changelog
 * alone tells which operators and versions wrote it.
 */
class StoredLayout {
  /** Grows while the changelog is read; a checkpoint on the way notes what was read up to it. */
  readonly current: { id: string; version: number }[]
  readonly #options: Pick<RestoreOptions, 'slots' | 'drops'>
  readonly #checked = new Map<string, number>()

  constructor(options: Pick<RestoreOptions, 'slots' | 'drops'>, noted: Layout) {
    this.#options = options
    this.current = [...checkLayout(noted, options.slots, options.drops).layout]
  }

  /** @throws state_vanished, state_version */
  take(change: Change): void {
    if (change.value === null || change.slot.startsWith('~')) return
    const version = storedVersion(change.value)
    if (this.#checked.get(change.slot) === version) return
    this.#checked.set(change.slot, version)
    const { layout } = checkLayout(
      [{ id: change.slot, version }],
      this.#options.slots,
      this.#options.drops,
    )
    for (const [i, { id, version: oldest }] of layout.entries()) {
      const known = this.current[i]
      if (known?.id === id && oldest < known.version) this.current[i] = { id, version: oldest }
    }
  }
}

async function cleaned({ log, changelog }: RestoreOptions): Promise<number> {
  const [bounds] = await log.bounds([changelog])
  return bounds?.cleanedTo ?? 0
}

/** Reads the changelog from `from` on; null where the task never committed. */
async function catchUp(
  options: RestoreOptions,
  layout: StoredLayout,
  start: TaskState | null,
  from: number | undefined,
): Promise<TaskState | null> {
  const { task, state } = options
  const found = new Found(task.id, start)
  const changelog = epochs(options, { found, layout }, start === null ? 0 : (from ?? 0))
  if (state === null) for await (const _ of changelog) continue
  else
    await restoreState({
      store: state.store,
      note: start === null ? undefined : state.backend.note(),
      changelog,
      layout: layout.current,
      taskState: () => encodeWhole(found.state ?? EMPTY),
    })
  return found.state
}

const EMPTY = { epoch: 0 } as TaskState

/** The newest task state and broadcast values on the way through a changelog. */
class Found {
  state: TaskState | null
  readonly #task: string
  readonly #shared: Map<string, unknown>

  constructor(task: string, start: TaskState | null) {
    this.#task = task
    this.state = start
    this.#shared = new Map(start?.shared)
  }

  /** @returns whether the change was the task's own, and if it ended an epoch */
  take(change: Change): 'state' | 'own' | 'epoch' {
    const broadcast = broadcastOf(change.slot)
    if (change.slot !== TASK_SLOT && broadcast === undefined) return 'state'
    if (change.key !== this.#task || change.value === null) return 'own'
    if (broadcast !== undefined) {
      this.#shared.set(broadcast, JSON.parse(Buffer.from(change.value).toString('utf8')))
      return 'own'
    }
    this.state = { ...decodeTaskState(change.value), shared: new Map(this.#shared) }
    return 'epoch'
  }
}

/** The changelog epoch by epoch, as `restoreState` wants it. */
async function* epochs(
  options: RestoreOptions,
  { found, layout }: { readonly found: Found; readonly layout: StoredLayout },
  from: number,
): AsyncGenerator<ChangelogBatch> {
  let changes: Change[] = []
  for await (const batch of read(options, from))
    for (let i = 0; i < batch.length; i++) {
      const key = batch.key(i)
      if (key === null) continue
      const change = changeFromRecord(key, batch.value(i))
      const kind = found.take(change)
      if (kind === 'state') {
        layout.take(change)
        changes.push(change)
      }
      if (kind !== 'epoch') continue
      yield { epoch: found.state?.epoch ?? 0, nextOffset: batch.offset(i) + 1, changes }
      changes = []
    }
}

async function* read(options: RestoreOptions, from: number): AsyncGenerator<LogBatch> {
  const { log, changelog, task, onProgress } = options
  const reader = log.reader()
  let records = 0
  try {
    const [bounds] = await log.bounds([changelog])
    const end = bounds?.end ?? 0
    for (let offset = from; offset < end; ) {
      const batch = await reader.read(changelog, offset, { maxRecords: 5_000, maxBytes: 4 << 20 })
      if (batch === undefined) break
      yield batch
      offset = batch.nextOffset
      records += batch.length
      onProgress?.({ task: task.id, records, from, at: offset, end })
    }
    // What is left of the offsets holds no records.
    if (from < end) onProgress?.({ task: task.id, records, from, at: end, end })
  } finally {
    await reader.close()
  }
}
