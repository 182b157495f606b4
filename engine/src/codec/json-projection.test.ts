import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Codec } from './codec.ts'
import { jsonProjection } from './json-projection.ts'
import { type AnyShape, project } from './json-shape.ts'

const codecOf = (shape: AnyShape): Codec<unknown> => jsonProjection<never>()(shape as never)

const SHAPES = [
  { a: true, b: true },
  { b: { a: true, c: { d: true } }, id: true },
  { a: { b: true }, 'event type': true },
  { d: true, 1: true, constructor: true },
  {},
] as const satisfies readonly AnyShape[]

/** Names of the shapes, others, and some that only an escape or another script can spell. */
const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'c',
    'd',
    'id',
    'event type',
    '1',
    'constructor',
    '__proto__',
    '',
    'aa',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const space = fc.constantFrom('', '', '', ' ', '\n\t', '\r  ')
const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom(
    '-0',
    '0',
    '1e5',
    '1E+2',
    '2e-3',
    '123456789012345',
    '1234567890123456',
    '1e999',
    '-1.50',
  ),
)
const escaped = (text: string): string =>
  Array.from(
    { length: text.length },
    (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('')
const quoted = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.string({ unit: 'binary', maxLength: 60 }).map((t) => JSON.stringify(t)),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 4 }).map((t) => `"${escaped(t)}"`) },
  {
    weight: 1,
    arbitrary: fc
      .string({ unit: fc.constantFrom('\\', '"', '/', 'n', 'u', '0', 'aF', 'é'), maxLength: 8 })
      .map((t) => `"${t}"`),
  },
)
/** JSON texts with members in any order, doubled members and white space anywhere. */
const { value: json } = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(number, quoted, fc.constantFrom('true', 'false', 'null')),
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
  ),
  object: fc
    .array(
      fc.tuple(
        name.map((n) => JSON.stringify(n)),
        space,
        tie('value'),
        space,
      ),
      { maxLength: 6 },
    )
    .map((members) => `{${members.map(([n, s, v, t]) => `${s}${n}${t}:${s}${v}${t}`).join(',')}}`),
}))
const document = fc.tuple(space, json, space).map((parts) => parts.join(''))

/** What the codec must do: the projected value, or a refusal. */
function expected(bytes: Buffer, shape: AnyShape): { readonly value: unknown } | 'refused' {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch {
    return 'refused'
  }
  return { value: project(parsed, shape) }
}

function actual(codec: Codec<unknown>, bytes: Buffer): { readonly value: unknown } | 'refused' {
  // In the middle of other bytes that would go on with the document if they were looked at.
  const around = Buffer.concat([Buffer.from('{"a":"'), bytes, Buffer.from('0"}')])
  try {
    return { value: codec.readRange?.(around, 6, 6 + bytes.length) }
  } catch {
    return 'refused'
  }
}

/** Not `toStrictEqual`, which asks a value's `constructor` for its type: here that may be data. */
function expectSame(found: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(found, wanted)) expect(JSON.stringify(found)).toBe(JSON.stringify(wanted))
  expect(isDeepStrictEqual(found, wanted)).toBe(true)
}

describe('JSON projection', () => {
  test('[J1] [J3] gives what projecting the whole document gives, whatever came before', () => {
    const codecs = SHAPES.map(codecOf)
    fc.assert(
      fc.property(document, fc.nat(SHAPES.length - 1), (text, n) => {
        const bytes = Buffer.from(text)
        const shape = SHAPES[n] as AnyShape
        expectSame(actual(codecs[n] as Codec<unknown>, bytes), expected(bytes, shape))
      }),
      { numRuns: 3_000 },
    )
  })

  test('[J1] refuses what JSON.parse refuses, in wanted and in skipped parts', () => {
    const codecs = SHAPES.map(codecOf)
    const change = fc.record({
      at: fc.nat(200),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:0-.e\n'))),
      cut: fc.boolean(),
    })
    fc.assert(
      fc.property(document, change, fc.nat(SHAPES.length - 1), (text, { at, byte, cut }, n) => {
        const whole = Buffer.from(text)
        const place = at % (whole.length + 1)
        const bytes = cut ? whole.subarray(0, place) : Buffer.from(whole)
        if (!cut && place < bytes.length) bytes[place] = byte
        const shape = SHAPES[n] as AnyShape
        expectSame(actual(codecs[n] as Codec<unknown>, bytes), expected(bytes, shape))
      }),
      { numRuns: 6_000 },
    )
  })

  test('[J1] number tokens: as JSON.parse reads or refuses them', () => {
    const codec = codecOf({ a: true })
    const token = fc.string({
      unit: fc.constantFrom(...'0123456789-+.eE'.split('')),
      minLength: 1,
      maxLength: 18,
    })
    fc.assert(
      fc.property(token, fc.boolean(), (text, wanted) => {
        const bytes = Buffer.from(`{"${wanted ? 'a' : 'x'}":${text}}`)
        expectSame(actual(codec, bytes), expected(bytes, { a: true }))
      }),
      { numRuns: 2_000 },
    )
    expect(codec.read(Buffer.from('{"a":-0}'))).toStrictEqual({ a: -0 })
  })

  test('[J2] documents nested beyond any stack of ours', () => {
    const deep = `{"x":${'['.repeat(5_000)}${']'.repeat(5_000)},"a":1}`
    expect(codecOf({ a: true }).read(Buffer.from(deep))).toStrictEqual({ a: 1 })
  })

  test('[J2] names that take an escape or another script to write', () => {
    for (const shape of [{ naïve: true }, { 'a"b': true }, { '\ufffd': true }] as AnyShape[]) {
      const [only] = Object.keys(shape) as [string]
      const bytes = Buffer.from(JSON.stringify({ other: 1, [only]: 2 }))
      expect(codecOf(shape).read(bytes)).toStrictEqual({ [only]: 2 })
    }
    expect(codecOf({ ab: true }).read(Buffer.from('{"\\u0061b":3}'))).toStrictEqual({ ab: 3 })
  })

  test('[J3] what stands for an object that is none, and what is missing', () => {
    const codec = codecOf({ bid: { price: true }, at: true })
    expect(codec.read(Buffer.from('{"bid":null}'))).toStrictEqual({ bid: null, at: undefined })
    expect(codec.read(Buffer.from('{"bid":[1],"at":{"b":[2]}}'))).toStrictEqual({
      bid: [1],
      at: { b: [2] },
    })
    expect(codec.read(Buffer.from(' 7 '))).toBe(7)
  })

  test('a field that never repeats and one that always does read alike', () => {
    const codec = codecOf({ id: true, kind: true })
    for (let i = 0; i < 10_000; i++) {
      const value = { id: `id-${i}-${'é'.repeat(i % 3)}`, kind: i % 2 === 0 ? 'view' : 'click' }
      expect(codec.read(Buffer.from(JSON.stringify(value)))).toStrictEqual(value)
    }
  })
})
