/**
 * Hints (due, key) in the order of both, smallest first.
 *
 * Many keys are due at one instant: every key of a window ends with it. So hints lie in buckets by due
 * time, a bucket is sorted once, when its time has come, and only buckets stand in a heap. Windows arm
 * their keys in the order in which they fired, so that a bucket is nearly sorted before.
 *
 * Keys that come for an instant whose bucket is being taken from stand in a heap of their own, or each
 * of them would have the whole bucket sorted again.
 */
import type { Millis } from '../time.ts'
import type { DuePosition } from './port.ts'

interface Bucket {
  readonly due: Millis
  readonly keys: string[]
  /** Keys before this place have been taken. */
  head: number
  sorted: boolean
  /** Came while the bucket was being taken from; a heap. */
  readonly late: string[]
}

export class HintHeap {
  readonly #byDue = new Map<Millis, Bucket>()
  #buckets: Bucket[] = []
  #size = 0

  /** Hints in it, superseded ones included. */
  get size(): number {
    return this.#size
  }

  push(due: Millis, key: string): void {
    this.#size++
    const bucket = this.#byDue.get(due)
    if (bucket === undefined) {
      const fresh = { due, keys: [key], head: 0, sorted: true, late: [] }
      this.#byDue.set(due, fresh)
      push(this.#buckets, fresh, earlier)
    } else if (bucket.head > 0) push(bucket.late, key, before)
    else {
      if (bucket.sorted && key < (bucket.keys[bucket.keys.length - 1] as string))
        bucket.sorted = false
      bucket.keys.push(key)
    }
  }

  /** The due time of the first hint; undefined where there is none. */
  get firstDue(): Millis | undefined {
    return this.#buckets[0]?.due
  }

  /** The key of the first hint. */
  get firstKey(): string | undefined {
    const bucket = this.#buckets[0]
    if (bucket === undefined) return undefined
    if (!bucket.sorted) {
      // Without a comparison of its own `sort` goes by UTF-16 code units, as `<` does.
      bucket.keys.sort()
      bucket.sorted = true
    }
    return isLate(bucket) ? bucket.late[0] : bucket.keys[bucket.head]
  }

  pop(): void {
    if (this.firstKey === undefined) return
    const bucket = this.#buckets[0] as Bucket
    this.#size--
    if (isLate(bucket)) pop(bucket.late, before)
    else bucket.head++
    if (bucket.head < bucket.keys.length || bucket.late.length > 0) return
    pop(this.#buckets, earlier)
    this.#byDue.delete(bucket.due)
  }

  /** Drops every hint that is not to be kept. */
  retain(keep: (due: Millis, key: string) => boolean): void {
    const kept: DuePosition[] = []
    for (const { due, keys, head, late } of this.#buckets) {
      for (let i = head; i < keys.length; i++) {
        const key = keys[i] as string
        if (keep(due, key)) kept.push({ due, key })
      }
      for (const key of late) if (keep(due, key)) kept.push({ due, key })
    }
    this.#byDue.clear()
    this.#buckets = []
    this.#size = 0
    for (const { due, key } of kept) this.push(due, key)
  }
}

/** Whether the first key of the bucket is one that came late. */
function isLate({ late, keys, head }: Bucket): boolean {
  const [first] = late
  return first !== undefined && (head >= keys.length || first < (keys[head] as string))
}

const earlier = (a: Bucket, b: Bucket): boolean => a.due < b.due
const before = (a: string, b: string): boolean => a < b

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
