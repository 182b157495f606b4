/**
 * The committed values of one task, encoded: dirty layers over the checkpoint (K3). What the open
 * epochs do is not seen here.
 */
import { assert } from '../errors.ts'
import type { Millis } from '../time.ts'
import { ABSENT } from './cells.ts'
import { checkpointSlices, expiredSweep } from './checkpoint.ts'
import { type Chunk, DirtyLayers, FORGOTTEN, type Place as StoredPlace } from './dirty.ts'
import { storedEntries } from './merged-scan.ts'
import type { Change, CheckpointBackend, CheckpointNote, StoredEntry } from './port.ts'
import type { SlotTable } from './slot-table.ts'
import { storedEarliest } from './timer-list.ts'

interface Place {
  readonly group: number
  readonly key: string
}

export class CommittedValues {
  readonly #slots: SlotTable
  readonly #backend: CheckpointBackend
  readonly #sliceChanges: number
  readonly #dirty: DirtyLayers
  #checkpointing: Promise<void> | undefined
  /** How far the search for expired values has come in its present round. */
  #sweptTo: Pick<Change, 'slot' | 'group' | 'key'> | undefined
  openIterators = 0

  /** @param sliceChanges how many changes a checkpoint writes in one transaction */
  constructor(slots: SlotTable, backend: CheckpointBackend, sliceChanges: number) {
    this.#sliceChanges = sliceChanges
    this.#slots = slots
    this.#backend = backend
    this.#dirty = new DirtyLayers(slots.all.length)
  }

  get dirtyBytes(): number {
    return this.#dirty.bytes
  }

  read(group: number, key: string, slot: number): Uint8Array | undefined {
    const dirty = this.#dirty.read(group, key, slot)
    if (dirty !== undefined) return dirty ?? undefined
    return this.#backend.read(this.#slots.at(slot).id, group, key)
  }

  isDirty(group: number, key: string, slot: number): boolean {
    return this.#dirty.read(group, key, slot) !== undefined
  }

  promote(at: Place, slot: number, value: StoredPlace): void {
    this.#dirty.put(at, slot, value)
  }

  /** Promotes changes read from the changelog; tells the earliest timer of each key that has any. */
  apply(changes: readonly Change[], armed: (key: string, due: Millis) => void): void {
    let bytes = 0
    for (const change of changes) bytes += change.value?.length ?? 0
    // A copy of its own: the bytes given are views into whatever was read from the log.
    const copy = Buffer.allocUnsafeSlow(bytes)
    const chunk: Chunk = { memory: copy, live: 0 }
    let end = 0
    for (const change of changes) {
      const slot = this.#slots.indexOf(change.slot)
      // A slot that is gone was dropped on purpose: the layout was checked before.
      if (slot === undefined) continue
      const start = end
      if (change.value !== null) {
        copy.set(change.value, start)
        end += change.value.length
      }
      const { value } = change
      this.#dirty.put(change, slot, { chunk, start, end: value === null ? FORGOTTEN : end })
      if (slot === this.#slots.timers && value !== null) armed(change.key, storedEarliest(value))
    }
  }

  stored(): IterableIterator<StoredEntry> {
    this.openIterators++
    return storedEntries({
      layers: this.#dirty.snapshot(),
      below: this.#backend.scan(),
      slotIds: this.#slots.all.map((slot) => slot.id),
      closed: () => {
        this.openIterators--
      },
    })
  }

  *scan(slot: number, now: Millis): Generator<readonly [key: string, value: unknown], undefined> {
    const spec = this.#slots.at(slot)
    for (const [id, , key, bytes] of this.stored()) {
      if (id !== spec.id || spec.expiredBytes(bytes, now)) continue
      const { value } = spec.read(bytes)
      if (value !== ABSENT) yield [key, value]
    }
    return undefined
  }

  checkpoint(note: CheckpointNote, now: Millis): Promise<void> {
    assert(this.#checkpointing === undefined, 'one checkpoint at a time')
    this.#checkpointing = this.#write(note, now).finally(() => {
      this.#checkpointing = undefined
    })
    return this.#checkpointing
  }

  async close(): Promise<void> {
    // Its failure is told to who asked for the checkpoint.
    await this.#checkpointing?.catch(() => undefined)
    await this.#backend.close()
  }

  async #write(note: CheckpointNote, now: Millis): Promise<void> {
    const layers = this.#dirty.beginWrite()
    let written = false
    try {
      const parts = {
        slots: this.#slots.all,
        backend: this.#backend,
        now,
        sliceChanges: this.#sliceChanges,
      }
      const former = this.#backend.note() ?? { ...note, epoch: -1, changelogOffset: 0 }
      const begun = { ...former, reached: note.epoch }
      await this.#backend.write({ changes: [], timers: [], note: begun })
      for (const slice of checkpointSlices({ ...parts, layers })) await this.#backend.write(slice)
      await this.#backend.write({ changes: this.#sweep(now), timers: [], note })
      written = true
    } finally {
      this.#dirty.endWrite(written)
    }
  }

  #sweep(now: Millis): Change[] {
    const { removals, stoppedAt } = expiredSweep({
      backend: this.#backend,
      slots: this.#slots.all,
      now,
      after: this.#sweptTo,
      overwritten: (group, key, slot) => this.isDirty(group, key, slot),
    })
    this.#sweptTo = stoppedAt
    return removals
  }
}
