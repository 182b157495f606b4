/**
 * What a key looks like in memory: an entry with one cell per slot, loaded when first asked for.
 *
 * A cell holds the newest value, that of an open record or epoch included; older values live in the
 * undo logs only. Until the epoch that last wrote to an entry is settled, the entry holds uncommitted
 * values and must stay reachable.
 */
import type { Millis } from '../time.ts'
import type { KeyEntry } from './port.ts'

/** No value: `get` gives the spec's initial one. */
export const ABSENT: unique symbol = Symbol('absent')

export class Cell {
  readonly entry: Entry
  readonly slot: number
  /** Decoded, or ABSENT. */
  value: unknown
  writtenAt: Millis
  /** Of the encoded value when it was last read or sealed; an estimate of its weight. */
  bytes: number
  /** The last record and the last epoch that wrote this cell: one undo row each is enough. */
  record = 0
  epoch = 0

  constructor(entry: Entry, slot: number, value: unknown) {
    this.entry = entry
    this.slot = slot
    this.value = value
    this.writtenAt = 0
    this.bytes = 0
  }
}

export class Entry implements KeyEntry {
  readonly key: string
  readonly group: number
  readonly cells: (Cell | undefined)[] = []
  /** The last epoch that wrote to it, by the store's own count. */
  written = 0
  /** Whether the cache can find it; a handle to one that it cannot is looked up again. */
  resident = false
  /** Asked for since the cache last considered to let it go. */
  used = false
  /** The hint that counts for this key, where the due index has one and the entry is resident. */
  hint: Hint | undefined
  /**
   * When the key's first timer is due, END without any; undefined where that is to be looked up. Every
   * record asks, and the timers lie behind four more objects, seldom in the processor's cache.
   */
  due: Millis | undefined
  /** Estimated size in memory. */
  bytes = ENTRY_BYTES

  constructor(key: string, group: number, slots: number) {
    this.key = key
    this.group = group
    for (let slot = 0; slot < slots; slot++) this.cells.push(undefined)
  }

  /** Forgets what was loaded: the entry was away and others may have written its key since. */
  reset(): void {
    this.cells.fill(undefined)
    this.due = undefined
    this.bytes = ENTRY_BYTES
  }
}

/**
 * When a key is due next, as the due index takes it (`due-index.ts`): believed only where it stands at
 * `due`. It knows the key's entry while that is in the cache, and the entry knows it, so that firing
 * and arming anew look up neither by key.
 */
export interface Hint {
  readonly key: string
  due: Millis
  entry: Entry | undefined
}

/** The entry leaves the cache, or the hint the index: neither keeps the other alive. */
export function forgetHint(entry: Entry): void {
  if (entry.hint === undefined) return
  entry.hint.entry = undefined
  entry.hint = undefined
}

/** Entry, key, cells array and its place in the LRU: measured with 1,000,000 of them. */
const ENTRY_BYTES = 320
/** The cell and the least that a decoded value takes. */
const CELL_BYTES = 240
/** A decoded value takes about this many times its encoded bytes, beyond the least. */
const DECODED_FACTOR = 5

/** How much memory a cell with an encoded value of `bytes` is taken to hold. */
export const cellWeight = (bytes: number): number => CELL_BYTES + DECODED_FACTOR * bytes
