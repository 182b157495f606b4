/**
 * Drops the oldest entries of `delete` topics by age and size.
 *
 * Age counts from the append, not from a record's own timestamp, which a producer may have set to
 * 1970 or 2100. Size never falls below what the topic asks to keep. Consumers are not waited for: a
 * position that was overtaken makes `poll` fail with log_offset_out_of_range.
 */
import type { Frame } from '../local/frame.ts'
import { entryAt } from './entries.ts'
import { encodePartition, entryKey, partitionStateKey } from './layout.ts'
import type { LmdbStore, PartitionShelf } from './store.ts'

/** Entries dropped by one pass, so that it stays short. */
const ENTRIES_PER_PASS = 256

/**
 * One bounded pass over all partitions, within `exclusively`, in one transaction each.
 * @param now ms since 1970
 * @returns whether there was more to drop than one pass may
 */
export function retain(store: LmdbStore, now: number): boolean {
  let budget = ENTRIES_PER_PASS
  for (const shelf of store.shelves()) {
    const { cleanup, retentionMs, retentionBytes } = shelf.topic
    if (cleanup !== 'delete' || (retentionMs === undefined && retentionBytes === undefined))
      continue
    if (shelf.state.start < shelf.state.end) budget -= retainPartition(store, shelf, now, budget)
    if (budget <= 0) return true
  }
  return false
}

function retainPartition(
  store: LmdbStore,
  shelf: PartitionShelf,
  now: number,
  budget: number,
): number {
  const { retentionMs = Infinity, retentionBytes = Infinity } = shelf.topic
  const dropped: number[] = []
  let { start, bytes } = shelf.state
  while (dropped.length < budget && start < shelf.state.end) {
    const entry = entryAt(store.environment, shelf, start)
    if (entry === undefined) break
    const last = entry.frames.at(-1) as Frame
    const expired = now - last.appendedAt > retentionMs
    if (!expired && bytes - entry.bytes < retentionBytes) break
    dropped.push(entry.base)
    start = last.end
    bytes -= entry.bytes
  }
  if (dropped.length === 0) return 0
  const state = { ...shelf.state, start, bytes }
  const { meta, records } = store.environment
  store.transact(0, () => {
    for (const base of dropped) records.removeSync(entryKey(shelf.number, shelf.partition, base))
    meta.putSync(partitionStateKey(shelf.number, shelf.partition), encodePartition(state))
  })
  shelf.state = state
  return dropped.length
}
