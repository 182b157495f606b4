import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ResponseSplitter } from './response-splitter.ts'
import { ByteReader, ByteWriter, MalformedMessage } from './wire.ts'

describe('primitive types', () => {
  test('are as the protocol guide gives them', () => {
    const bytes = new ByteWriter(1)
      .int16(-2)
      .int32(1 << 30)
      .int64(2 ** 40 + 1)
      .unsignedVarint(300)
      .compactString('é')
      .string('ab')
      .boolean(true)
      .finish()
    expect(bytes.toString('hex')).toBe(
      `fffe40000000${'0000010000000001'}ac02${'03c3a9'}${'00026162'}01`,
    )
  })

  test('are read as they were written', () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.string(),
        fc.array(fc.integer()),
        (big, varint, text, list) => {
          const bytes = new ByteWriter(8)
            .int64(big)
            .unsignedVarint(varint)
            .compactString(text)
            .compactArray(list, (it, to) => to.int32(it))
            .noTags()
            .finish()
          const from = new ByteReader(bytes)
          expect(from.int64()).toBe(big)
          expect(from.unsignedVarint()).toBe(varint)
          expect(from.compactString()).toBe(Buffer.from(text).toString())
          expect(from.compactArray((it) => it.int32())).toEqual(list)
          from.tags()
          expect(from.left).toBe(0)
        },
      ),
    )
  })

  test('tagged fields that are not known are skipped', () => {
    const bytes = Buffer.from('020002aabb0503010203ff', 'hex')
    const from = new ByteReader(bytes)
    const seen: [number, number][] = []
    from.tags((tag, field) => seen.push([tag, field.left]))
    expect(seen).toEqual([
      [0, 2],
      [5, 3],
    ])
    expect(from.left).toBe(1)
  })

  test('no bytes make a reader go outside of them, or allocate without end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (noise) => {
        const reads: ((from: ByteReader) => unknown)[] = [
          (it) => it.compactArray((item) => item.compactString()),
          (it) => it.array((item) => item.nullableString()),
          (it) => it.tags(),
          (it) => it.compactBytes(),
          (it) => it.uuid(),
        ]
        for (const read of reads) {
          try {
            read(new ByteReader(Buffer.from(noise)))
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedMessage)
          }
        }
      }),
    )
  })
})

describe('responses', () => {
  const framed = (body: Buffer): Buffer => {
    const size = Buffer.alloc(4)
    size.writeInt32BE(body.length)
    return Buffer.concat([size, body])
  }

  test('come whole, wherever the stream is torn', () => {
    const bodies = ['some answer', 'more', 'the last of three'].map((it) => Buffer.from(it))
    const stream = Buffer.concat(bodies.map(framed))
    for (let first = 0; first <= stream.length; first++)
      for (const second of [first, Math.min(first + 3, stream.length)]) {
        const found: string[] = []
        const splitter = new ResponseSplitter(100)
        for (const [from, to] of [
          [0, first],
          [first, second],
          [second, stream.length],
        ])
          splitter.push(stream.subarray(from, to), (it) => found.push(it.toString()))
        expect(found).toEqual(bodies.map(String))
      }
  })

  test('[KC3] of impossible size are refused before memory is taken for them', () => {
    for (const size of [-1, 0, 3, 101, 0x7fffffff]) {
      const head = Buffer.alloc(4)
      head.writeInt32BE(size)
      expect(() => new ResponseSplitter(100).push(head, () => {})).toThrow(MalformedMessage)
    }
  })
})
