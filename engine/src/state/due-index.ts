/**
 * Which key has a timer due next, over all keys, without holding all keys in memory.
 *
 * A heap of (due, key) in memory covers the near future, the checkpoint's timer index the rest.
 * Entries are hints: the truth is the key's own timer list, and the store checks a hint against it
 * before it believes it. A hint may be too early (the timer was moved or cancelled), never too late:
 *
 * D1 For every key with timers, whose earliest is due at D: the heap holds a hint at or before D, or
 *    (D, key) lies beyond the horizon and the checkpoint's index holds a hint at or before D.
 * D2 What has been armed since the last finished checkpoint is in the heap, however far away; so the
 *    heap's size makes a checkpoint due (`full`), after which `trim` leaves only the nearest.
 * D3 At most one hint per key counts, the earliest; superseded ones are skipped.
 */
import { BEGINNING, END, type Millis } from '../time.ts'
import { type Entry, forgetHint, type Hint } from './cells.ts'
import { HintHeap } from './hint-heap.ts'
import { compareDue } from './key-bytes.ts'
import type { CheckpointBackend, DuePosition } from './port.ts'

/** How many hints one refill takes from the checkpoint: some 2 ms of reading. */
const REFILL = 1_024
/** How many hints one stretch of trimming looks at. */
const TRIM_STRETCH = 8_192
const NEVER: DuePosition = { due: END, key: '' }

export class DueIndex {
  readonly #backend: Pick<CheckpointBackend, 'timersAfter'>
  readonly #limit: number
  /** Per key the earliest hint in the heap. */
  readonly #armed = new Map<string, Hint>()
  readonly #heap = new HintHeap<Hint>()
  /** What `earliest` found, while nothing has moved that could change it. */
  #earliest: Millis | undefined
  /** Every hint of the checkpoint at or before this is in the heap. No key is empty, so '' is first. */
  #horizon: DuePosition = { due: BEGINNING, key: '' }

  constructor(backend: Pick<CheckpointBackend, 'timersAfter'>, limit: number) {
    this.#backend = backend
    this.#limit = limit
  }

  get size(): number {
    return this.#armed.size
  }

  get full(): boolean {
    return this.#armed.size >= this.#limit
  }

  /**
   * The key has a timer due at `due`. A later hint than the one held changes nothing (D3).
   * @param entry the key's, where the cache has it
   */
  arm(key: string, due: Millis, entry?: Entry): void {
    const held = entry?.hint ?? this.#armed.get(key)
    if (held !== undefined && entry?.resident === true) join(held, entry)
    if (held !== undefined && held.due <= due) return
    const hint = held ?? { key, due, entry: undefined }
    if (held === undefined) {
      this.#armed.set(key, hint)
      if (entry?.resident === true) join(hint, entry)
    }
    this.#push(hint, due)
  }

  /** The first hint is too early: the key's first timer is due at `due`. */
  moveFirst(due: Millis): void {
    const hint = this.#heap.first
    if (hint === undefined) return
    this.#heap.pop()
    this.#earliest = undefined
    this.#push(hint, due)
  }

  /** The first hint due at or before `now`, in the order (due, key). */
  first(now: Millis): Readonly<Hint> | undefined {
    for (;;) {
      const top = this.#top()
      if (top !== undefined && compareDue(top, this.#horizon) <= 0)
        return top.due <= now ? top : undefined
      if (this.#horizon.due > now || this.#horizon.due === END) return undefined
      this.#refill()
    }
  }

  /** The earliest hint's due time, or END. */
  earliest(): Millis {
    return (this.#earliest ??= this.#findEarliest())
  }

  #findEarliest(): Millis {
    for (;;) {
      const top = this.#top()
      if (top !== undefined && compareDue(top, this.#horizon) <= 0) return top.due
      if (this.#horizon.due === END) return END
      this.#refill()
    }
  }

  /** Removes the hint `first` gave: it was too early, or its key has no timers. */
  dropFirst(): void {
    const hint = this.#heap.first
    if (hint === undefined) return
    this.#heap.pop()
    this.#forget(hint)
    this.#earliest = undefined
  }

  /**
   * After a checkpoint: keeps the nearest half of what is allowed, forgets what the checkpoint holds.
   * Yields every few ms; the index may be used, and refilled, in between.
   * @param unwritten whether the key's timers may differ from those in the checkpoint
   */
  *trim(unwritten: (key: string) => boolean): Generator<void, void> {
    if (!this.full) return
    const dues = Float64Array.from(this.#armed.values(), ({ due }) => due).sort()
    const cut = { due: dues[this.#limit >> 1] as number, key: '' }
    // First of all, so that whatever is forgotten from here on lies beyond it (D1).
    if (compareDue(cut, this.#horizon) < 0) this.#horizon = cut
    this.#earliest = undefined
    let seen = 0
    for (const hint of this.#armed.values()) {
      if (++seen % TRIM_STRETCH === 0) yield
      if (hint.due < cut.due || compareDue(hint, this.#horizon) <= 0) continue
      if (!unwritten(hint.key)) this.#forget(hint)
    }
    this.#earliest = undefined
    yield
    this.#rebuild()
  }

  #push(hint: Hint, due: Millis): void {
    hint.due = due
    this.#heap.push(due, hint)
    // A hint that it takes the place of was later, so the earliest one is this or the one before.
    if (this.#earliest !== undefined && due < this.#earliest) this.#earliest = due
    if (this.#heap.size > 2 * this.#armed.size + REFILL) this.#rebuild()
  }

  /** From now on it is superseded wherever it stands in the heap. */
  #forget(hint: Hint): void {
    this.#armed.delete(hint.key)
    hint.due = END
    if (hint.entry !== undefined) forgetHint(hint.entry)
  }

  #top(): Hint | undefined {
    for (;;) {
      const hint = this.#heap.first
      if (hint === undefined || this.#heap.firstDue === hint.due) return hint
      this.#heap.pop()
    }
  }

  #refill(): void {
    const hints = this.#backend.timersAfter(this.#horizon, REFILL)
    for (const hint of hints) this.arm(hint.key, hint.due)
    this.#horizon = hints.length < REFILL ? NEVER : (hints.at(-1) as DuePosition)
    this.#earliest = undefined
  }

  /** Drops superseded and forgotten hints. */
  #rebuild(): void {
    this.#heap.retain((due, hint) => hint.due === due)
  }
}

function join(hint: Hint, entry: Entry): void {
  hint.entry = entry
  entry.hint = hint
}
