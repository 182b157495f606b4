/**
 * The store of the simulated log: lists of frames in memory. A commit changes nothing before it can
 * no longer fail, so it is atomic without further care.
 */
import { assert } from '../../errors.ts'
import { KeyIndex, survivors } from '../local/compact.ts'
import type { Frame } from '../local/frame.ts'
import { FrameList } from '../local/frame-list.ts'
import {
  type Change,
  type LogStore,
  type PartitionWrite,
  requirePartition,
  requireSamePartitions,
} from '../local/store.ts'
import {
  type CommittedPosition,
  type EpochPosition,
  type PartitionBounds,
  partitionKey,
  type TopicPartition,
  type TopicSpec,
} from '../port.ts'

/** One partition: what everybody may read. */
export interface Shelf {
  readonly frames: FrameList
  start: number
  end: number
  bytes: number
  cleanedTo: number
}

interface Topic {
  readonly spec: TopicSpec
  readonly shelves: readonly Shelf[]
}

/** Frames handed out by one call of `frames`. */
const RUN = 16

export class MemoryStore implements LogStore {
  readonly kind = 'simulated'
  readonly gapless: boolean
  readonly #topics = new Map<string, Topic>()
  readonly #positions = new Map<string, CommittedPosition>()
  readonly #markers: boolean
  readonly #now: () => number

  /** @param markers let each commit take an offset of its own, as transaction markers in Kafka do */
  constructor(markers: boolean, now: () => number) {
    this.#markers = markers
    this.gapless = !markers
    this.#now = now
  }

  topics(): readonly TopicSpec[] {
    return [...this.#topics.values()].map((topic) => topic.spec)
  }

  topic(name: string): TopicSpec | undefined {
    return this.#topics.get(name)?.spec
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) {
      const known = this.topic(spec.name)
      if (known !== undefined) requireSamePartitions(known, spec)
    }
    for (const spec of specs) {
      const shelves = this.#topics.get(spec.name)?.shelves
      this.#topics.set(spec.name, {
        spec,
        shelves: shelves ?? Array.from({ length: spec.partitions }, emptyShelf),
      })
    }
  }

  bounds(topic: string, partition: number): PartitionBounds {
    return this.shelf(topic, partition)
  }

  frames(topic: string, partition: number, offset: number): readonly Frame[] {
    return this.shelf(topic, partition).frames.from(offset, RUN)
  }

  committed(group: string, partition: TopicPartition): CommittedPosition | undefined {
    return this.#positions.get(`${group}/${partitionKey(partition)}`)
  }

  /** All of it in the turn of the call, so that nothing can come between a fault and what it strikes. */
  async commit(change: Change): Promise<void> {
    change.check?.(({ topic, partition }) => this.shelf(topic, partition).end)
    const shelves = change.writes.map((write) => this.shelf(write.topic, write.partition))
    change.writes.forEach((write, i) => {
      const shelf = shelves[i] as Shelf
      for (const frame of write.frames) {
        frame.place(shelf.end)
        shelf.end = frame.end
        shelf.bytes += frame.length
        shelf.frames.push(frame)
      }
    })
    if (this.#markers) for (const shelf of new Set(shelves)) shelf.end++
    this.move(change.group, change.positions)
    change.aside?.()
  }

  async settled(): Promise<void> {}

  protected move(group: string, positions: readonly EpochPosition[]): void {
    for (const { offset, metadata, ...partition } of positions)
      this.#positions.set(`${group}/${partitionKey(partition)}`, { offset, metadata })
  }

  /** What a commit leaves that reached half of its partitions and was then rolled back: gaps. */
  commitTorn(writes: readonly PartitionWrite[]): void {
    for (const write of writes.slice(0, Math.ceil(writes.length / 2))) {
      const shelf = this.shelf(write.topic, write.partition)
      for (const frame of write.frames) shelf.end += frame.span
    }
  }

  /** Drops the oldest frames of `delete` topics, by the rules of the embedded log's retention. */
  retain(): void {
    const now = this.#now()
    for (const { spec, shelves } of this.#topics.values()) {
      if (spec.cleanup !== 'delete') continue
      const { retentionMs = Infinity, retentionBytes = Infinity } = spec
      for (const shelf of shelves)
        for (let first = shelf.frames.first; first !== undefined; first = shelf.frames.first) {
          const expired = now - first.appendedAt > retentionMs
          if (!expired && shelf.bytes - first.length < retentionBytes) break
          shelf.frames.shift()
          shelf.bytes -= first.length
          shelf.start = shelf.frames.first?.base ?? shelf.end
        }
    }
  }

  /** Keeps the last record of each key; the last frame is not touched. @returns bytes freed */
  compact(topic: string, partition: number): number {
    const shelf = this.shelf(topic, partition)
    const frames = shelf.frames.all()
    const last = frames.at(-1)
    if (last === undefined) return 0
    const index = new KeyIndex(Infinity)
    const closed = frames.slice(0, -1)
    for (const frame of closed) index.add(frame)
    const kept = survivors(closed, index, shelf.cleanedTo)
    const before = shelf.bytes
    shelf.frames.replace([...kept, last])
    shelf.bytes = last.length
    for (const frame of kept) shelf.bytes += frame.length
    shelf.cleanedTo = last.base
    return before - shelf.bytes
  }

  async close(): Promise<void> {}

  protected shelf(topic: string, partition: number): Shelf {
    const shelf = this.#topics.get(topic)?.shelves[partition]
    if (shelf === undefined) requirePartition(this, topic, partition)
    assert(shelf !== undefined, 'a known partition has a shelf')
    return shelf
  }
}

function emptyShelf(): Shelf {
  return { frames: new FrameList(), start: 0, end: 0, bytes: 0, cleanedTo: 0 }
}
