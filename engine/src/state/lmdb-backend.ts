/**
 * Checkpoints on disk: one LMDB environment per data directory, shared by the tasks of a process; per
 * task two named databases, values (one row a key, `stored-row.ts`) and timer index (key formats in
 * `key-bytes.ts`), and the note under the empty key's place (a single byte that no row's key consists
 * of).
 *
 * LMDB is a cache of the changelog: a directory that is lost or wiped is rebuilt. Writes are handed to
 * LMDB's own thread, one batch (= one transaction) per slice; they become durable in order. A slice
 * with a note waits for the disk, the others only until they can be read.
 *
 * Who owns the directory is not decided here: the log's lock covers it.
 */
import { type Database, open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb'
import { assert, OpportuneError } from '../errors.ts'
import { KeyBytes, parseRowKey, parseTimerKey } from './key-bytes.ts'
import type {
  Change,
  CheckpointBackend,
  CheckpointNote,
  CheckpointSlice,
  DuePosition,
  StoredEntry,
} from './port.ts'
import { RowWriter, slotIn, slotsOf } from './stored-row.ts'

export interface StateEnvironmentOptions {
  readonly directory: string
  /** How many tasks may be opened at most; default 512. */
  readonly maxTasks?: number
}

type Place = Pick<Change, 'slot' | 'group' | 'key'>
type Bytes = Database<Buffer, Buffer>

/** Below every row's key: those have a group, a key of at least one byte, a terminator. */
const NOTE_KEY = Buffer.from([0])
const FIRST_ROW_KEY = Buffer.from([0, 0])
/** The timer index is all key; LMDB wants a value. */
const PRESENT = Buffer.from([1])

export class StateEnvironment {
  readonly #root: RootDatabase<Buffer, Buffer>
  readonly #tasks = new Set<string>()

  /** @throws state_corrupt where LMDB cannot read the directory */
  constructor(options: StateEnvironmentOptions) {
    try {
      const settings: RootDatabaseOptionsWithPath & { readonly noReadAhead: boolean } = {
        path: options.directory,
        noSubdir: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        maxDbs: 2 * (options.maxTasks ?? 512),
        // State may exceed memory: reading ahead of a random key would evict what is in use.
        noReadAhead: true,
      }
      this.#root = open<Buffer, Buffer>(settings)
    } catch (error) {
      throw new OpportuneError('state_corrupt', 'The state directory cannot be opened.', {}, error)
    }
  }

  /** Opens a task's checkpoints; each task once at a time. */
  backend(task: string): CheckpointBackend {
    assert(!this.#tasks.has(task), 'a task is opened once')
    this.#tasks.add(task)
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const
    return new LmdbBackend({
      root: this.#root,
      rows: this.#root.openDB<Buffer, Buffer>(`${task}~rows`, options),
      due: this.#root.openDB<Buffer, Buffer>(`${task}~due`, options),
      closed: () => this.#tasks.delete(task),
    })
  }

  async close(): Promise<void> {
    assert(this.#tasks.size === 0, 'the tasks are closed before their environment')
    await this.#root.close()
  }
}

interface LmdbParts {
  readonly root: RootDatabase<Buffer, Buffer>
  readonly rows: Bytes
  readonly due: Bytes
  closed(): void
}

class LmdbBackend implements CheckpointBackend {
  readonly #parts: LmdbParts
  readonly #keys = new KeyBytes()
  readonly #writer = new RowWriter()
  #openIterators = 0
  #writing: Promise<unknown> = Promise.resolve()
  /** The key read last and its row: a key's slots are asked for one after the other. */
  #lastGroup = -1
  #lastKey = ''
  #lastRow: Buffer | undefined

  constructor(parts: LmdbParts) {
    this.#parts = parts
  }

  read(slot: string, group: number, key: string): Uint8Array | undefined {
    if (this.#lastGroup !== group || this.#lastKey !== key) {
      this.#lastRow = this.#row(group, key)
      this.#lastGroup = group
      this.#lastKey = key
    }
    return this.#lastRow === undefined ? undefined : slotIn(this.#lastRow, slot)
  }

  scan(after?: Place): IterableIterator<StoredEntry> {
    const start =
      after === undefined ? FIRST_ROW_KEY : Buffer.from(this.#keys.row(after.group, after.key))
    const rows = this.#parts.rows.getRange({ start })[Symbol.iterator]()
    this.#openIterators++
    return new RowScan(rows, after, () => {
      this.#openIterators--
    })
  }

  timersAfter(after: DuePosition | undefined, limit: number): readonly DuePosition[] {
    const start =
      after === undefined || !Number.isFinite(after.due)
        ? undefined
        : this.#keys.timer(after.due, after.key)
    if (after !== undefined && after.due > 0 && start === undefined) return []
    const found: DuePosition[] = []
    const options = start === undefined ? { limit } : { limit, start, exclusiveStart: true }
    for (const key of this.#parts.due.getKeys(options)) found.push(parseTimerKey(key))
    return found
  }

  async write(slice: CheckpointSlice): Promise<void> {
    const { root, rows, due } = this.#parts
    // lmdb mostly gives the same promise again and again; each must be waited for, or a failure of
    // one that is not would end the process.
    const written = new Set<Promise<unknown>>()
    // All of it within one turn of the event loop: lmdb makes that one transaction (B1).
    for (const changes of byKey(slice.changes)) {
      const { group, key } = changes[0] as Change
      const row = this.#writer.changed(this.#row(group, key), changes)
      const at = this.#keys.row(group, key)
      written.add(row === undefined ? rows.remove(at) : rows.put(at, row))
    }
    for (const { key, from, to } of slice.timers) {
      if (from === to) continue
      if (from !== undefined) written.add(due.remove(this.#keys.timer(from, key)))
      if (to !== undefined) written.add(due.put(this.#keys.timer(to, key), PRESENT))
    }
    if (slice.note !== undefined)
      written.add(rows.put(NOTE_KEY, Buffer.from(JSON.stringify(slice.note))))
    const settled = Promise.allSettled(written)
    this.#writing = settled
    const results = await settled
    this.#forget()
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw await unwritable(failed.reason)
    if (slice.note !== undefined) await root.flushed
  }

  note(): CheckpointNote | undefined {
    const bytes = this.#parts.rows.getBinary(NOTE_KEY)
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as CheckpointNote)
  }

  async wipe(): Promise<void> {
    await Promise.all([this.#parts.rows.clearAsync(), this.#parts.due.clearAsync()])
    await this.#parts.root.flushed
    this.#forget()
  }

  get openIterators(): number {
    return this.#openIterators
  }

  /** Waits for what is being written; open iterators are the caller's to close first. */
  async close(): Promise<void> {
    assert(this.#openIterators === 0, 'iterators are closed before their backend')
    await this.#writing
    this.#parts.closed()
  }

  #row(group: number, key: string): Buffer | undefined {
    return this.#parts.rows.getBinary(this.#keys.row(group, key))
  }

  #forget(): void {
    this.#lastGroup = -1
    this.#lastRow = undefined
  }
}

/** The changes of each key, one for each slot; in a checkpoint a key's come one after the other. */
function byKey(changes: readonly Change[]): Iterable<readonly Change[]> {
  const found = new Map<string, Change[]>()
  let newest: Change[] = []
  for (const change of changes) {
    const [first] = newest
    if (first === undefined || first.key !== change.key || first.group !== change.group) {
      const name = `${change.group} ${change.key}`
      newest = found.get(name) ?? []
      found.set(name, newest)
    }
    const known = newest.findIndex((other) => other.slot === change.slot)
    if (known < 0) newest.push(change)
    else newest[known] = change
  }
  return found.values()
}

/** The values of a range of rows, counted until closed. The first row is read at once, which fixes the snapshot (B4). */
class RowScan implements IterableIterator<StoredEntry> {
  readonly #rows: Iterator<{ key: Buffer; value: Buffer }>
  readonly #closed: () => void
  #next: IteratorResult<{ key: Buffer; value: Buffer }>
  /** What is left of the row begun. */
  #left: StoredEntry[] = []
  #open = true

  constructor(
    rows: Iterator<{ key: Buffer; value: Buffer }>,
    after: Place | undefined,
    closed: () => void,
  ) {
    this.#rows = rows
    this.#closed = closed
    this.#next = rows.next()
    if (after !== undefined) this.#skip(after)
  }

  next(): IteratorResult<StoredEntry, undefined> {
    while (this.#open && this.#left.length === 0 && this.#next.done !== true) this.#takeRow()
    const entry = this.#open ? this.#left.pop() : undefined
    return entry === undefined ? this.return() : { done: false, value: entry }
  }

  return(): IteratorResult<StoredEntry, undefined> {
    if (this.#open) {
      this.#open = false
      this.#rows.return?.()
      this.#closed()
    }
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }

  /** The next row's values, the last first. */
  #takeRow(): void {
    const { key, value } = this.#next.value as { key: Buffer; value: Buffer }
    const [group, text] = parseRowKey(key)
    const slots = slotsOf(value).reverse()
    this.#left = slots.map(([slot, bytes]) => [slot, group, text, bytes])
    this.#next = this.#rows.next()
  }

  /** The range starts with the row of the place: what lies at or before it goes. */
  #skip(after: Place): void {
    if (this.#next.done === true) return
    const [group, key] = parseRowKey(this.#next.value.key)
    if (group !== after.group || key !== after.key) return
    this.#takeRow()
    this.#left = this.#left.filter(([slot]) => slot > after.slot)
  }
}

/** lmdb tells why a commit failed through a promise of its own. */
async function unwritable(error: unknown): Promise<OpportuneError> {
  const cause =
    error instanceof Error && 'commitError' in error
      ? await Promise.resolve(error.commitError).catch((reason: unknown) => reason)
      : error
  return new OpportuneError('state_unwritable', 'The checkpoint was given up.', {}, cause)
}
