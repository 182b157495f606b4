/**
 * Compaction of one partition, in steps that are short enough to run between commits.
 *
 * Two phases. Index: read forward from where the last pass ended, remembering the last offset of each
 * key, until the memory budget is used up or the last entry is reached (which is never touched, so
 * that the partition keeps its end). Rewrite: go through everything up to there and drop what was
 * superseded. Each rewriting step is one transaction, and dropping a superseded record is right at
 * any time, so a process that ends between two steps leaves a sound log and only repeats the work.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { KeyIndex, survivors } from '../local/compact.ts'
import type { Frame } from '../local/frame.ts'
import { type Entry, entryAt, lastEntryBase } from './entries.ts'
import { encodePartition, entryKey, partitionStateKey } from './layout.ts'
import { join, type LmdbStore, type PartitionShelf, runs } from './store.ts'

/** Bytes read by one step. */
const STEP_BYTES = 4 << 20

export interface CompactionOptions {
  /** Memory for the index of keys, in bytes. */
  readonly indexBytes: number
  /** Asked between steps; true ends the pass early. */
  readonly stop: () => boolean
}

/** One pass. @returns bytes freed */
export async function compactPartition(
  store: LmdbStore,
  shelf: PartitionShelf,
  options: CompactionOptions,
): Promise<number> {
  const index = new KeyIndex(options.indexBytes)
  const limit = lastEntryBase(store.environment, shelf) ?? 0
  const bytesBefore = shelf.state.bytes
  let covered = shelf.state.cleanedTo
  while (covered < limit && !index.full) {
    covered = indexStep(store, shelf, { index, from: covered, limit })
    await nextTurn()
    if (options.stop()) return 0
  }
  const tombstonesBefore = shelf.state.cleanedTo
  let at = shelf.state.start
  while (at < covered) {
    const from = at
    at = await store.exclusively(() =>
      rewriteStep(store, shelf, { index, from, limit: covered, tombstonesBefore }),
    )
    await nextTurn()
    if (options.stop()) return bytesBefore - shelf.state.bytes
  }
  await store.exclusively(() => finish(store, shelf, covered))
  return bytesBefore - shelf.state.bytes
}

interface Step {
  readonly index: KeyIndex
  readonly from: number
  readonly limit: number
}

/** The entries from `from` on that one step takes. */
function entriesOf(store: LmdbStore, shelf: PartitionShelf, step: Omit<Step, 'index'>): Entry[] {
  const entries: Entry[] = []
  let bytes = 0
  let at = step.from
  while (at < step.limit && bytes < STEP_BYTES) {
    const entry = entryAt(store.environment, shelf, at)
    if (entry === undefined || entry.base >= step.limit) break
    entries.push(entry)
    bytes += entry.bytes
    at = endOf(entry)
  }
  return entries
}

const endOf = (entry: Entry): number => (entry.frames.at(-1) as Frame).end

function indexStep(store: LmdbStore, shelf: PartitionShelf, step: Step): number {
  let covered = step.from
  for (const entry of entriesOf(store, shelf, step)) {
    if (step.index.full) return covered
    for (const frame of entry.frames) step.index.add(frame)
    covered = endOf(entry)
  }
  return covered === step.from ? step.limit : covered
}

function rewriteStep(
  store: LmdbStore,
  shelf: PartitionShelf,
  step: Step & { readonly tombstonesBefore: number },
): number {
  const entries = entriesOf(store, shelf, step)
  const last = entries.at(-1)
  if (last === undefined) return step.limit
  const before = entries.flatMap((entry) => entry.frames)
  const kept = survivors(before, step.index, step.tombstonesBefore)
  if (kept !== before) replaceEntries(store, shelf, entries, kept)
  return endOf(last)
}

function replaceEntries(
  store: LmdbStore,
  shelf: PartitionShelf,
  entries: readonly Entry[],
  kept: readonly Frame[],
): void {
  let bytes = shelf.state.bytes
  for (const entry of entries) bytes -= entry.bytes
  for (const frame of kept) {
    frame.seal()
    bytes += frame.length
  }
  const state = { ...shelf.state, bytes }
  const { meta, records } = store.environment
  const { number, partition } = shelf
  store.transact(bytes, () => {
    for (const entry of entries) records.removeSync(entryKey(number, partition, entry.base))
    for (const run of runs(kept))
      records.putSync(entryKey(number, partition, (run[0] as Frame).base), join(run))
    meta.putSync(partitionStateKey(number, partition), encodePartition(state))
  })
  shelf.state = state
  store.forgetTail(shelf)
}

/** Notes how far the pass came; what lies behind it is what the next pass indexes. */
function finish(store: LmdbStore, shelf: PartitionShelf, covered: number): void {
  let dirtyBytes = 0
  if (covered > shelf.state.cleanedTo)
    for (let at = covered; at < shelf.state.end; ) {
      const entry = entryAt(store.environment, shelf, at)
      if (entry === undefined) break
      dirtyBytes += entry.bytes
      at = endOf(entry)
    }
  else dirtyBytes = shelf.state.dirtyBytes
  const state = { ...shelf.state, cleanedTo: covered, dirtyBytes }
  store.transact(0, () => {
    const key = partitionStateKey(shelf.number, shelf.partition)
    store.environment.meta.putSync(key, encodePartition(state))
  })
  shelf.state = state
}
