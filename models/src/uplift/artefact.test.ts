import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  artefactBytes,
  type JsonObject,
  LARGEST_ARTEFACT_BYTES,
  sealArtefact,
} from '../artefact.ts'
import { decodeWeights, encodeWeights, readArtefact, writeArtefact } from './artefact.ts'
import { randomArtefact } from './testing.ts'

const artefact = randomArtefact(1)
const bytes = writeArtefact(artefact)

/** The refusal's code for an artefact changed before it was sealed, so that its hash is right. */
function codeOfSealed(change: (content: Record<string, unknown>) => void): string {
  const content: Record<string, unknown> = structuredClone(artefact)
  change(content)
  const read = readArtefact(artefactBytes(sealArtefact(content as JsonObject)))
  return read.ok ? 'accepted' : read.code
}

const codeOf = (given: Uint8Array): string => {
  const read = readArtefact(given)
  return read.ok ? 'accepted' : read.code
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a good artefact', () => {
  test('[MOD-6] reads back as written', () => {
    expect(readArtefact(bytes)).toEqual({ ok: true, artefact })
  })

  test('[MOD-6] its version is the hash of its content: other weights, other version', () => {
    expect(artefact.version).toMatch(/^[0-9a-f]{64}$/)
    expect(randomArtefact(1).version).toBe(artefact.version)
    expect(randomArtefact(2).version).not.toBe(artefact.version)
  })

  test('[A3] a formatter may touch the file', () => {
    expect(readArtefact(encode(JSON.stringify(artefact)))).toEqual({ ok: true, artefact })
    const sorted = Object.fromEntries(Object.entries(artefact).toReversed())
    expect(readArtefact(encode(JSON.stringify(sorted, null, 7)))).toEqual({ ok: true, artefact })
  })

  test('weights survive their encoding bit for bit', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, noNaN: false }), (weights) => {
        expect(decodeWeights({ weights: encodeWeights(weights) })).toEqual(weights)
      }),
    )
  })
})

describe('damage', () => {
  test('[A2] every truncation is refused as such', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 3 }), (length) => {
        expect(codeOf(bytes.subarray(0, length))).toBe('model_truncated')
      }),
      { numRuns: 100, examples: [[0], [1], [bytes.length - 3]] },
    )
  })

  test('[A2] a flipped bit never changes what is served', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length * 8 - 1 }), (bit) => {
        const damaged = bytes.slice()
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
        const read = readArtefact(damaged)
        if (read.ok) expect(read.artefact).toEqual(artefact)
        else expect(read.code).toMatch(/^model_(corrupt|truncated|foreign|format_newer)$/)
      }),
      { numRuns: 400 },
    )
  })

  test('[A2] an edit without a new hash is refused', () => {
    const edited = new TextDecoder().decode(bytes).replace('"rows": 1', '"rows": 2')
    expect(codeOf(encode(edited))).toBe('model_corrupt')
  })

  test('[A1] any bytes are an answer, never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(encode)), (given) => {
        expect(codeOf(given)).toMatch(/^model_/)
      }),
      { numRuns: 200 },
    )
  })

  test('[MOD-6] too large is refused before it is parsed', () => {
    expect(codeOf(new Uint8Array(LARGEST_ARTEFACT_BYTES + 1))).toBe('model_too_large')
  })
})

describe('files that are not for us', () => {
  test.each([
    ['another JSON document', '{"hello": 1}'],
    ['a list', '[1, 2]'],
    ['a number', '7'],
    ['a cut list', '[1, 2'],
    ['an image', 'GIF89a\u0001'],
    ['a page', '  <!doctype html>'],
  ])('[MOD-6] %s is foreign', (_, text) => {
    expect(codeOf(encode(text))).toBe('model_foreign')
  })

  test('[MOD-6] bytes that are no text are foreign where they begin, corrupt behind that', () => {
    const png = [0x89, 0x50, 0x4e, 0x47]
    const gzip = [0x1f, 0x8b, 0x08]
    for (const start of [png, gzip]) expect(codeOf(Uint8Array.from(start))).toBe('model_foreign')
    expect(codeOf(Uint8Array.of(0x7b, ...png))).toBe('model_corrupt')
  })

  test('[MOD-6] a mark of the byte order and white space before it are none of another kind', () => {
    const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf, 0x0a]), bytes])
    expect(readArtefact(marked)).toEqual({ ok: true, artefact })
    expect(codeOf(marked.subarray(0, 4))).toBe('model_truncated')
  })

  test('[MOD-6] another kind is foreign, another type too', () => {
    expect(codeOfSealed((c) => (c['kind'] = 'churn'))).toBe('model_foreign')
    expect(codeOfSealed((c) => (c['type'] = 'someone-elses-model'))).toBe('model_foreign')
  })

  test('[A4] a newer format says so, whatever else it holds', () => {
    const newer = { type: 'opportune-model', format: 2, kind: 'uplift', anything: ['new'] }
    expect(codeOf(encode(JSON.stringify(newer)))).toBe('model_format_newer')
  })
})

describe('intact files that cannot serve', () => {
  type Fields = Record<string, unknown> & typeof artefact

  test('[MOD-6] weights that are not finite', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const weights = decodeWeights(artefact)
      weights[17] = bad
      expect(codeOfSealed((c) => (c['weights'] = encodeWeights(weights)))).toBe('model_not_finite')
    }
  })

  test('[MOD-6] a feature that this release cannot compute', () => {
    const code = codeOfSealed((c) => {
      ;(c as Fields).features[3] = 'shoe_size'
    })
    expect(code).toBe('model_feature_unknown')
  })

  test.each<[string, (c: Fields) => void]>([
    ['a missing field', (c) => Reflect.deleteProperty(c, 'standardisation')],
    ['a field too many', (c) => Object.assign(c, { surprise: 1 })],
    ['a wrong type', (c) => Object.assign(c, { features: 'recency_months' })],
    ['a date that is none', (c) => Object.assign(c, { createdAt: 'yesterday' })],
    [
      'an intervention outside the vocabulary',
      (c) => Object.assign(c.arms[1] as object, { intervention: 'bribe' }),
    ],
    ['a first arm that is not the control', (c) => c.arms.reverse()],
    ['two arms of one id', (c) => Object.assign(c.arms[2] as object, { id: 'mens_email' })],
    ['a feature twice', (c) => Object.assign(c.features, { 1: 'recency_months' })],
    ['too few features', (c) => c.features.pop()],
    ['too few arms', (c) => c.arms.pop()],
    ['too few means', (c) => c.standardisation.mean.pop()],
    ['an SD of zero', (c) => Object.assign(c.standardisation.sd, { 0: 0 })],
    [
      'too few weights',
      (c) => Object.assign(c, { weights: encodeWeights(decodeWeights(c).slice(1)) }),
    ],
    ['a shape that its weights do not fill', (c) => Object.assign(c.network, { trunk: 7 })],
    ['a network without end', (c) => Object.assign(c.network, { members: 1e9 })],
  ])('[MOD-6] %s', (_, change) => {
    expect(codeOfSealed((c) => change(c as Fields))).toBe('model_schema')
  })
})
