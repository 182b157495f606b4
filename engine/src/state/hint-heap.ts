/**
 * Things with a key, each at a due time, in the order of both, smallest first.
 *
 * Many keys are due at one instant: every key of a window ends with it. So hints lie in buckets by due
 * time, a bucket is sorted once, when its time has come, and only buckets stand in a heap. Windows arm
 * their keys in the order in which they fired, so that a bucket is nearly sorted before.
 *
 * Keys that come for an instant whose bucket is being taken from stand in a heap of their own, or each
 * of them would have the whole bucket sorted again.
 */
import type { Millis } from '../time.ts'

interface Keyed {
  readonly key: string
}

interface Bucket<T> {
  readonly due: Millis
  readonly items: T[]
  /** Items before this place have been taken. */
  head: number
  sorted: boolean
  /** Came while the bucket was being taken from; a heap. */
  readonly late: T[]
}

export class HintHeap<T extends Keyed> {
  readonly #byDue = new Map<Millis, Bucket<T>>()
  #buckets: Bucket<T>[] = []
  #size = 0

  /** Hints in it, superseded ones included. */
  get size(): number {
    return this.#size
  }

  push(due: Millis, item: T): void {
    this.#size++
    const bucket = this.#byDue.get(due)
    if (bucket === undefined) {
      const fresh = { due, items: [item], head: 0, sorted: true, late: [] }
      this.#byDue.set(due, fresh)
      push(this.#buckets, fresh, earlier)
    } else if (bucket.head > 0) push(bucket.late, item, before)
    else {
      if (bucket.sorted && before(item, bucket.items[bucket.items.length - 1] as T))
        bucket.sorted = false
      bucket.items.push(item)
    }
  }

  /** The due time of the first hint; undefined where there is none. */
  get firstDue(): Millis | undefined {
    return this.#buckets[0]?.due
  }

  get first(): T | undefined {
    const bucket = this.#buckets[0]
    if (bucket === undefined) return undefined
    if (!bucket.sorted) {
      bucket.items.sort(byKey)
      bucket.sorted = true
    }
    return isLate(bucket) ? bucket.late[0] : bucket.items[bucket.head]
  }

  pop(): void {
    if (this.first === undefined) return
    const bucket = this.#buckets[0] as Bucket<T>
    this.#size--
    if (isLate(bucket)) pop(bucket.late, before)
    else bucket.head++
    if (bucket.head < bucket.items.length || bucket.late.length > 0) return
    pop(this.#buckets, earlier)
    this.#byDue.delete(bucket.due)
  }

  /** Drops every hint that is not to be kept. */
  retain(keep: (due: Millis, item: T) => boolean): void {
    const kept: { readonly due: Millis; readonly item: T }[] = []
    for (const { due, items, head, late } of this.#buckets) {
      for (const item of [...items.slice(head), ...late])
        if (keep(due, item)) kept.push({ due, item })
    }
    this.#byDue.clear()
    this.#buckets = []
    this.#size = 0
    for (const { due, item } of kept) this.push(due, item)
  }
}

/** Whether the first item of the bucket is one that came late. */
function isLate<T extends Keyed>({ late, items, head }: Bucket<T>): boolean {
  const [first] = late
  return first !== undefined && (head >= items.length || before(first, items[head] as T))
}

const earlier = (a: Bucket<unknown>, b: Bucket<unknown>): boolean => a.due < b.due
const before = (a: Keyed, b: Keyed): boolean => a.key < b.key
const byKey = (a: Keyed, b: Keyed): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)

function push<T>(heap: T[], item: T, less: (a: T, b: T) => boolean): void {
  let at = heap.length
  heap.push(item)
  while (at > 0) {
    const up = (at - 1) >> 1
    const parent = heap[up] as T
    if (!less(item, parent)) break
    heap[at] = parent
    at = up
  }
  heap[at] = item
}

function pop<T>(heap: T[], less: (a: T, b: T) => boolean): void {
  const last = heap.pop() as T
  const { length } = heap
  if (length === 0) return
  let at = 0
  for (;;) {
    let down = 2 * at + 1
    if (down >= length) break
    if (down + 1 < length && less(heap[down + 1] as T, heap[down] as T)) down++
    const child = heap[down] as T
    if (!less(child, last)) break
    heap[at] = child
    at = down
  }
  heap[at] = last
}
