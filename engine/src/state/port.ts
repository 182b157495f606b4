/**
 * Keyed state of one task: values per (key, operator slot) and the key's timers.
 *
 * The task's loop drives it in this order, and nothing else may:
 *   for each record: `setNow`, `beginRecord`, reads and writes, then `keepRecord` or `dropRecord`;
 *   at the end of a slice: `sealEpoch` (at most two sealed epochs wait to be settled);
 *   when the log has committed: `promote`, oldest first; when it could not: `abort`, newest first.
 *
 * K1 Reads see the newest write, of this record, this epoch or a sealed one before.
 * K2 `dropRecord` restores exactly what the record changed; `abort` exactly what its epoch changed.
 * K3 Only promoted values reach the checkpoint, `committed()` or a scan.
 * K4 Memory is bounded: promoted values not yet checkpointed are kept encoded up to a limit (then a
 *    checkpoint is due), decoded ones live in a cache that lets go what was not asked for lately; a key
 *    in use by an open epoch is never lost to eviction; waiting timers live in the checkpoint, only the
 *    next ones in memory.
 * K5 Changelog first: a change is in the sealed epoch's changes before it can reach a checkpoint.
 * K6 Restoring from checkpoint and changelog tail gives the same state as never having stopped,
 *    wherever a checkpoint in progress was cut off.
 */
import type { StateSpec } from '../operator.ts'
import type { Millis } from '../time.ts'

/** Which operator a value belongs to: the index into `SlotSpec[]` given at opening. */
export interface SlotSpec {
  readonly id: string
  readonly state: StateSpec<unknown>
}

export interface Timer {
  readonly slot: number
  readonly name: string
  readonly due: Millis
}

/** A key in memory. Opaque to callers except `key` and `group`; may be kept as long as one likes. */
export interface KeyEntry {
  readonly key: string
  readonly group: number
}

/** Slot ids of the store's own values beside the operators'. */
export const TIMERS_SLOT = '~timers'
export const LINKS_SLOT = '~links'

/** One changelog record: the last value an epoch left for (slot id, key); null: forgotten. */
export interface Change {
  /** Operator id, or '~timers' for the key's timers, '~links' for its hand-overs. */
  readonly slot: string
  readonly group: number
  readonly key: string
  /** {state version, written at, bytes} in the store's own format; the bytes never change. */
  readonly value: Uint8Array | null
}

export interface SealedEpoch {
  readonly epoch: number
  /** In first-write order; a function of the records processed alone. */
  readonly changes: readonly Change[]
  readonly bytes: number
}

export interface DueKey {
  readonly entry: KeyEntry
  readonly timer: Timer
}

/** A value as stored, for savepoints. */
export type StoredEntry = readonly [slot: string, group: number, key: string, value: Uint8Array]

export interface KeyedStore {
  /**
   * Finds or loads a key.
   * @throws state_key_invalid (input): longer than 1,024 bytes or not well-formed Unicode
   */
  entry(key: string): KeyEntry
  /** Task time for what is read from now on (TTL); whole ms, never back. */
  setNow(now: Millis): void
  /** The value, or the spec's `initial` where there is none or it has expired. */
  get(entry: KeyEntry, slot: number): unknown
  set(entry: KeyEntry, slot: number, value: unknown, now: Millis): void
  /** Back to absent: `get` gives the spec's initial value. */
  clear(entry: KeyEntry, slot: number, now: Millis): void

  /** Arms a timer, replacing one of the same slot and name. */
  setTimer(entry: KeyEntry, timer: Timer): void
  cancelTimer(entry: KeyEntry, slot: number, name: string): void
  timerDue(entry: KeyEntry, slot: number, name: string): Millis | undefined
  /** All timers of the key, in the order (due, slot, name). */
  timers(entry: KeyEntry): readonly Timer[]
  /** The key's first timer due at or before `now`. */
  dueOf(entry: KeyEntry, now: Millis): Timer | undefined
  /**
   * The first timer due at or before `now` over all keys, in the order (due, key, slot, name). It
   * stays until it is cancelled: the caller does that in the record that fires it.
   */
  nextDue(now: Millis): DueKey | undefined
  /** The earliest due time over all keys, or END. May be earlier than the truth, never later. */
  earliestDue(): Millis

  /**
   * Whether `link` was taken in before; if not, notes it. A key remembers its newest 64 links.
   */
  takeLink(entry: KeyEntry, link: string, now: Millis): boolean

  beginRecord(): void
  keepRecord(): void
  dropRecord(): void
  /** @throws state_too_large where an encoded value exceeds the limit; the epoch stays open */
  sealEpoch(epoch: number): SealedEpoch
  promote(epoch: number): void
  /** Takes back a sealed epoch (the newest), or the running one whatever number it would have had. */
  abort(epoch: number): void

  /** What is committed for a key and slot, for readers outside the task. */
  committed(key: string, slot: number): unknown
  /** Every committed key of a slot, by (group, key); close the iterator (it is counted). */
  scan(slot: number): IterableIterator<readonly [key: string, value: unknown]>
  /** Everything committed, encoded, by (group, key, slot id); close the iterator (it is counted). */
  stored(): IterableIterator<StoredEntry>

  /** Whether enough is dirty that a checkpoint should be taken. */
  readonly checkpointDue: boolean
  /**
   * Writes what is promoted at the time of the call, then `note`. Work goes on meanwhile. After a
   * failure everything is still in memory and the next checkpoint writes it again.
   */
  checkpoint(note: CheckpointNote): Promise<void>
  readonly stats: StoreStats
  close(): Promise<void>
}

export interface CheckpointNote {
  /** Every value of this epoch and before is in; -1 where no checkpoint was ever finished. */
  readonly epoch: number
  /** The epoch of a later checkpoint that was begun: some of its values may be in, too. */
  readonly reached?: number
  /** Where to read the changelog from to catch up: covers everything after this checkpoint. */
  readonly changelogOffset: number
  /** Layout of the slots, to refuse vanished or changed state at the next start. */
  readonly layout: Layout
  /** The task's own state (clock, broadcasts) at that epoch, as the runtime wrote it. Opaque here. */
  readonly task?: string
}

/** Per slot id the oldest state version that may still be stored. */
export type Layout = readonly { readonly id: string; readonly version: number }[]

export interface StoreStats {
  readonly cachedKeys: number
  readonly cachedBytes: number
  readonly cacheHits: number
  readonly cacheMisses: number
  /** Encoded bytes (with their overhead) that wait for the next checkpoint. */
  readonly dirtyBytes: number
  readonly openIterators: number
  /** Index entries of timers held in memory; those further away wait in the checkpoint. */
  readonly pendingTimers: number
}

/** A position in the order of the timer index. */
export interface DuePosition {
  readonly due: Millis
  readonly key: string
}

/** How one key's entry in the timer index moves; undefined: none before, none after. */
export interface TimerMove {
  readonly key: string
  readonly from: Millis | undefined
  readonly to: Millis | undefined
}

export interface CheckpointSlice {
  readonly changes: readonly Change[]
  readonly timers: readonly TimerMove[]
  /** In the first slice of a checkpoint the former note with `reached`, in the last the new one. */
  readonly note?: CheckpointNote
}

/**
 * Where checkpoints live: LMDB on disk, or memory (tests, benchmarks without a disk).
 *
 * B1 One `write` is one transaction: all of a slice or nothing.
 * B2 Slices become durable in the order written; a slice with a note, and all before it, are durable
 *    when its promise resolves.
 * B3 Keys are ordered by UTF-16 code units, as `<` orders strings.
 * B4 An iterator sees the moment it was made; it is counted until it is closed or exhausted.
 *
 * A checkpoint is many slices, the note in the last: one transaction over 64 MB of random keys would
 * hold every page it touches in memory (about 4 KB per key). A checkpoint cut off half way leaves
 * values newer than the note, which is harmless: the changelog from the note's offset holds the same
 * or newer ones of each such key and is always applied to its end (K6).
 */
export interface CheckpointBackend {
  /** Stable bytes: they may be kept. */
  read(slot: string, group: number, key: string): Uint8Array | undefined
  /** All entries by (group, key, slot id), from `after` (exclusive) on. */
  scan(after?: Pick<Change, 'slot' | 'group' | 'key'>): IterableIterator<StoredEntry>
  /** The first entries of the timer index after a position, in the order (due, key). */
  timersAfter(after: DuePosition | undefined, limit: number): readonly DuePosition[]
  /** Resolves when the slice can be read; the caller may not write again before that. */
  write(slice: CheckpointSlice): Promise<void>
  note(): CheckpointNote | undefined
  /** Forgets everything, the note included. */
  wipe(): Promise<void>
  readonly openIterators: number
  close(): Promise<void>
}
