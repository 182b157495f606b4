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

  test('any limits and any start give the records that a plain filter gives', () => {
    const sizes = fc.array(fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }), { maxLength: 5 })
    const limits = fc.record({ maxRecords: fc.integer({ min: 1, max: 9 }), maxBytes: fc.nat(30) })
    fc.assert(
      fc.property(sizes, limits, fc.nat(20), fc.boolean(), (writes, limit, from, atLeastOne) => {
        let end = 0
        const all: { offset: number; size: number }[] = []
        const frames = writes.flatMap((write) => {
          const frames = pack(
            write.map((size) => ({ key: null, value: new Uint8Array(size) })),
            OPTIONS,
          )
          for (const frame of frames) {
            frame.place(end + 1)
            end = frame.end
          }
          write.forEach((size, i) => all.push({ offset: end - write.length + i, size }))
          return frames
        })
        const expected: number[] = []
        let bytes = 0
        for (const { offset, size } of all.filter((one) => one.offset >= from)) {
          if (expected.length === limit.maxRecords) break
          if (bytes + size > limit.maxBytes && !(atLeastOne && expected.length === 0)) break
          expected.push(offset)
          bytes += size
        }
        const cursor = new Cursor(storeOf(frames), { topic: 'a', partition: 0 })
        const batch = readBatch(cursor, from, limit, atLeastOne)
        const offsets = Array.from({ length: batch?.length ?? 0 }, (_, i) => batch?.offset(i))
        expect(offsets).toEqual(expected)
        expect(batch?.bytes ?? 0).toBe(bytes)
        expect(batch?.nextOffset).toBe(
          expected.length === 0 ? undefined : (expected.at(-1) ?? 0) + 1,
        )
        // Out of order too: the slice that was used last must not matter.
        for (const i of expected.keys())
          expect(batch?.offset(expected.length - 1 - i)).toBe(offsets.at(-1 - i))
        if (batch !== undefined) expect(() => batch.value(expected.length)).toThrow(RangeError)
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
