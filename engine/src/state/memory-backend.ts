/**
 * Checkpoints in memory: for tests, and for benchmarks without a disk. What it holds survives the
 * store that wrote it, as a disk would.
 *
 * Rows and groups are never changed in place: a scan keeps the groups it began with (B4).
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { assert, OpportuneError } from '../errors.ts'
import { KEY_GROUPS } from '../hash.ts'
import type { Millis } from '../time.ts'
import { compareDue, compareStored } from './key-bytes.ts'
import type {
  Change,
  CheckpointBackend,
  CheckpointNote,
  CheckpointSlice,
  DuePosition,
  StoredEntry,
} from './port.ts'

type Group = Map<string, Uint8Array>
type Place = Pick<Change, 'slot' | 'group' | 'key'>

export class MemoryBackend implements CheckpointBackend {
  /** By group, then by slot and key. */
  #groups: Group[] = emptyGroups()
  /** Groups that a scan holds: they are copied before the next write. */
  readonly #shared = new Set<Group>()
  /** The timer index in order, but for what moved since; merged when it is asked for. */
  #sorted: readonly DuePosition[] = []
  readonly #moved = new Map<string, Millis | undefined>()
  #note: CheckpointNote | undefined
  #openIterators = 0
  #writing = false
  #crashed = false

  /**
   * Kill -9 of the process that writes here. @returns what the next one opens: every finished slice.
   * The slice that was open is lost, and so is whatever the dead process still tries to write.
   */
  crash(): MemoryBackend {
    this.#crashed = true
    const left = new MemoryBackend()
    left.#groups = [...this.#groups]
    // The dead process may still read the rows: they are copied before they change.
    for (const group of this.#groups) left.#shared.add(group)
    left.#sorted = this.#index()
    left.#note = this.#note
    return left
  }

  read(slot: string, group: number, key: string): Uint8Array | undefined {
    const rows = this.#groups[group]
    return rows === undefined || rows.size === 0 ? undefined : rows.get(place(slot, key))
  }

  scan(after?: Place): IterableIterator<StoredEntry> {
    const held = this.#groups.map((group) => (group.size === 0 ? undefined : group))
    for (const group of held) if (group !== undefined) this.#shared.add(group)
    const rows = sortedRows(held, after)
    let open = true
    this.#openIterators++
    const close = (): void => {
      if (open) this.#openIterators--
      open = false
    }
    return {
      next: () => {
        if (!open) return { done: true, value: undefined }
        const step = rows.next()
        if (step.done === true) close()
        return step
      },
      return: () => {
        close()
        return { done: true, value: undefined }
      },
      [Symbol.iterator]() {
        return this
      },
    }
  }

  timersAfter(after: DuePosition | undefined, limit: number): readonly DuePosition[] {
    const sorted = this.#index()
    let low = 0
    let high = after === undefined ? 0 : sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareDue(sorted[middle] as DuePosition, after as DuePosition) <= 0) low = middle + 1
      else high = middle
    }
    return sorted.slice(low, low + limit)
  }

  async write(slice: CheckpointSlice): Promise<void> {
    assert(!this.#writing, 'one slice at a time')
    this.#writing = true
    // A turn of the event loop, as a disk would take: a checkpoint must not hold it up.
    await nextTurn()
    if (this.#crashed)
      throw new OpportuneError('state_unwritable', 'The process that wrote has ended.')
    for (const { slot, group, key, value } of slice.changes) {
      const rows = this.#writable(group)
      // A copy: the value is a view into a chunk that should not live as long as this.
      if (value === null) rows.delete(place(slot, key))
      else rows.set(place(slot, key), new Uint8Array(value))
    }
    for (const { key, to } of slice.timers) this.#moved.set(key, to)
    if (slice.note !== undefined) this.#note = slice.note
    this.#writing = false
  }

  note(): CheckpointNote | undefined {
    return this.#note
  }

  async wipe(): Promise<void> {
    if (this.#crashed)
      throw new OpportuneError('state_unwritable', 'The process that wrote has ended.')
    this.#groups = emptyGroups()
    this.#shared.clear()
    this.#moved.clear()
    this.#sorted = []
    this.#note = undefined
  }

  get openIterators(): number {
    return this.#openIterators
  }

  async close(): Promise<void> {}

  #index(): readonly DuePosition[] {
    const moved = this.#moved
    if (moved.size === 0) return this.#sorted
    const arrived: DuePosition[] = []
    for (const [key, due] of moved) if (due !== undefined) arrived.push({ due, key })
    const stayed = this.#sorted.filter(({ key }) => !moved.has(key))
    this.#sorted = mergeDue(stayed, arrived.sort(compareDue))
    moved.clear()
    return this.#sorted
  }

  #writable(group: number): Group {
    const rows = this.#groups[group] as Group
    if (!this.#shared.delete(rows)) return rows
    const copy = new Map(rows)
    this.#groups[group] = copy
    return copy
  }
}

export const memoryBackend = (): MemoryBackend => new MemoryBackend()

const emptyGroups = (): Group[] => Array.from({ length: KEY_GROUPS }, () => new Map())

/** Slot ids have no NUL, so the first one ends the slot. */
const place = (slot: string, key: string): string => `${slot}\0${key}`

function mergeDue(a: readonly DuePosition[], b: readonly DuePosition[]): DuePosition[] {
  const merged: DuePosition[] = []
  let i = 0
  for (const next of b) {
    for (; i < a.length && compareDue(a[i] as DuePosition, next) < 0; i++)
      merged.push(a[i] as DuePosition)
    merged.push(next)
  }
  for (; i < a.length; i++) merged.push(a[i] as DuePosition)
  return merged
}

function* sortedRows(
  groups: readonly (Group | undefined)[],
  after: Place | undefined,
): Generator<StoredEntry, undefined> {
  const from: StoredEntry | undefined = after && [after.slot, after.group, after.key, NO_BYTES]
  for (let group = from?.[1] ?? 0; group < KEY_GROUPS; group++) {
    const rows: StoredEntry[] = []
    for (const [at, value] of groups[group] ?? []) {
      const cut = at.indexOf('\0')
      rows.push([at.slice(0, cut), group, at.slice(cut + 1), value])
    }
    for (const row of rows.sort(compareStored))
      if (from === undefined || compareStored(row, from) > 0) yield row
  }
  return undefined
}

const NO_BYTES = new Uint8Array(0)
