/**
 * What one task's epoch sends out: frames to inboxes, records to sinks, dead letters.
 *
 * U1 Nothing leaves before the epoch is sealed; what a dropped record sent is cut away.
 * U2 Within one destination, order is emission order.
 * U3 A frame to an inbox that this stage's marks hold back ends with the task's time; where nothing
 *    was sent, a frame of its own carries the mark once time moved by `markEvery`.
 * U5 A record whose output is larger than the log may take is refused while it is processed, as any that
 *    an operator throws at: it becomes a dead letter, and the epoch goes on.
 */
import { ByteWriter } from '../codec/bytes.ts'
import type { Codec } from '../codec/codec.ts'
import { assert, OpportuneError } from '../errors.ts'
import { FRAME_BYTES, type FrameItem, FrameWriter } from '../frame/frame.ts'
import { keyGroup } from '../hash.ts'
import type { OutgoingRecord } from '../log/port.ts'
import { BEGINNING, type Millis } from '../time.ts'
import type { SinkSpec } from '../topology/plan.ts'
import { partitionOf } from './partition.ts'

/** Writes ready for an epoch transaction. */
export interface OutgoingBatch {
  readonly topic: string
  readonly partition: number
  readonly records: OutgoingRecord[]
}

interface Destination {
  readonly touch: { serial: number }
  cutBack(): void
  settle(): void
}

class FrameDestination implements Destination {
  readonly touch = { serial: -1 }
  readonly topic: string
  readonly partition: number
  /** Whether this stage's marks hold back the inbox's time. */
  readonly carriesTime: boolean
  readonly frame = new FrameWriter()
  readonly closed: Buffer[] = []
  open = false
  /** What the open frame says of when live time began. */
  liveFrom: Millis = BEGINNING
  sentMark: Millis = BEGINNING
  #wasOpen = false

  constructor(at: { topic: string; partition: number; carriesTime: boolean }) {
    this.topic = at.topic
    this.partition = at.partition
    this.carriesTime = at.carriesTime
  }

  remember(): void {
    this.#wasOpen = this.open
    if (this.open) this.frame.remember()
  }

  cutBack(): void {
    if (this.#wasOpen) this.frame.cutBack()
    else this.open = false
  }

  settle(): void {
    if (this.open && this.frame.bytes >= FRAME_BYTES) this.close(this.frame.mark)
  }

  close(mark: Millis): void {
    this.closed.push(this.frame.close(mark))
    this.open = false
    this.sentMark = mark
  }
}

/** What a sink gets, encoded as it comes: one run of bytes, the records' ends, keys and times. */
class SinkDestination implements Destination {
  readonly touch = { serial: -1 }
  readonly spec: SinkSpec<unknown>
  readonly bytes = new ByteWriter(4096)
  readonly ends: number[] = []
  readonly keys: (string | null)[] = []
  readonly times: Millis[] = []
  /** For chains only: the values and the task times they were sent at. */
  readonly values: unknown[] = []
  readonly nows: Millis[] = []
  #kept = 0

  constructor(spec: SinkSpec<unknown>) {
    this.spec = spec
  }

  add(value: unknown, at: { readonly time: Millis; readonly now: Millis }): void {
    const { spec } = this
    spec.codec.write(value, this.bytes)
    this.ends.push(this.bytes.position)
    this.keys.push(spec.key?.(value) ?? null)
    this.times.push(at.time)
    if (spec.chain === undefined) return
    this.values.push(value)
    this.nows.push(at.now)
  }

  /** Size of the encoded value that was added last. */
  get lastBytes(): number {
    return (this.ends.at(-1) ?? 0) - (this.ends.at(-2) ?? 0)
  }

  /** The encoded value of record `index`; valid until the next `add`. */
  view(index: number): Buffer {
    return this.bytes.buffer.subarray(this.ends[index - 1] ?? 0, this.ends[index])
  }

  remember(): void {
    this.#kept = this.ends.length
  }

  cutBack(): void {
    this.#shorten(this.#kept)
  }

  settle(): void {}

  clear(): void {
    this.#shorten(0)
  }

  #shorten(count: number): void {
    this.ends.length = count
    // Encoding may have thrown half way through a value.
    this.bytes.position = this.ends[count - 1] ?? 0
    this.keys.length = count
    this.times.length = count
    if (this.values.length === 0) return
    this.values.length = count
    this.nows.length = count
  }
}

export interface OutputOptions {
  readonly task: string
  readonly partition: number
  /** Task time between marks to a partition that gets no records. */
  readonly markEvery: Millis
  /** Largest output, as it is encoded, in bytes; absent: the log alone decides. */
  readonly maxBytes?: number | undefined
  readonly inboxes: readonly {
    readonly topic: string
    readonly partitions: number
    readonly carriesTime: boolean
  }[]
}

/** Where `toInbox` sends; looked up once, not for every record. */
export type InboxPartitions = readonly Destination[]

export class Outputs {
  readonly #options: OutputOptions
  readonly #maxBytes: number
  readonly #frames = new Map<string, FrameDestination[]>()
  readonly #sinks = new Map<string, SinkDestination>()
  /** The first `#touchedCount` of them the record has written to; setting `length` is a slow call. */
  readonly #touched: Destination[] = []
  #touchedCount = 0
  #serial = 0
  /** Chain states by sink id; they belong to the task's state. */
  chains: Record<string, unknown> = {}
  readonly deadLetters: Buffer[] = []

  constructor(options: OutputOptions) {
    this.#options = options
    this.#maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY
    for (const inbox of options.inboxes) {
      const known = this.#frames.get(inbox.topic)
      const carriesTime = inbox.carriesTime || known?.[0]?.carriesTime === true
      this.#frames.set(
        inbox.topic,
        Array.from(
          { length: inbox.partitions },
          (_, partition) => new FrameDestination({ topic: inbox.topic, partition, carriesTime }),
        ),
      )
    }
  }

  beginRecord(): void {
    this.#serial++
    this.#touchedCount = 0
  }

  keepRecord(): void {
    for (let i = 0; i < this.#touchedCount; i++) this.#touched[i]?.settle()
  }

  dropRecord(): void {
    for (let i = 0; i < this.#touchedCount; i++) this.#touched[i]?.cutBack()
  }

  /** The partitions of an inbox that the stage feeds, for `toInbox`. */
  inbox(topic: string): InboxPartitions {
    const partitions = this.#frames.get(topic)
    assert(partitions !== undefined, `the stage feeds ${topic}`)
    return partitions
  }

  /** To one partition of an inbox, by key; to all of them where the item has no key. */
  toInbox<T>(inbox: InboxPartitions, item: FrameItem, value: T, codec: Codec<T>): void {
    const partitions = inbox as readonly FrameDestination[]
    // With one partition the key's group does not matter, and is not worked out.
    if (partitions.length === 1) this.#add(partitions[0], item, value, codec)
    else if (item.key !== null)
      this.#add(partitions[partitionOf(keyGroup(item.key), partitions.length)], item, value, codec)
    else for (const destination of partitions) this.#add(destination, item, value, codec)
  }

  #add<T>(to: FrameDestination | undefined, item: FrameItem, value: T, codec: Codec<T>): void {
    assert(to !== undefined, 'the partition exists')
    if (to.open && to.liveFrom !== this.liveFrom) to.close(to.frame.mark)
    this.#touch(to)
    if (!to.open) this.#open(to, item.mark)
    to.frame.add(item, value, codec)
    // Closed frames are small: it is this record's own.
    if (to.frame.bytes > this.#maxBytes) throw this.#tooLarge(to.topic)
  }

  #tooLarge(topic: string): OpportuneError {
    const limit = this.#maxBytes
    return new OpportuneError('log_record_too_large', `An output to ${topic}.`, { topic, limit })
  }

  #open(to: FrameDestination, mark: Millis): void {
    to.frame.open(this.#options.task, this.liveFrom, mark)
    to.liveFrom = this.liveFrom
    to.open = true
  }

  /** What frames opened from now on say of when live time began. */
  liveFrom: Millis = BEGINNING
  /** The time up to which the task has sent everything: the mark that outgoing records carry. */
  mark: Millis = BEGINNING

  toSink(
    id: string,
    spec: SinkSpec<unknown>,
    value: unknown,
    at: { readonly time: Millis; readonly now: Millis },
  ): void {
    let sink = this.#sinks.get(id)
    if (sink === undefined) this.#sinks.set(id, (sink = new SinkDestination(spec)))
    this.#touch(sink)
    sink.add(value, at)
    if (sink.lastBytes > this.#maxBytes) throw this.#tooLarge(spec.topic)
  }

  #touch(destination: FrameDestination | SinkDestination): void {
    if (destination.touch.serial === this.#serial) return
    destination.touch.serial = this.#serial
    destination.remember()
    this.#touched[this.#touchedCount++] = destination
  }

  /** Everything the epoch sends, and a clean slate for the next one. */
  seal(): OutgoingBatch[] {
    const { mark } = this
    const batches: OutgoingBatch[] = []
    for (const partitions of this.#frames.values())
      for (const to of partitions) {
        // What came before live time began must not share a frame with a later mark.
        if (to.open && to.liveFrom !== this.liveFrom) to.close(to.frame.mark)
        if (!to.open && to.carriesTime && this.#markDue(to.sentMark, mark)) this.#open(to, mark)
        if (to.open) to.close(Math.max(mark, to.frame.mark))
        if (to.closed.length === 0) continue
        batches.push({
          topic: to.topic,
          partition: to.partition,
          records: to.closed.map((value) => ({ key: null, value })),
        })
        to.closed.length = 0
      }
    for (const [id, sink] of this.#sinks) this.#sealSink(id, sink, batches)
    return batches
  }

  /** END (idle) is told at once, and so is the way back from it. */
  #markDue(sent: Millis, mark: Millis): boolean {
    if (mark === sent) return false
    return (
      !Number.isFinite(mark) || !Number.isFinite(sent) || mark - sent >= this.#options.markEvery
    )
  }

  #sealSink(id: string, sink: SinkDestination, batches: OutgoingBatch[]): void {
    const { spec, keys, times } = sink
    const byPartition = new Map<number, OutgoingRecord[]>()
    // The log copies what it is given before the next epoch writes here again.
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string | null
      const value = spec.chain === undefined ? sink.view(i) : this.#link(id, sink, i)
      const record = {
        key: key === null ? null : Buffer.from(key),
        value,
        timestamp: times[i] as Millis,
      }
      const partition = this.#partitionOf(spec, key)
      const records = byPartition.get(partition)
      if (records === undefined) byPartition.set(partition, [record])
      else records.push(record)
    }
    for (const [partition, records] of byPartition)
      batches.push({ topic: spec.topic, partition, records })
    sink.clear()
  }

  /** Links record `index` to the chain of its sink. @returns the bytes to write */
  #link(id: string, sink: SinkDestination, index: number): Buffer {
    const { chain, topic } = sink.spec
    const bytes = Buffer.from(sink.view(index))
    if (chain === undefined) return bytes
    const state = this.chains[id] ?? chain.initial(`${topic}/${this.#options.partition}`)
    const linked = chain.next(state, sink.values[index], { now: sink.nows[index] as Millis, bytes })
    this.chains[id] = linked.state
    return linked.bytes
  }

  #partitionOf(spec: SinkSpec<unknown>, key: string | null): number {
    const count = spec.partitions
    if (count === undefined) return this.#options.partition
    if (spec.partitionBy === 'task' || key === null) return this.#options.partition % count
    return partitionOf(keyGroup(key), count)
  }

  /** Forgets the open epoch; chain states and sent marks are restored by the task. */
  discard(): void {
    for (const partitions of this.#frames.values())
      for (const to of partitions) {
        to.open = false
        to.closed.length = 0
      }
    for (const sink of this.#sinks.values()) sink.clear()
    this.deadLetters.length = 0
  }

  /** Marks last told, per inbox partition: part of the task's state. */
  sentMarks(): Record<string, readonly Millis[]> {
    const marks: Record<string, readonly Millis[]> = {}
    for (const [topic, partitions] of this.#frames)
      if (partitions[0]?.carriesTime === true) marks[topic] = partitions.map((to) => to.sentMark)
    return marks
  }

  restoreSentMarks(marks: Readonly<Record<string, readonly Millis[]>>): void {
    for (const [topic, partitions] of this.#frames)
      for (const to of partitions) to.sentMark = marks[topic]?.[to.partition] ?? BEGINNING
  }
}
