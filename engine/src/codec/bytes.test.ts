import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.ts'
import { fieldsCodec, jsonCodec, rangeReader, textCodec } from './codec.ts'

const edges = [
  0,
  127,
  128,
  2 ** 14,
  2 ** 21,
  2 ** 28 - 1,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 35,
]
const unsigned = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(...edges, ...edges.map((n) => n + 1), Number.MAX_SAFE_INTEGER),
)
const half = 2 ** 52 - 1
const signed = fc.oneof(
  fc.integer({ min: -half, max: half }),
  unsigned.map((n) => -Math.min(n, half)),
)

/** LEB128 by its definition, in arbitrary precision. */
function leb128(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt(value)
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return [...bytes, Number(rest)]
}

describe('bytes', () => {
  test('[F1] varints are LEB128 and come back as they went in', () => {
    fc.assert(
      fc.property(unsigned, signed, (u, s) => {
        const writer = new ByteWriter(1)
        writer.varint(u)
        expect([...writer.view()]).toEqual(leb128(u))
        writer.signed(s)
        const reader = new ByteReader(writer.view())
        expect(reader.varint()).toBe(u)
        expect(reader.signed() + 0).toBe(s + 0)
        expect(reader.done).toBe(true)
      }),
    )
  })

  test('[F4] a varint that does not end within eight bytes, or at all, is refused', () => {
    expect(() => new ByteReader(Buffer.alloc(9, 0xff)).varint()).toThrow(/frame_corrupt/)
    expect(() => new ByteReader(Buffer.of(0x80)).varint()).toThrow(/frame_corrupt/)
  })

  test('[F1] a value written between beginValue and endValue is as if its length had been known', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(70_000),
        fc.nat(255),
        (before, length, fill) => {
          const value = new Uint8Array(length).fill(fill)
          const plain = new ByteWriter(8)
          plain.raw(before)
          plain.bytes(value)
          plain.byte(7)
          const late = new ByteWriter(8)
          late.raw(before)
          const begun = late.beginValue()
          late.raw(value)
          late.endValue(begun)
          late.byte(7)
          expect(late.view().equals(plain.view())).toBe(true)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('codecs read a range as they read a buffer of its own', () => {
    const fields = fieldsCodec<{ n: number; d: number; t: string }>({
      n: 'int',
      d: 'double',
      t: 'text',
    })
    const value = fc.record({
      n: signed.map((n) => n + 0),
      d: fc.double({ noNaN: true }),
      t: fc.string({ unit: 'binary' }),
    })
    fc.assert(
      fc.property(value, fc.nat(9), (given, at) => {
        for (const codec of [fields, jsonCodec<typeof given>()] as const) {
          const writer = new ByteWriter(4)
          for (let i = 0; i < at; i++) writer.byte(0x7b)
          codec.write(given, writer)
          const end = writer.position
          writer.byte(0x7d)
          const read = rangeReader(codec)(writer.copy(), at, end)
          expect(read).toEqual(codec.read(Buffer.from(writer.view().subarray(at, end))))
          if (codec === fields) expect(read).toEqual(given)
        }
      }),
    )
  })

  test('text of any length and script', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const writer = new ByteWriter(1)
        textCodec.write(text, writer)
        expect(writer.view().equals(Buffer.from(text, 'utf8'))).toBe(true)
      }),
    )
  })
})
