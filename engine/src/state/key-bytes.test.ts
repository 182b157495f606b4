import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  checkKey,
  compareDue,
  KeyBytes,
  MAX_KEY_BYTES,
  parseRowKey,
  parseTimerKey,
} from './key-bytes.ts'

// Short, and rich in the units where UTF-8, UTF-16 and terminators disagree.
const key = fc.string({
  unit: fc.constantFrom('\0', '\u0001', 'a', 'b', '\u00ff', 'é', '\uffee', '\u{1f600}'),
  minLength: 1,
  maxLength: 5,
})
const place = fc.tuple(fc.nat(255), key)
const bytesOf = ([group, text]: readonly [number, string]): Buffer =>
  Buffer.from(new KeyBytes().row(group, text))
const byPlace = (a: readonly [number, string], b: readonly [number, string]): number =>
  a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0)

test('[B3] row keys come back, and their bytes are in the order of (group, key)', () => {
  fc.assert(
    fc.property(place, place, (a, b) => {
      expect(parseRowKey(bytesOf(a))).toEqual(a)
      expect(Math.sign(Buffer.compare(bytesOf(a), bytesOf(b)))).toBe(Math.sign(byPlace(a, b)))
    }),
    { numRuns: 1_000 },
  )
})

test('[B3] timer keys come back, and their bytes are in the order of (due, key)', () => {
  const limit = 8_640_000_000_000_000
  const due = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -limit, max: limit }))
  const hint = fc.record({ due, key })
  const timerBytes = (at: { due: number; key: string }): Buffer =>
    Buffer.from(new KeyBytes().timer(at.due, at.key))
  fc.assert(
    fc.property(hint, hint, (a, b) => {
      expect(parseTimerKey(timerBytes(a))).toEqual(a)
      expect(Math.sign(Buffer.compare(timerBytes(a), timerBytes(b)))).toBe(
        Math.sign(compareDue(a, b)),
      )
    }),
    { numRuns: 1_000 },
  )
})

test('keys are bounded in bytes, not in characters', () => {
  expect(() => checkKey('a'.repeat(MAX_KEY_BYTES))).not.toThrow()
  expect(() => checkKey('é'.repeat(MAX_KEY_BYTES / 2))).not.toThrow()
  expect(() => checkKey('a'.repeat(MAX_KEY_BYTES + 1))).toThrow('state_key_invalid')
  expect(() => checkKey('é'.repeat(MAX_KEY_BYTES / 2 + 1))).toThrow('state_key_invalid')
})

test.each(['', '\ud800', 'a\udc00b', '\udc00\ud800'])('%j is no key', (text) => {
  expect(() => checkKey(text)).toThrow('state_key_invalid')
})

test('an invalid key is not repeated in the message: it may be personal data', () => {
  expect(() => checkKey(`someone@example.com${'x'.repeat(MAX_KEY_BYTES)}`)).toThrow(
    /^state_key_invalid: A key is longer than 1024 bytes\. (?!.*example)/,
  )
})
