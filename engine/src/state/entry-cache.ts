/**
 * The decoded keys, bounded by entries and estimated bytes, and beside them the evicted entries that
 * still hold uncommitted values. Those are bounded by what the open epochs wrote (K4).
 *
 * Who goes is found by a hand that walks round the entries: it passes by those that were asked for
 * since its last visit, and takes the first that was not. So being found costs one bit, where an exact
 * order of use would touch the neighbours in it each time.
 */
import { type Cell, cellWeight, type Entry, forgetHint } from './cells.ts'

export interface CacheLimits {
  readonly maxEntries: number
  /** Estimated bytes of decoded values; the last entry used stays whatever its size. */
  readonly maxBytes: number
}

export class EntryCache {
  readonly #resident = new Map<string, Entry>()
  readonly #pinned = new Map<string, Entry>()
  readonly #limits: CacheLimits
  /** Goes on where it stopped, over entries added meanwhile too. */
  #hand = this.#resident.values()
  /** The entry found or added last: asked for again at once, it need not be looked up. */
  #newest: Entry | undefined
  #bytes = 0
  /** The newest epoch that is settled. */
  #settled = 0
  hits = 0
  misses = 0

  constructor(limits: CacheLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#resident.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The entry in memory, now one of those used lately. */
  find(key: string): Entry | undefined {
    const newest = this.#newest
    if (newest !== undefined && newest.key === key && newest.resident) {
      this.hits++
      return newest
    }
    const entry = this.#resident.get(key)
    if (entry !== undefined) {
      entry.used = true
      this.#newest = entry
      this.hits++
      return entry
    }
    return this.#pinned.size === 0 ? undefined : this.#recall(key)
  }

  /** The same for a resident entry that the caller holds. */
  use(entry: Entry): Entry {
    entry.used = true
    this.#newest = entry
    this.hits++
    return entry
  }

  /** Without counting as use. */
  peek(key: string): Entry | undefined {
    return this.#resident.get(key) ?? this.#pinned.get(key)
  }

  add(entry: Entry): void {
    this.misses++
    this.#insert(entry)
  }

  /** A cell was loaded into an entry. */
  attach(cell: Cell): void {
    cell.entry.cells[cell.slot] = cell
    this.#grow(cell.entry, cellWeight(cell.bytes))
  }

  /** The encoded size of a cell is known anew. */
  resize(cell: Cell, bytes: number): void {
    const grown = cellWeight(bytes) - cellWeight(cell.bytes)
    cell.bytes = bytes
    this.#grow(cell.entry, grown)
  }

  /** The entry is written to in an epoch: it must stay reachable until that is settled. */
  pin(entry: Entry, epoch: number): void {
    entry.written = epoch
    if (!entry.resident) this.#pinned.set(entry.key, entry)
  }

  /** Whether the entry may hold values that are not committed. */
  isPinned(entry: Entry): boolean {
    return entry.written > this.#settled
  }

  /**
   * Everything up to this epoch is committed or taken back. An entry that only an aborted epoch wrote
   * to stays until the next one is settled: that costs nothing, and finding it would.
   */
  settle(epoch: number): void {
    this.#settled = epoch
    for (const [key, entry] of this.#pinned) if (!this.isPinned(entry)) this.#pinned.delete(key)
  }

  #grow(entry: Entry, bytes: number): void {
    entry.bytes += bytes
    if (!entry.resident) return
    this.#bytes += bytes
    this.#shrink()
  }

  #recall(key: string): Entry | undefined {
    const entry = this.#pinned.get(key)
    if (entry === undefined) return undefined
    this.hits++
    this.#pinned.delete(key)
    this.#insert(entry)
    return entry
  }

  #insert(entry: Entry): void {
    this.#newest = entry
    entry.resident = true
    entry.used = false
    this.#bytes += entry.bytes
    this.#resident.set(entry.key, entry)
    this.#shrink()
  }

  #shrink(): void {
    const { maxEntries, maxBytes } = this.#limits
    while (this.#resident.size > maxEntries || (this.#bytes > maxBytes && this.#resident.size > 1))
      this.#evict(this.#unused())
  }

  /** The next entry under the hand that was not used since the hand came by. */
  #unused(): Entry {
    for (;;) {
      const step = this.#hand.next()
      if (step.done === true) this.#hand = this.#resident.values()
      else if (step.value.used) step.value.used = false
      else if (step.value !== this.#newest || this.#resident.size === 1) return step.value
    }
  }

  #evict(entry: Entry): void {
    entry.resident = false
    this.#resident.delete(entry.key)
    this.#bytes -= entry.bytes
    forgetHint(entry)
    if (this.isPinned(entry)) this.#pinned.set(entry.key, entry)
  }
}
