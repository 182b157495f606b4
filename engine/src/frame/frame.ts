/**
 * Frames: how records travel between stages. One frame is the value of one log record and holds every
 * record that one upstream task's epoch has for one partition, with the time marks between them.
 *
 * F1 Records and marks come out in the order they went in.
 * F2 Each record carries the mark (the upstream task's time) that held when it was written; marks of
 *    one frame never go back, save to and from END (an upstream that is idle or has ended).
 * F3 `liveFrom` is the instant from which the upstream's time counts as live: BEGINNING for a live
 *    source, END while it replays history. A timer due before it fires in history mode, whatever
 *    partition it lives in.
 * F4 A reader of version n reads versions n and n - 1 and refuses newer ones (frame_version).
 *
 * Layout: version, upstream, liveFrom, first mark, then items: head byte (bit 0 live, bit 1 mark grew
 * by a varint, bit 2 mark is an absolute double, bit 3 no key), edge, [mark], time relative to mark
 * (bit 4: absolute), [key], value; the end is a head of 0xff followed by the last mark as a double.
 * A key is 0 and its text the first time, and its number (from 1, in order of first use) afterwards:
 * keys come back within a frame, and a reader looks each of them up once.
 */
import { ByteReader, ByteWriter } from '../codec/bytes.ts'
import type { Codec } from '../codec/codec.ts'
import { OpportuneError } from '../errors.ts'
import type { Mode } from '../operator.ts'
import { BEGINNING, type Millis } from '../time.ts'

const FRAME_VERSION = 1

const LIVE = 1
const MARK_DELTA = 2
const MARK_ABSOLUTE = 4
const KEYLESS = 8
const ABSOLUTE_TIME = 16
const TAIL = 0xff
/** Above this, the next record opens a new frame. */
export const FRAME_BYTES = 256 * 1024

export interface FrameItem {
  /** Which input of the inbox it is. */
  edge: number
  /** null for a broadcast. */
  key: string | null
  mode: Mode
  time: Millis
  mark: Millis
}

/** An item as it was read; its value lies in [from, to) of the frame. */
export interface FrameEntry extends FrameItem {
  /** Equal keys of one frame have equal numbers, counted from 0; -1 where there is no key. */
  keyNumber: number
  from: number
  to: number
}

export class FrameWriter {
  readonly #out = new ByteWriter(4096)
  /** The frame's keys in order of first use, and the number of each. */
  readonly #keys: string[] = []
  readonly #numbers = new Map<string, number>()
  #mark: Millis = BEGINNING
  #kept = { position: 0, mark: BEGINNING, items: 0, keys: 0 }
  items = 0

  get bytes(): number {
    return this.#out.position
  }

  /** The mark of the last item, or that of the opening. */
  get mark(): Millis {
    return this.#mark
  }

  open(upstream: string, liveFrom: Millis, mark: Millis): void {
    const out = this.#out
    out.reset()
    out.byte(FRAME_VERSION)
    out.text(upstream)
    out.double(liveFrom)
    out.double(mark)
    this.#mark = mark
    this.#keys.length = 0
    this.#numbers.clear()
    this.items = 0
  }

  add<T>(item: FrameItem, value: T, codec: Codec<T>): void {
    const out = this.#out
    const { mark, key, time } = item
    let head = item.mode === 'live' ? LIVE : 0
    if (key === null) head |= KEYLESS
    const delta = mark - this.#mark
    if (mark !== this.#mark)
      head |= exact(delta, this.#mark, mark) && delta > 0 ? MARK_DELTA : MARK_ABSOLUTE
    const relative = time - mark
    if (!exact(relative, mark, time)) head |= ABSOLUTE_TIME
    out.byte(head)
    out.varint(item.edge)
    if (head & MARK_DELTA) out.varint(delta)
    else if (head & MARK_ABSOLUTE) out.double(mark)
    this.#mark = mark
    if (head & ABSOLUTE_TIME) out.double(time)
    else out.signed(relative)
    if (key !== null) this.#key(key)
    const begun = out.beginValue()
    codec.write(value, out)
    out.endValue(begun)
    this.items++
  }

  /** Keeps in mind what was written so far, for `cutBack`. */
  remember(): void {
    const kept = this.#kept
    kept.position = this.#out.position
    kept.mark = this.#mark
    kept.items = this.items
    kept.keys = this.#keys.length
  }

  /** Takes back what was added since `remember`. */
  cutBack(): void {
    const kept = this.#kept
    this.#out.position = kept.position
    this.#mark = kept.mark
    this.items = kept.items
    while (this.#keys.length > kept.keys) this.#numbers.delete(this.#keys.pop() as string)
  }

  /** Ends the frame with the time that holds after its last record. @returns a copy of its bytes. */
  close(mark: Millis): Buffer {
    this.#out.byte(TAIL)
    this.#out.double(mark)
    return this.#out.copy()
  }

  #key(key: string): void {
    const number = this.#numbers.get(key)
    if (number !== undefined) {
      this.#out.varint(number)
      return
    }
    this.#numbers.set(key, this.#keys.push(key))
    this.#out.byte(0)
    this.#out.text(key)
  }
}

/** Whether `from + delta` gives `to` back: not so for infinities and fractions. */
const exact = (delta: number, from: number, to: number): boolean =>
  Number.isSafeInteger(delta) && from + delta === to

/** Reads a frame item by item into one reused object. @throws frame_corrupt, frame_version */
export class FrameReader {
  readonly upstream: string
  readonly liveFrom: Millis
  /** The mark that held before the first record. */
  readonly firstMark: Millis
  /** The mark after the last record; known once `next` returned undefined. */
  lastMark: Millis
  /** The frame's bytes, in which values lie. */
  readonly buffer: Buffer
  readonly #in: ByteReader
  readonly #item: FrameEntry
  readonly #keys: string[] = []

  constructor(bytes: Uint8Array) {
    const reader = new ByteReader(bytes)
    const version = reader.byte()
    if (version !== FRAME_VERSION)
      throw new OpportuneError(
        version > FRAME_VERSION ? 'frame_version' : 'frame_corrupt',
        `A frame has version ${version}; this release reads ${FRAME_VERSION}.`,
      )
    this.upstream = reader.text()
    this.liveFrom = reader.double()
    this.firstMark = reader.double()
    this.lastMark = this.firstMark
    this.buffer = reader.buffer
    this.#in = reader
    this.#item = {
      edge: 0,
      key: null,
      mode: 'live',
      time: 0,
      mark: this.firstMark,
      keyNumber: -1,
      from: 0,
      to: 0,
    }
  }

  /** The next record, in an object that the following call overwrites. */
  next(): FrameEntry | undefined {
    const reader = this.#in
    const item = this.#item
    const head = reader.byte()
    if (head === TAIL) {
      this.lastMark = reader.double()
      if (!reader.done)
        throw new OpportuneError('frame_corrupt', 'Bytes follow the end of a frame.')
      return undefined
    }
    item.edge = reader.varint()
    if (head & MARK_DELTA) item.mark += reader.varint()
    else if (head & MARK_ABSOLUTE) item.mark = reader.double()
    item.time = head & ABSOLUTE_TIME ? reader.double() : item.mark + reader.signed()
    item.mode = head & LIVE ? 'live' : 'history'
    if (head & KEYLESS) {
      item.key = null
      item.keyNumber = -1
    } else this.#key(item)
    const length = reader.varint()
    item.from = reader.skip(length)
    item.to = item.from + length
    return item
  }

  /** A view of an item's value. */
  value(item: FrameEntry): Buffer {
    return this.buffer.subarray(item.from, item.to)
  }

  #key(item: FrameEntry): void {
    const number = this.#in.varint()
    if (number === 0) item.keyNumber = this.#keys.push(this.#in.text()) - 1
    else item.keyNumber = number - 1
    const key = this.#keys[item.keyNumber]
    if (key === undefined)
      throw new OpportuneError(
        'frame_corrupt',
        'A record names a key that its frame does not hold.',
      )
    item.key = key
  }
}
