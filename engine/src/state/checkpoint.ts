/**
 * What a checkpoint writes: the dirty rows in key order, cut into bounded slices so that neither the
 * event loop nor memory feels it, and the removal of what has expired.
 */
import type { Millis } from '../time.ts'
import { type DirtyLayer, type DirtyRow, dirtyRows } from './dirty.ts'
import {
  type Change,
  type CheckpointBackend,
  type CheckpointSlice,
  type StoredEntry,
  TIMERS_SLOT,
  type TimerMove,
} from './port.ts'
import type { Slot } from './stored-value.ts'
import { storedEarliest } from './timer-list.ts'

/** A slice's limits: some 2 ms of preparing, 4 MB of pages if every key lies on its own. */
export const SLICE_CHANGES = 1_000
const SLICE_BYTES = 1024 * 1024
/** Entries looked at for expiry per checkpoint. */
const SWEEP_ENTRIES = 2_048

export function* checkpointSlices(options: {
  readonly layers: readonly DirtyLayer[]
  readonly slots: readonly Slot[]
  readonly backend: CheckpointBackend
  readonly now: Millis
  readonly sliceChanges: number
}): Generator<CheckpointSlice> {
  const { layers, slots, backend, now } = options
  let changes: Change[] = []
  let timers: TimerMove[] = []
  let bytes = 0
  for (const row of dirtyRows(layers)) {
    for (const change of rowChanges(row, slots, now)) {
      changes.push(change)
      bytes += change.value?.length ?? 0
      if (change.slot === TIMERS_SLOT) timers.push(timerMove(change, backend))
    }
    // A row is never divided: a key's timers and their index entry change together.
    if (changes.length < options.sliceChanges && bytes < SLICE_BYTES) continue
    yield { changes, timers }
    changes = []
    timers = []
    bytes = 0
  }
  if (changes.length > 0) yield { changes, timers }
}

function* rowChanges(row: DirtyRow, slots: readonly Slot[], now: Millis): Generator<Change> {
  for (let index = 0; index < slots.length; index++) {
    const value = row.values[index]
    const slot = slots[index]
    if (value === undefined || slot === undefined) continue
    const { group, key } = row
    const gone = value === null || slot.expiredBytes(value, now)
    yield { slot: slot.id, group, key, value: gone ? null : value }
  }
}

/** The index holds what the stored value says; asking it costs less than remembering it. */
function timerMove(change: Change, backend: CheckpointBackend): TimerMove {
  const stored = backend.read(TIMERS_SLOT, change.group, change.key)
  return {
    key: change.key,
    from: stored === undefined ? undefined : storedEarliest(stored),
    to: change.value === null ? undefined : storedEarliest(change.value),
  }
}

type Place = Pick<Change, 'slot' | 'group' | 'key'>

/** Looks at the next stretch of the checkpoint, from `after` on, for values that have expired. */
export function expiredSweep(options: {
  readonly backend: CheckpointBackend
  readonly slots: readonly Slot[]
  readonly now: Millis
  readonly after: Place | undefined
  /** Whether a newer value waits to be written. */
  overwritten(group: number, key: string, slot: number): boolean
}): { readonly removals: Change[]; readonly stoppedAt: Place | undefined } {
  const { backend, slots, now } = options
  const removals: Change[] = []
  const mortal = new Map(slots.map((slot, index) => [slot.id, index]))
  for (const slot of slots) if (!Number.isFinite(slot.ttl)) mortal.delete(slot.id)
  if (mortal.size === 0) return { removals, stoppedAt: undefined }
  let seen = 0
  const rows: IterableIterator<StoredEntry> = backend.scan(options.after)
  for (const [slot, group, key, value] of rows) {
    const index = mortal.get(slot)
    const expired = index !== undefined && (slots[index] as Slot).expiredBytes(value, now)
    if (expired && !options.overwritten(group, key, index))
      removals.push({ slot, group, key, value: null })
    // Leaving the loop closes the iterator.
    if (++seen === SWEEP_ENTRIES) return { removals, stoppedAt: { slot, group, key } }
  }
  return { removals, stoppedAt: undefined }
}
