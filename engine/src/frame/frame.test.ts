import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { findError } from '../errors.ts'
import { BEGINNING, END } from '../time.ts'
import { type FrameItem, FrameReader, FrameWriter } from './frame.ts'

const codec = jsonCodec<unknown>()
type Written = FrameItem & { value: unknown }

function write(items: readonly Written[], last: number, liveFrom = BEGINNING): Buffer {
  const writer = new FrameWriter()
  writer.open('router/0', liveFrom, items[0]?.mark ?? last)
  for (const item of items) writer.add(item, item.value, codec)
  return writer.close(last)
}

function readAll(bytes: Uint8Array): { items: Written[]; frame: FrameReader } {
  const frame = new FrameReader(bytes)
  const items: Written[] = []
  for (let item = frame.next(); item !== undefined; item = frame.next()) {
    const { edge, key, mode, time, mark } = item
    items.push({ edge, key, mode, time, mark, value: codec.read(frame.value(item)) })
  }
  return { items, frame }
}

const instant = fc.oneof(
  fc.integer({ min: 0, max: 4e12 }),
  fc.double({ noNaN: true, min: 0, max: 1e12 }),
)
const anyItem = fc.record({
  edge: fc.nat(20_000),
  // Some keys come back within a frame.
  key: fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'b', 'c'))),
  mode: fc.constantFrom('live' as const, 'history' as const),
  time: instant,
  step: fc.nat(10_000_000),
  value: fc.jsonValue(),
})

describe('frames', () => {
  test('[F1] [F2] records, marks and upstream come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(anyItem), fc.integer({ min: 0, max: 2e12 }), (items, start) => {
        let mark = start
        const written = items.map(({ step, ...item }) => {
          mark += step
          return { ...item, mark, value: JSON.parse(JSON.stringify(item.value)) as unknown }
        })
        const { items: read, frame } = readAll(write(written, mark + 5))
        expect(read).toEqual(written)
        expect(frame.lastMark).toBe(mark + 5)
        expect(frame.upstream).toBe('router/0')
      }),
      { numRuns: 200 },
    )
  })

  test('[F2] an upstream that has not spoken, spoke, left and came back', () => {
    const marks = [BEGINNING, BEGINNING, 1_000, 1_000, END, 2_000]
    const items = marks.map((mark, i) => ({
      edge: 0,
      key: `k${i}`,
      mode: 'live' as const,
      time: 7,
      mark,
      value: i,
    }))
    const { items: read, frame } = readAll(write(items, END))
    expect(read.map((i) => i.mark)).toEqual(marks)
    expect(read.every((i) => i.time === 7)).toBe(true)
    expect(frame.lastMark).toBe(END)
  })

  test('[F3] liveFrom travels with the frame', () => {
    expect(new FrameReader(write([], 5, END)).liveFrom).toBe(END)
    expect(new FrameReader(write([], 5, 1_234)).liveFrom).toBe(1_234)
  })

  test('[U1] cutting back leaves exactly what was there before', () => {
    const writer = new FrameWriter()
    const item = { edge: 0, key: 'a', mode: 'live' as const, time: 10, mark: 10 }
    writer.open('t/0', BEGINNING, 10)
    writer.add(item, 'kept', codec)
    writer.remember()
    writer.add({ ...item, mark: 99 }, 'dropped', codec)
    writer.cutBack()
    writer.add({ ...item, mark: 11 }, 'after', codec)
    const { items } = readAll(writer.close(11))
    expect(items.map((i) => [i.value, i.mark])).toEqual([
      ['kept', 10],
      ['after', 11],
    ])
  })

  test('[U1] [F1] keys that were cut back are written again when they come again', () => {
    const item = { edge: 0, mode: 'live' as const, time: 10, mark: 10 }
    const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 6 })
    fc.assert(
      fc.property(keys, keys, keys, (before, dropped, after) => {
        const writer = new FrameWriter()
        writer.open('t/0', BEGINNING, 10)
        for (const key of before) writer.add({ ...item, key }, key, codec)
        writer.remember()
        for (const key of dropped) writer.add({ ...item, key }, key, codec)
        writer.cutBack()
        for (const key of after) writer.add({ ...item, key }, key, codec)
        expect(writer.items).toBe(before.length + after.length)
        const { items } = readAll(writer.close(11))
        expect(items.map((i) => i.key)).toEqual([...before, ...after])
        expect(items.map((i) => i.value)).toEqual([...before, ...after])
      }),
    )
  })

  test('[F4] a record that names a key which its frame does not hold is refused', () => {
    const item = { edge: 0, key: 'a', mode: 'live' as const, time: 1, mark: 1, value: 0 }
    const frame = write([item, item], 1)
    // The second record: head, edge, time, key 1, value of one byte; then the tail of nine.
    const at = frame.length - 9 - 3
    expect(frame[at]).toBe(1)
    frame[at] = 2
    expect(() => readAll(frame)).toThrow(/frame_corrupt/)
  })

  test('[F4] every cut of a frame is refused', () => {
    const whole = write(
      [{ edge: 1, key: 'é', mode: 'live', time: 3, mark: 2, value: { a: [1, 2] } }],
      4,
    )
    for (let length = 0; length < whole.length; length++)
      expect(() => readAll(whole.subarray(0, length))).toThrow()
    expect(() => readAll(Buffer.concat([whole, Buffer.of(0)]))).toThrow(/frame_corrupt/)
  })

  test('[F4] a frame of a newer release is refused with its own code', () => {
    const newer = Buffer.from(write([], 1))
    newer[0] = 2
    let code: string | undefined
    try {
      new FrameReader(newer)
    } catch (error) {
      code = findError(error)?.code
    }
    expect(code).toBe('frame_version')
  })
})
