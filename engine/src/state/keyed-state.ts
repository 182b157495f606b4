/**
 * The keyed store of one task (rules K1-K6 in `port.ts`).
 *
 * The newest value of everything in memory stands in its cell; old values stand in undo logs: one for
 * the open record, one for the running epoch, one for each sealed epoch (at most two). Keeping a
 * record merges its log into the epoch's, dropping a record or aborting an epoch plays a log back.
 * Sealing encodes the last value of each changed cell once; promoting hands those bytes to the dirty
 * layers, from where a checkpoint takes them to the backend. So a value below the cells is always a
 * committed one: `committed`, `stored` and `scan` read dirty layers and backend only.
 *
 * The key's timers and links are cells like any other, in two slots after the operators'.
 *
 * Failure: an error of codec or migration leaves the store as it was. An error of the backend leaves
 * memory as it was; reads that need the backend throw until it works again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ByteWriter } from '../codec/bytes.ts'
import { assert, OpportuneError } from '../errors.ts'
import { keyGroup } from '../hash.ts'
import { END, type Millis } from '../time.ts'
import { ABSENT, Cell, Entry } from './cells.ts'
import { SLICE_CHANGES } from './checkpoint.ts'
import { CommittedValues } from './committed-values.ts'
import { type Chunk, FORGOTTEN } from './dirty.ts'
import { DueIndex } from './due-index.ts'
import { EntryCache } from './entry-cache.ts'
import { checkKey } from './key-bytes.ts'
import { hashLink, type Links, NO_LINKS, withLink } from './links.ts'
import type {
  Change,
  CheckpointBackend,
  CheckpointNote,
  DueKey,
  KeyEntry,
  KeyedStore,
  SealedEpoch,
  SlotSpec,
  StoredEntry,
  StoreStats,
  Timer,
} from './port.ts'
import { SlotTable } from './slot-table.ts'
import { findTimer, NO_TIMERS, type TimerList, withoutTimer, withTimer } from './timer-list.ts'
import { UndoLog } from './undo.ts'

export interface StoreOptions {
  /** The operators with state; a slot is an index into this. */
  readonly slots: readonly SlotSpec[]
  readonly backend: CheckpointBackend
  /** Decoded keys in memory; default 50,000. */
  readonly maxKeys?: number
  /** Estimated bytes of decoded keys in memory; default 256 MB. */
  readonly maxBytes?: number
  /** Dirty bytes that make a checkpoint due; default 64 MB. */
  readonly checkpointBytes?: number
  /** Waiting timers in memory that make a checkpoint due; default 131,072 (some 15 MB). */
  readonly maxTimersInMemory?: number
  /** The largest encoded value; default 4 MB. */
  readonly maxValueBytes?: number
  /** Changes per transaction of a checkpoint; default 1,000. */
  readonly checkpointSlice?: number
  /** Slot ids whose stored values of versions without migration read as absent, on purpose. */
  readonly drops?: readonly string[]
}

const MB = 1024 * 1024
const MAX_SEALED = 2
/** While one checkpoint is written the next may grow to as much, and half of that again. */
const BEHIND = 2.5
/** The last instant that a JavaScript date can hold; nothing is written or due later. */
const LAST_MS = 8_640_000_000_000_000

interface Sealed {
  readonly epoch: number
  /** The same by the store's own count, which tells apart what was written again after an abort. */
  readonly stamp: number
  readonly log: UndoLog
  readonly encoded: EncodedValues
}

/** What an epoch changed; the arrays go by the rows of its log. */
interface EncodedValues {
  readonly memory: Buffer
  readonly changes: readonly Change[]
  readonly slots: readonly number[]
  /** Where the value of each changed cell stops; FORGOTTEN where there is none. */
  readonly ends: readonly number[]
}

export class KeyedState implements KeyedStore {
  readonly #slots: SlotTable
  readonly #timersSlot: number
  readonly #committed: CommittedValues
  readonly #cache: EntryCache
  readonly #due: DueIndex
  readonly #checkpointBytes: number
  readonly #maxValueBytes: number
  readonly #writer = new ByteWriter(64 * 1024)

  readonly #record = new UndoLog()
  #recordOpen = false
  /** Of the open record, or of the one to come: no cell has it while none is open. */
  #recordNumber = 1
  #running = new UndoLog()
  /** Tells apart the epochs that wrote a cell; not the epoch's number, which comes with sealing. */
  #runningStamp = 1
  readonly #sealed: Sealed[] = []

  #now: Millis = 0

  constructor(options: StoreOptions) {
    this.#slots = new SlotTable(options.slots, options.drops ?? [])
    this.#timersSlot = this.#slots.timers
    const slice = options.checkpointSlice ?? SLICE_CHANGES
    this.#committed = new CommittedValues(this.#slots, options.backend, slice)
    this.#cache = new EntryCache({
      maxEntries: options.maxKeys ?? 50_000,
      maxBytes: options.maxBytes ?? 256 * MB,
    })
    this.#due = new DueIndex(options.backend, options.maxTimersInMemory ?? 65_536)
    this.#checkpointBytes = options.checkpointBytes ?? 64 * MB
    this.#maxValueBytes = options.maxValueBytes ?? 4 * MB
  }

  // --- keys and values

  entry(key: string): KeyEntry {
    return this.#cache.find(key) ?? this.#newEntry(key)
  }

  setNow(now: Millis): void {
    this.#now = wholeMs(now)
  }

  get(entry: KeyEntry, slot: number): unknown {
    return this.#visible(this.#cell(entry, slot))
  }

  set(entry: KeyEntry, slot: number, value: unknown, now: Millis): void {
    // Absence is the one value a codec cannot tell; JSON has no undefined either.
    this.#write(this.#cell(entry, slot), value === undefined ? ABSENT : value, wholeMs(now))
  }

  clear(entry: KeyEntry, slot: number, now: Millis): void {
    this.#write(this.#cell(entry, slot), ABSENT, wholeMs(now))
  }

  // --- timers and links

  setTimer(entry: KeyEntry, timer: Timer): void {
    assert(!Number.isNaN(timer.due), 'a timer needs a due time')
    const due = Math.ceil(Math.min(Math.max(timer.due, -LAST_MS), LAST_MS))
    const cell = this.#cell(entry, this.#timersSlot)
    const list = withTimer(timersOf(cell), { slot: timer.slot, name: timer.name, due })
    this.#write(cell, list, 0)
    this.#due.arm(entry.key, (list[0] as Timer).due, cell.entry)
  }

  cancelTimer(entry: KeyEntry, slot: number, name: string): void {
    const cell = this.#cell(entry, this.#timersSlot)
    const list = timersOf(cell)
    const rest = withoutTimer(list, slot, name)
    if (rest !== list) this.#write(cell, rest.length === 0 ? ABSENT : rest, 0)
  }

  timerDue(entry: KeyEntry, slot: number, name: string): Millis | undefined {
    return findTimer(this.timers(entry), slot, name)?.due
  }

  timers(entry: KeyEntry): TimerList {
    return timersOf(this.#cell(entry, this.#timersSlot))
  }

  dueOf(handle: KeyEntry, now: Millis): Timer | undefined {
    const entry = handle as Entry
    if (entry.resident && entry.due !== undefined && entry.due > now) return undefined
    if (entry.resident && !this.#hasTimers(entry)) {
      entry.due = END
      return undefined
    }
    const first = this.timers(entry)[0]
    // One that was evicted is now found through another entry, or was emptied.
    if (entry.resident) entry.due = first === undefined ? END : first.due
    return first !== undefined && first.due <= now ? first : undefined
  }

  nextDue(now: Millis): DueKey | undefined {
    for (;;) {
      const hint = this.#due.first(now)
      if (hint === undefined) return undefined
      const entry = hint.entry === undefined ? this.entry(hint.key) : this.#cache.use(hint.entry)
      const timer = this.timers(entry)[0]
      if (timer?.due === hint.due) return { entry, timer }
      if (timer === undefined) this.#due.dropFirst()
      else this.#due.moveFirst(timer.due)
    }
  }

  earliestDue(): Millis {
    return this.#due.earliest()
  }

  takeLink(entry: KeyEntry, link: string, _now: Millis): boolean {
    const cell = this.#cell(entry, this.#slots.links)
    const links = cell.value === ABSENT ? NO_LINKS : (cell.value as Links)
    const hash = hashLink(link)
    if (links.includes(hash)) return true
    this.#write(cell, withLink(links, hash), 0)
    return false
  }

  // --- records and epochs

  beginRecord(): void {
    assert(!this.#recordOpen, 'the record before was kept or dropped')
    this.#recordOpen = true
  }

  keepRecord(): void {
    const record = this.#record
    for (let i = 0; i < record.length; i++) {
      const cell = record.cells[i] as Cell
      if (cell.epoch === this.#runningStamp) continue
      cell.epoch = this.#runningStamp
      record.moveTo(this.#running, i)
    }
    this.#endRecord()
  }

  dropRecord(): void {
    this.#undo(this.#record)
    this.#endRecord()
  }

  sealEpoch(epoch: number): SealedEpoch {
    assert(!this.#recordOpen, 'an epoch ends between records')
    assert(this.#sealed.length < MAX_SEALED, 'the epoch before the last one is settled')
    const log = this.#running
    const encoded = this.#encode(log)
    this.#sealed.push({ epoch, stamp: this.#runningStamp, log, encoded })
    this.#startEpoch()
    return { epoch, changes: encoded.changes, bytes: encoded.memory.length }
  }

  promote(epoch: number): void {
    const sealed = this.#sealed.shift()
    assert(sealed?.epoch === epoch, 'epochs are promoted in the order they were sealed')
    const { memory, changes, slots, ends } = sealed.encoded
    const chunk: Chunk = { memory, live: 0 }
    let start = 0
    for (let i = 0; i < changes.length; i++) {
      const end = ends[i] as number
      this.#committed.promote(changes[i] as Change, slots[i] as number, { chunk, start, end })
      if (end >= 0) start = end
    }
    this.#cache.settle(sealed.stamp)
  }

  abort(epoch: number): void {
    if (this.#recordOpen) this.dropRecord()
    const newest = this.#sealed.at(-1)
    if (newest?.epoch === epoch) {
      assert(this.#running.length === 0, 'the running epoch is aborted before a sealed one')
      this.#undo(newest.log)
      this.#sealed.pop()
      return
    }
    assert(newest === undefined || epoch > newest.epoch, 'epochs are aborted newest first')
    this.#undo(this.#running)
    this.#startEpoch()
  }

  // --- committed values

  committed(key: string, slot: number): unknown {
    const entry = this.#cache.peek(key)
    const cell = entry?.cells[slot]
    if (cell !== undefined && !this.#cache.isPinned(cell.entry)) return this.#visible(cell)
    const spec = this.#slots.at(slot)
    const bytes = this.#committed.read(keyGroup(key), key, slot)
    if (bytes === undefined) return spec.initial
    const { value, writtenAt } = spec.read(bytes)
    return value === ABSENT || spec.expired(writtenAt, this.#now) ? spec.initial : value
  }

  stored(): IterableIterator<StoredEntry> {
    return this.#committed.stored()
  }

  scan(slot: number): IterableIterator<readonly [key: string, value: unknown]> {
    return this.#committed.scan(slot, this.#now)
  }

  // --- checkpoints

  get checkpointDue(): boolean {
    return this.#committed.dirtyBytes >= this.#checkpointBytes || this.#due.full
  }

  /** Whether checkpoints cannot keep up: work should wait for the one that runs, or memory fills. */
  get checkpointBehind(): boolean {
    return this.#committed.dirtyBytes >= BEHIND * this.#checkpointBytes
  }

  async checkpoint(note: CheckpointNote): Promise<void> {
    await this.#committed.checkpoint(note, this.#now)
    for (const _ of this.#due.trim((key) => this.#timersUnwritten(key))) await nextTurn()
  }

  /** Takes in committed changes from the changelog, as if their epoch had just been promoted. */
  applyCommitted(changes: readonly Change[]): void {
    assert(this.#cache.size === 0, 'restoring comes before any reading')
    this.#committed.apply(changes, (key, due) => {
      this.#due.arm(key, due)
    })
  }

  get stats(): StoreStats {
    return {
      cachedKeys: this.#cache.size,
      cachedBytes: this.#cache.bytes,
      cacheHits: this.#cache.hits,
      cacheMisses: this.#cache.misses,
      dirtyBytes: this.#committed.dirtyBytes,
      openIterators: this.#committed.openIterators,
      pendingTimers: this.#due.size,
    }
  }

  close(): Promise<void> {
    return this.#committed.close()
  }

  // --- cells

  #newEntry(key: string): Entry {
    checkKey(key)
    const entry = new Entry(key, keyGroup(key), this.#slots.all.length)
    this.#cache.add(entry)
    return entry
  }

  #cell(handle: KeyEntry, slot: number): Cell {
    const entry = handle as Entry
    if (!entry.resident) return this.#cellOfAbsent(entry, slot)
    return entry.cells[slot] ?? this.#load(entry, slot)
  }

  /** The entry was evicted since the caller got it; another one may have taken its place. */
  #cellOfAbsent(entry: Entry, slot: number): Cell {
    let live = this.#cache.find(entry.key)
    if (live === undefined) {
      entry.reset()
      this.#cache.add(entry)
      live = entry
    }
    return live.cells[slot] ?? this.#load(live, slot)
  }

  /** Most keys of most stages have none: they need no cell to say so. */
  #hasTimers(entry: Entry): boolean {
    const slot = this.#timersSlot
    if (entry.cells[slot] !== undefined) return true
    const bytes = this.#committed.read(entry.group, entry.key, slot)
    if (bytes === undefined) return false
    this.#load(entry, slot, bytes)
    return true
  }

  #load(
    entry: Entry,
    slot: number,
    bytes = this.#committed.read(entry.group, entry.key, slot),
  ): Cell {
    const cell = new Cell(entry, slot, ABSENT)
    if (bytes !== undefined) {
      const stored = this.#slots.at(slot).read(bytes)
      cell.value = stored.value
      cell.writtenAt = stored.writtenAt
      cell.bytes = bytes.length
    }
    this.#cache.attach(cell)
    return cell
  }

  #write(cell: Cell, value: unknown, writtenAt: Millis): void {
    if (cell.record !== this.#recordNumber) this.#remember(cell)
    if (cell.slot === this.#timersSlot) cell.entry.due = undefined
    cell.value = value
    cell.writtenAt = writtenAt
  }

  #remember(cell: Cell): void {
    assert(this.#recordOpen, 'state is written within a record')
    cell.record = this.#recordNumber
    this.#cache.pin(cell.entry, this.#runningStamp)
    this.#record.push(cell, cell.value, cell.writtenAt)
  }

  #visible(cell: Cell): unknown {
    const slot = this.#slots.at(cell.slot)
    if (cell.value === ABSENT || slot.expired(cell.writtenAt, this.#now)) return slot.initial
    return cell.value
  }

  // --- epochs

  #endRecord(): void {
    this.#record.clear()
    this.#recordOpen = false
    this.#recordNumber++
  }

  #startEpoch(): void {
    this.#running = new UndoLog()
    this.#runningStamp++
  }

  #undo(log: UndoLog): void {
    for (let i = log.length - 1; i >= 0; i--) {
      const cell = log.restore(i)
      // What the index knew of the old timers may have been dropped since (D1).
      const timer = cell.slot === this.#timersSlot ? timersOf(cell)[0] : undefined
      if (cell.slot === this.#timersSlot) cell.entry.due = undefined
      if (timer !== undefined) this.#due.arm(cell.entry.key, timer.due, cell.entry)
    }
  }

  /**
   * The last value of each changed cell, one after the other. The cells are gone through once: there
   * are more of them than the processor's cache holds.
   */
  #encode(log: UndoLog): EncodedValues {
    const out = this.#writer
    const changes: Writable<Change>[] = []
    const slots: number[] = []
    const ends: number[] = []
    out.reset()
    for (let i = 0; i < log.length; i++) {
      const cell = log.cells[i] as Cell
      const slot = this.#slots.at(cell.slot)
      const { group, key } = cell.entry
      const start = out.position
      if (cell.value !== ABSENT) slot.write(cell.value, cell.writtenAt, out)
      const bytes = out.position - start
      if (bytes > this.#maxValueBytes) throw tooLarge(slot.id, group, bytes, this.#maxValueBytes)
      this.#cache.resize(cell, bytes)
      changes.push({ slot: slot.id, group, key, value: null })
      slots.push(cell.slot)
      ends.push(cell.value === ABSENT ? FORGOTTEN : out.position)
    }
    const memory = out.copy()
    fillIn(changes, memory, ends)
    return { memory, changes, slots, ends }
  }

  /** Whether the checkpoint's timer index may not know what this key has armed. */
  #timersUnwritten(key: string): boolean {
    if (this.#committed.isDirty(keyGroup(key), key, this.#timersSlot)) return true
    const entry = this.#cache.peek(key)
    return entry !== undefined && this.#cache.isPinned(entry)
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** The values, once the memory that they lie in is known. */
function fillIn(changes: Writable<Change>[], memory: Buffer, ends: readonly number[]): void {
  const { buffer, byteOffset } = memory
  let start = 0
  for (let i = 0; i < changes.length; i++) {
    const end = ends[i] as number
    if (end < 0) continue
    // A plain view: the Buffer of `subarray` costs twice as much, and there is one per change.
    ;(changes[i] as Writable<Change>).value = new Uint8Array(
      buffer,
      byteOffset + start,
      end - start,
    )
    start = end
  }
}

const tooLarge = (slot: string, group: number, bytes: number, limit: number): OpportuneError =>
  new OpportuneError('state_too_large', `One key of ${slot} holds ${bytes} bytes.`, {
    slot,
    group,
    bytes,
    limit,
  })

const timersOf = (cell: Cell): TimerList =>
  cell.value === ABSENT ? NO_TIMERS : (cell.value as TimerList)

/** Task time as it is stored: whole ms, 0 before time is known. */
const wholeMs = (now: Millis): Millis => (now > 0 ? Math.floor(Math.min(now, LAST_MS)) : 0)
