/**
 * The store of the embedded log. Owns the topics, the bounds of every partition (in memory, equal to
 * what LMDB holds), and the cache of the newest frames.
 *
 * A change is in one LMDB transaction with its records, bounds and positions; memory follows only after
 * that has succeeded, so a failed one (disk full) leaves everything as it was and can be repeated.
 */
import { assert } from '../../errors.ts'
import type { Frame } from '../local/frame.ts'
import { FrameList } from '../local/frame-list.ts'
import {
  type Change,
  type LogStore,
  requirePartition,
  requireSamePartitions,
} from '../local/store.ts'
import type { CommittedPosition, PartitionBounds, TopicPartition, TopicSpec } from '../port.ts'
import { type Batch, CommitQueue, type QueuedChange } from './commit-queue.ts'
import { entryAt, type Shelf } from './entries.ts'
import { type Environment, transact } from './environment.ts'
import {
  decodeJson,
  decodePartition,
  decodePosition,
  EMPTY_PARTITION,
  encodeJson,
  encodePartition,
  encodePosition,
  entryKey,
  type PartitionState,
  partitionStateKey,
  positionKey,
  type StoredTopic,
  topicKey,
} from './layout.ts'
import type { Ownership } from './owner.ts'
import { TailCache } from './tail.ts'

/** Frames are joined into entries of about this many bytes. */
const ENTRY_BYTES = 1 << 20

export interface PartitionShelf extends Shelf {
  topic: TopicSpec
  readonly tail: FrameList
  state: PartitionState
}

interface Topic extends StoredTopic {
  readonly shelves: readonly PartitionShelf[]
}

interface Growth {
  readonly shelf: PartitionShelf
  readonly frames: Frame[]
  bytes: number
  end: number
}

export class LmdbStore implements LogStore {
  readonly kind = 'embedded'
  readonly gapless = true
  readonly environment: Environment
  readonly #ownership: Ownership
  readonly #afterCommit: () => void
  readonly #tail: TailCache
  readonly #topics = new Map<string, Topic>()
  readonly #commits: CommitQueue<Placed>
  #failure: { readonly error: unknown } | undefined

  constructor(environment: Environment, ownership: Ownership, options: StoreOptions) {
    this.environment = environment
    this.#ownership = ownership
    this.#tail = new TailCache(options.tailBytes)
    this.#afterCommit = options.afterCommit
    for (const stored of loadTopics(environment)) this.#admit(stored)
    this.#commits = new CommitQueue({
      environment,
      place: (changes) => this.#place(changes),
      write: (placed) => this.#write(placed),
      done: (placed) => this.#show(placed),
    })
  }

  topics(): readonly TopicSpec[] {
    return [...this.#topics.values()].map((topic) => topic.spec)
  }

  topic(name: string): TopicSpec | undefined {
    return this.#topics.get(name)?.spec
  }

  ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    return this.exclusively(() => this.#ensureTopics(specs))
  }

  #ensureTopics(specs: readonly TopicSpec[]): void {
    for (const spec of specs) {
      const known = this.topic(spec.name)
      if (known !== undefined) requireSamePartitions(known, spec)
    }
    let next = Math.max(0, ...[...this.#topics.values()].map((topic) => topic.number)) + 1
    // A name listed twice is one topic: two numbers for it would be two places on the disk.
    const named = new Map(specs.map((spec) => [spec.name, spec]))
    const stored = [...named.values()].map((spec) => ({
      number: this.#topics.get(spec.name)?.number ?? next++,
      spec,
    }))
    this.transact(0, () => {
      for (const topic of stored)
        this.environment.meta.putSync(topicKey(topic.spec.name), encodeJson(topic))
    })
    for (const topic of stored) this.#admit(topic)
  }

  bounds(topic: string, partition: number): PartitionBounds {
    return this.shelf(topic, partition).state
  }

  frames(topic: string, partition: number, offset: number): readonly Frame[] {
    const shelf = this.shelf(topic, partition)
    if (offset >= shelf.state.end) return []
    const cached = this.#tail.find(shelf.tail, offset)
    if (cached !== undefined) return cached
    const entry = entryAt(this.environment, shelf, offset)
    return entry?.frames.filter((frame) => frame.end > offset) ?? []
  }

  committed(group: string, partition: TopicPartition): CommittedPosition | undefined {
    const bytes = this.environment.meta.getBinary(positionKey(group, partition))
    return bytes === undefined ? undefined : decodePosition(bytes)
  }

  async commit(change: Change): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    await this.#commits.add(change)
  }

  settled(): Promise<void> {
    return this.#commits.settled()
  }

  async close(): Promise<void> {
    await this.settled()
    await this.#ownership.release()
    await this.environment.root.close()
  }

  // --- for housekeeping ---

  /** Does something while no change is being written, before any that waits. */
  exclusively<T>(work: () => T): Promise<T> {
    return this.#commits.exclusively(work)
  }

  /** One write transaction of the owner, within `exclusively`. */
  transact(bytes: number, change: () => void): void {
    transact(this.environment, bytes, () => {
      this.#ownership.assertOwned()
      change()
    })
  }

  shelves(): readonly PartitionShelf[] {
    return [...this.#topics.values()].flatMap((topic) => topic.shelves)
  }

  /** @throws log_unknown_topic */
  shelf(topic: string, partition: number): PartitionShelf {
    const shelf = this.#topics.get(topic)?.shelves[partition]
    if (shelf === undefined) requirePartition(this, topic, partition)
    assert(shelf !== undefined, 'a known partition has a shelf')
    return shelf
  }

  forgetTail(shelf: PartitionShelf): void {
    this.#tail.forget(shelf.tail)
  }

  /** Makes the next commit fail with what housekeeping met, which nobody else would hear of. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  /** A shelf is never replaced: housekeeping may be at work on it. */
  #admit(stored: StoredTopic): void {
    const known = this.#topics.get(stored.spec.name)
    for (const shelf of known?.shelves ?? []) shelf.topic = stored.spec
    const shelves =
      known?.shelves ??
      Array.from({ length: stored.spec.partitions }, (_, partition) => ({
        number: stored.number,
        partition,
        topic: stored.spec,
        tail: new FrameList(),
        state: loadPartition(this.environment, { number: stored.number, partition }),
      }))
    this.#topics.set(stored.spec.name, { ...stored, shelves })
  }

  /** Gives the records of those changes that are allowed their places; tells the others why not. */
  #place(changes: readonly QueuedChange[]): Placed {
    const growths = new Map<PartitionShelf, Growth>()
    const growthOf = (at: TopicPartition): Growth => {
      const shelf = this.shelf(at.topic, at.partition)
      let growth = growths.get(shelf)
      if (growth === undefined)
        growths.set(shelf, (growth = { shelf, frames: [], bytes: 0, end: shelf.state.end }))
      return growth
    }
    const allowed = changes.filter((queued) => {
      try {
        queued.change.check?.((partition) => growthOf(partition).end)
        for (const write of queued.change.writes) grow(growthOf(write), write.frames)
        return true
      } catch (error) {
        queued.reject(error)
        return false
      }
    })
    return {
      changes: allowed,
      growths: [...growths.values()].filter((growth) => growth.frames.length > 0),
    }
  }

  #write({ changes, growths }: Placed): void {
    this.#ownership.assertOwned()
    const { meta, records } = this.environment
    for (const growth of growths) {
      const { number, partition } = growth.shelf
      for (const run of runs(growth.frames))
        records.putSync(entryKey(number, partition, (run[0] as Frame).base), join(run))
      meta.putSync(partitionStateKey(number, partition), encodePartition(grown(growth)))
    }
    for (const { change } of changes)
      for (const position of change.positions)
        meta.putSync(positionKey(change.group, position), encodePosition(position))
  }

  #show({ growths }: Placed): void {
    for (const growth of growths) {
      growth.shelf.state = grown(growth)
      this.#tail.push(growth.shelf.tail, growth.frames)
    }
    this.#afterCommit()
  }
}

/** Changes of one transaction, and what each partition gets by them. */
interface Placed extends Batch {
  readonly growths: readonly Growth[]
}

function grow(growth: Growth, frames: readonly Frame[]): void {
  for (const frame of frames) {
    frame.place(growth.end)
    frame.seal()
    growth.end = frame.end
    growth.bytes += frame.length
    growth.frames.push(frame)
  }
}

export interface StoreOptions {
  readonly tailBytes: number
  readonly afterCommit: () => void
}

export function loadTopics(environment: Environment): StoredTopic[] {
  const topics: StoredTopic[] = []
  // Array keys sort by their elements; one past the prefix ends the range.
  const range = environment.meta.getRange({ start: ['topic'], end: ['topic', '\u{10ffff}'] })
  for (const { value } of range) topics.push(decodeJson<StoredTopic>(value))
  return topics
}

export function loadPartition(environment: Environment, shelf: Shelf): PartitionState {
  const bytes = environment.meta.getBinary(partitionStateKey(shelf.number, shelf.partition))
  return bytes === undefined ? EMPTY_PARTITION : decodePartition(bytes)
}

function grown(growth: Growth): PartitionState {
  const { state } = growth.shelf
  return {
    ...state,
    end: growth.end,
    bytes: state.bytes + growth.bytes,
    dirtyBytes: state.dirtyBytes + growth.bytes,
  }
}

/** Frames that share an entry. */
export function runs(frames: readonly Frame[]): Frame[][] {
  const result: Frame[][] = []
  let bytes = 0
  for (const frame of frames) {
    const last = result.at(-1)
    if (last === undefined || bytes + frame.length > ENTRY_BYTES) {
      result.push([frame])
      bytes = frame.length
    } else {
      last.push(frame)
      bytes += frame.length
    }
  }
  return result
}

export function join(frames: readonly Frame[]): Buffer {
  const [only] = frames
  if (frames.length === 1 && only !== undefined)
    return Buffer.from(only.bytes.buffer, only.bytes.byteOffset, only.length)
  return Buffer.concat(frames.map((frame) => frame.bytes))
}
