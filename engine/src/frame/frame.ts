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
 */
import { ByteReader, ByteWriter } from '../codec/bytes.ts'
import type { Codec } from '../codec/codec.ts'
import { OpportuneError } from '../errors.ts'
import type { Mode } from '../operator.ts'
import { BEGINNING, type Millis } from '../time.ts'

export const FRAME_VERSION = 1

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
  value: Buffer
}

/** Where a frame can be cut back to when a record's outputs are dropped. */
export interface FrameMark {
  readonly position: number
  readonly mark: Millis
  readonly items: number
}

export class FrameWriter {
  readonly #out = new ByteWriter(4096)
  /** Values are encoded here first: their length goes in front of them. */
  readonly #scratch: ByteWriter
  #mark: Millis = BEGINNING
  items = 0

  constructor(scratch: ByteWriter) {
    this.#scratch = scratch
  }

  get bytes(): number {
    return this.#out.position
  }

  open(upstream: string, liveFrom: Millis, mark: Millis): void {
    const out = this.#out
    out.reset()
    out.byte(FRAME_VERSION)
    out.text(upstream)
    out.double(liveFrom)
    out.double(mark)
    this.#mark = mark
    this.items = 0
  }

  add<T>(item: Omit<FrameItem, 'value'>, value: T, codec: Codec<T>): void {
    const out = this.#out
    const { mark, key, time } = item
    let head = item.mode === 'live' ? LIVE : 0
    if (key === null) head |= KEYLESS
    const delta = mark - this.#mark
    if (mark !== this.#mark) head |= exact(delta, this.#mark, mark) && delta > 0 ? MARK_DELTA : MARK_ABSOLUTE
    const relative = time - mark
    if (!exact(relative, mark, time)) head |= ABSOLUTE_TIME
    out.byte(head)
    out.varint(item.edge)
    if (head & MARK_DELTA) out.varint(delta)
    else if (head & MARK_ABSOLUTE) out.double(mark)
    this.#mark = mark
    if (head & ABSOLUTE_TIME) out.double(time)
    else out.signed(relative)
    if (key !== null) out.text(key)
    this.#scratch.reset()
    codec.write(value, this.#scratch)
    out.bytes(this.#scratch.view())
    this.items++
  }

  position(): FrameMark {
    return { position: this.#out.position, mark: this.#mark, items: this.items }
  }

  truncate(to: FrameMark): void {
    this.#out.position = to.position
    this.#mark = to.mark
    this.items = to.items
  }

  /** Ends the frame with the time that holds after its last record. @returns a copy of its bytes. */
  close(mark: Millis): Buffer {
    this.#out.byte(TAIL)
    this.#out.double(mark)
    return this.#out.copy()
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
  readonly #in: ByteReader
  readonly #item: FrameItem

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
    this.#in = reader
    this.#item = {
      edge: 0,
      key: null,
      mode: 'live',
      time: 0,
      mark: this.firstMark,
      value: reader.buffer,
    }
  }

  /** The next record, in an object that the following call overwrites. */
  next(): FrameItem | undefined {
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
    item.key = head & KEYLESS ? null : reader.text()
    item.mode = head & LIVE ? 'live' : 'history'
    item.value = reader.bytes()
    return item
  }
}
