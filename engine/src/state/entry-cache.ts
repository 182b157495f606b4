/**
 * The decoded keys: an LRU bounded by entries and estimated bytes, and beside it the evicted entries
 * that still hold uncommitted values. Those are bounded by what the open epochs wrote (K4).
 */
import { LRUCache } from 'lru-cache'
import { type Cell, cellWeight, type Entry } from './cells.ts'

export interface CacheLimits {
  readonly maxEntries: number
  /** Estimated bytes of decoded values; the last entry used stays whatever its size. */
  readonly maxBytes: number
}

export class EntryCache {
  readonly #lru: LRUCache<string, Entry>
  readonly #pinned = new Map<string, Entry>()
  readonly #maxBytes: number
  /** The entry found or added last: asked for again at once, it need not be looked up. */
  #newest: Entry | undefined
  #bytes = 0
  hits = 0
  misses = 0

  constructor(limits: CacheLimits) {
    this.#maxBytes = limits.maxBytes
    this.#lru = new LRUCache<string, Entry>({
      max: limits.maxEntries,
      dispose: (entry) => {
        this.#evicted(entry)
      },
    })
  }

  get size(): number {
    return this.#lru.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The entry in memory, now the most recently used. */
  find(key: string): Entry | undefined {
    const newest = this.#newest
    if (newest !== undefined && newest.key === key && newest.resident) {
      this.hits++
      return newest
    }
    const entry = this.#lru.get(key)
    if (entry !== undefined) {
      this.#newest = entry
      this.hits++
      return entry
    }
    return this.#pinned.size === 0 ? undefined : this.#recall(key)
  }

  /** Without touching the order of use. */
  peek(key: string): Entry | undefined {
    return this.#lru.peek(key) ?? this.#pinned.get(key)
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

  /** One undo row more points into the entry: from now on it must stay reachable. */
  pin(entry: Entry): void {
    if (entry.pins++ === 0 && !entry.resident) this.#pinned.set(entry.key, entry)
  }

  /** One undo row less points into the entry. */
  unpin(entry: Entry): void {
    entry.pins--
    if (entry.pins === 0 && !entry.resident) this.#pinned.delete(entry.key)
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
    this.#bytes += entry.bytes
    this.#lru.set(entry.key, entry)
    this.#shrink()
  }

  #shrink(): void {
    while (this.#bytes > this.#maxBytes && this.#lru.size > 1) this.#lru.pop()
  }

  #evicted(entry: Entry): void {
    entry.resident = false
    this.#bytes -= entry.bytes
    if (entry.pins > 0) this.#pinned.set(entry.key, entry)
  }
}
