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
import { compareDue } from './key-bytes.ts'
import type { CheckpointBackend, DuePosition } from './port.ts'

/** How many hints one refill takes from the checkpoint: some 2 ms of reading. */
const REFILL = 1_024
const NEVER: DuePosition = { due: END, key: '' }

export class DueIndex {
  readonly #backend: Pick<CheckpointBackend, 'timersAfter'>
  readonly #limit: number
  /** Per key the earliest hint in the heap. */
  readonly #armed = new Map<string, Millis>()
  #heap: DuePosition[] = []
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

  /** The key has a timer due at `due`. A later hint than the one held changes nothing (D3). */
  arm(key: string, due: Millis): void {
    const held = this.#armed.get(key)
    if (held !== undefined && held <= due) return
    this.#armed.set(key, due)
    push(this.#heap, { due, key })
    if (this.#heap.length > 2 * this.#armed.size + REFILL) this.#rebuild()
  }

  /** The first hint due at or before `now`, in the order (due, key). */
  first(now: Millis): DuePosition | undefined {
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
    for (;;) {
      const top = this.#top()
      if (top !== undefined && compareDue(top, this.#horizon) <= 0) return top.due
      if (this.#horizon.due === END) return END
      this.#refill()
    }
  }

  /** Removes the hint `first` gave: it was too early, or its key has no timers. */
  dropFirst(): void {
    const top = pop(this.#heap)
    if (top !== undefined) this.#armed.delete(top.key)
  }

  /**
   * After a checkpoint: keeps the nearest half of what is allowed, forgets what the checkpoint holds.
   * @param unwritten whether the key's timers may differ from those in the checkpoint
   */
  trim(unwritten: (key: string) => boolean): void {
    if (!this.full) return
    const dues = Float64Array.from(this.#armed.values()).sort()
    const cut = { due: dues[this.#limit >> 1] as number, key: '' }
    for (const [key, due] of this.#armed)
      if (due >= cut.due && !unwritten(key)) this.#armed.delete(key)
    if (compareDue(cut, this.#horizon) < 0) this.#horizon = cut
    this.#rebuild()
  }

  #top(): DuePosition | undefined {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined || this.#armed.get(top.key) === top.due) return top
      pop(this.#heap)
    }
  }

  #refill(): void {
    const hints = this.#backend.timersAfter(this.#horizon, REFILL)
    for (const hint of hints) this.arm(hint.key, hint.due)
    this.#horizon = hints.length < REFILL ? NEVER : (hints.at(-1) as DuePosition)
  }

  /** Drops superseded hints. A sorted array is a heap. */
  #rebuild(): void {
    this.#heap = Array.from(this.#armed, ([key, due]) => ({ due, key })).sort(compareDue)
  }
}

function push(heap: DuePosition[], hint: DuePosition): void {
  let at = heap.length
  heap.push(hint)
  while (at > 0) {
    const up = (at - 1) >> 1
    const parent = heap[up] as DuePosition
    if (compareDue(parent, hint) <= 0) break
    heap[at] = parent
    at = up
  }
  heap[at] = hint
}

function pop(heap: DuePosition[]): DuePosition | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let at = 0
  for (;;) {
    let down = 2 * at + 1
    if (down >= heap.length) break
    const right = heap[down + 1]
    if (right !== undefined && compareDue(right, heap[down] as DuePosition) < 0) down++
    const child = heap[down] as DuePosition
    if (compareDue(last, child) <= 0) break
    heap[at] = child
    at = down
  }
  heap[at] = last
  return top
}
