import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findError } from '../../errors.ts'
import type { OutgoingRecord } from '../port.ts'
import { Cursor, readBatch } from './batch.ts'
import { KeyIndex, survivors } from './compact.ts'
import { type Frame, pack, packWithOffsets, parseFrames } from './frame.ts'
import type { ReadableStore } from './store.ts'

const someBytes = fc.uint8Array({ maxLength: 12 })
const anyRecord: fc.Arbitrary<OutgoingRecord> = fc
  .record({
    key: fc.option(someBytes),
    value: fc.option(someBytes),
    timestamp: fc.option(fc.double({ noNaN: true }), { nil: undefined }),
    headers: fc.option(
      fc.array(fc.tuple(fc.string({ maxLength: 5 }), someBytes), { maxLength: 3 }),
      {
        nil: undefined,
      },
    ),
  })
  .map(({ key, value, timestamp, headers }) => ({
    key,
    value,
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(headers === undefined ? {} : { headers }),
  }))

const NOW = 1_750_000_000_000
const OPTIONS = { now: NOW, maxRecordBytes: 1 << 20 }

const list = (bytes: Uint8Array | null): number[] | null => (bytes === null ? null : [...bytes])

function rowOf(frame: Frame, i: number): unknown {
  return {
    key: list(frame.key(i)),
    value: list(frame.value(i)),
    timestamp: frame.timestamp(i),
    headers: frame.headers(i).map(([name, value]) => [name, [...value]]),
  }
}

const rowFor = (record: OutgoingRecord): unknown => ({
  key: list(record.key),
  value: list(record.value),
  timestamp: record.timestamp ?? NOW,
  headers: (record.headers ?? []).map(([name, value]) => [name, [...value]]),
})

const reparsed = (frames: readonly Frame[]): Frame[] => {
  for (const frame of frames) frame.seal()
  return parseFrames(Buffer.concat(frames.map((frame) => frame.bytes)))
}

describe('frames', () => {
  test('what was packed comes back, from memory and through bytes', () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { minLength: 1, maxLength: 8 }),
        fc.nat(1e9),
        (records, base) => {
          const packed = pack(records, OPTIONS)
          expect(packed).toHaveLength(1)
          packed[0]?.place(base)
          for (const [frame] of [packed, reparsed(packed)]) {
            expect(frame?.base).toBe(base)
            expect(frame?.end).toBe(base + records.length)
            if (frame === undefined) return
            records.forEach((record, i) => {
              expect(frame.offset(i)).toBe(base + i)
              expect(rowOf(frame, i)).toEqual(rowFor(record))
              expect(frame.valueSize(i)).toBe(record.value?.byteLength ?? 0)
            })
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  test('offsets with gaps are kept and found', () => {
    const record = { key: null, value: new Uint8Array([1]) }
    const frame = packWithOffsets([record, record, record], [5, 9, 30], NOW)
    expect([frame.base, frame.end, frame.span]).toEqual([5, 31, 26])
    expect([0, 1, 2].map((i) => frame.offset(i))).toEqual([5, 9, 30])
    expect([0, 5, 6, 9, 10, 30, 31].map((offset) => frame.indexOf(offset))).toEqual([
      0, 0, 1, 1, 2, 2, 3,
    ])
  })

  test('any changed byte is noticed', () => {
    const frames = pack([{ key: new Uint8Array([1]), value: new Uint8Array(40) }], OPTIONS)
    frames[0]?.seal()
    const bytes = frames[0]?.bytes ?? new Uint8Array()
    for (let at = 0; at < bytes.byteLength; at++) {
      const damaged = new Uint8Array(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ 0x10
      let code: string | undefined
      try {
        parseFrames(damaged)
      } catch (error) {
        code = findError(error)?.code
      }
      expect(code).toBe('log_corrupt')
    }
  })

  test('a frame of a later release is refused as such', () => {
    const [frame] = pack([{ key: null, value: null }], OPTIONS)
    if (frame === undefined) return
    frame.bytes[8] = 2
    frame.seal()
    expect(() => parseFrames(frame.bytes)).toThrow('frame_version')
  })
})

describe('batches', () => {
  /** A store of one partition with the given frames. */
  const storeOf = (frames: readonly Frame[]): ReadableStore => ({
    topics: () => [],
    topic: () => undefined,
    bounds: () => ({ start: 0, end: 0 }),
    frames: (_topic, _partition, offset) =>
      frames.filter((frame) => frame.end > offset).slice(0, 2),
  })

  const sizes = fc.array(fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }), { maxLength: 5 })
  const anyRead = fc.record({
    from: fc.nat(20),
    maxRecords: fc.integer({ min: 1, max: 9 }),
    maxBytes: fc.nat(30),
    atLeastOne: fc.boolean(),
  })
  type Read = typeof anyRead extends fc.Arbitrary<infer T> ? T : never
  interface Row {
    readonly offset: number
    readonly size: number
  }

  /** Frames with a gap in front of each, and their records. */
  function framesOf(writes: readonly (readonly number[])[]): { frames: Frame[]; rows: Row[] } {
    const frames: Frame[] = []
    const rows: Row[] = []
    for (const write of writes) {
      const records = write.map((size) => ({ key: null, value: new Uint8Array(size) }))
      for (const frame of pack(records, OPTIONS)) {
        frame.place((frames.at(-1)?.end ?? 0) + 1)
        frames.push(frame)
        write.forEach((size, i) => rows.push({ offset: frame.offset(i), size }))
      }
    }
    return { frames, rows }
  }

  function filtered(rows: readonly Row[], read: Read): Row[] {
    const taken: Row[] = []
    let bytes = 0
    for (const row of rows.filter(({ offset }) => offset >= read.from)) {
      const over = bytes + row.size > read.maxBytes && !(read.atLeastOne && taken.length === 0)
      if (over || taken.length === read.maxRecords) break
      taken.push(row)
      bytes += row.size
    }
    return taken
  }

  test('any sequence of reads through one cursor gives what a plain filter gives', () => {
    fc.assert(
      fc.property(sizes, fc.array(anyRead, { minLength: 1, maxLength: 5 }), (writes, reads) => {
        const { frames, rows } = framesOf(writes)
        const cursor = new Cursor(storeOf(frames), { topic: 'a', partition: 0 })
        for (const read of reads) {
          const batch = readBatch(cursor, read.from, read, read.atLeastOne)
          const expected = filtered(rows, read)
          expect(batch?.length ?? 0).toBe(expected.length)
          if (batch === undefined) continue
          // Backwards: the slice that was used last must not matter.
          const indexes = expected.map((_, i) => i).reverse()
          expect(indexes.map((i) => batch.offset(i)).reverse()).toEqual(
            expected.map((r) => r.offset),
          )
          expect(indexes.map((i) => batch.value(i)?.byteLength).reverse()).toEqual(
            expected.map((r) => r.size),
          )
          expect(batch.bytes).toBe(expected.reduce((sum, row) => sum + row.size, 0))
          expect(batch.nextOffset).toBe((expected.at(-1)?.offset ?? 0) + 1)
          expect(() => batch.value(expected.length)).toThrow(RangeError)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('compaction', () => {
  test('what stays is what a map of last values says, at the same offsets', () => {
    const rows = fc.array(fc.tuple(fc.nat(3), fc.option(fc.nat(9))), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(rows, (pairs) => {
        const frames = pairs.map(([key, value], i) => {
          const [frame] = pack(
            [
              {
                key: new Uint8Array([key]),
                value: value === null ? null : new Uint8Array([value]),
              },
            ],
            OPTIONS,
          )
          frame?.place(i)
          return frame as Frame
        })
        const index = new KeyIndex(Infinity)
        for (const frame of frames) index.add(frame)
        const offsetsOf = (kept: readonly Frame[]): number[] =>
          kept.flatMap((frame) => Array.from({ length: frame.count }, (_, at) => frame.offset(at)))
        const kept = survivors(frames, index, 0)
        const last = [...new Map(pairs.map(([key], i) => [key, i])).values()].sort((x, y) => x - y)
        expect(offsetsOf(kept)).toEqual(last)
        expect(kept === frames).toBe(last.length === pairs.length)
        expect(offsetsOf(survivors(kept, index, pairs.length))).toEqual(
          last.filter((offset) => pairs[offset]?.[1] !== null),
        )
      }),
    )
  })
})
