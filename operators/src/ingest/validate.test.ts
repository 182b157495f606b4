import * as fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { describe, expect, test } from 'vitest'
import { CALL_SCHEMAS, CALL_TYPES } from './call-schema.ts'
import { REJECTIONS, type Rejection } from './reasons.ts'
import { HTTP_MAX_BYTES, parseCall, parseEvent } from './validate.ts'

const NOW = Date.UTC(2026, 2, 10, 12)
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const parse = (value: unknown) => parseEvent(bytes(value), NOW)
const accepted = (value: unknown) => {
  const result = parse(value)
  if (!result.ok) throw new Error(`refused: ${result.code} ${result.detail}`)
  return result.event
}
const track = { type: 'track', event: 'Product Viewed', userId: '42', messageId: 'm1' }

describe('what is refused', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) })
  const wide = (keys: number) =>
    Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, i]))

  const cases: [string, Uint8Array, Rejection][] = [
    ['half a UTF-8 sequence', Buffer.from([0x7b, 0xc3, 0x7d]), 'invalid_utf8'],
    ['bytes that are no JSON', Buffer.from('{"type":'), 'invalid_json'],
    ['nothing', Buffer.from(''), 'invalid_json'],
    ['NaN, which JSON does not have', Buffer.from('{"a":NaN}'), 'invalid_json'],
    ['a list', bytes([track]), 'not_an_object'],
    ['null', bytes(null), 'not_an_object'],
    ['a number', bytes(7), 'not_an_object'],
    ['2 MB', bytes({ ...track, properties: { a: 'x'.repeat(2_000_000) } }), 'record_too_large'],
    ['17 levels', bytes({ ...track, properties: nested(17) }), 'too_deep'],
    ['10,000 properties', bytes({ ...track, properties: wide(10_000) }), 'too_many_properties'],
    [
      '1e400',
      Buffer.from(JSON.stringify({ ...track, properties: { a: 1 } }).replace(':1}', ':1e400}')),
      'number_not_finite',
    ],
    ['no type', bytes({ ...track, type: undefined }), 'unknown_type'],
    ['a type of its own', bytes({ ...track, type: 'purchase' }), 'unknown_type'],
    ['a numeric type', bytes({ ...track, type: 1 }), 'unknown_type'],
    ['no id', bytes({ ...track, userId: null }), 'id_missing'],
    ['an empty id', bytes({ ...track, userId: '' }), 'id_empty'],
    ['a blank id beside a good one', bytes({ ...track, anonymousId: '  ' }), 'id_empty'],
    ['an id of 257 characters', bytes({ ...track, userId: 'x'.repeat(257) }), 'id_too_long'],
    ['an id with a line break', bytes({ ...track, userId: 'a\nb' }), 'id_characters'],
    ['half a surrogate pair', Buffer.from('{"type":"page","userId":"a\\ud800"}'), 'id_characters'],
    ['a fractional id', bytes({ ...track, userId: 1.5 }), 'wrong_type'],
    ['an object as id', bytes({ ...track, userId: {} }), 'wrong_type'],
    ['an empty messageId', bytes({ ...track, messageId: '' }), 'message_id_length'],
    [
      'a messageId of 101 characters',
      bytes({ ...track, messageId: 'm'.repeat(101) }),
      'message_id_length',
    ],
    ['a numeric messageId', bytes({ ...track, messageId: 7 }), 'wrong_type'],
    ['track without event', bytes({ ...track, event: undefined }), 'event_name'],
    ['a blank event', bytes({ ...track, event: ' ' }), 'event_name'],
    ['properties as a list', bytes({ ...track, properties: [] }), 'wrong_type'],
    ['context as text', bytes({ ...track, context: 'web' }), 'wrong_type'],
    ['alias without previousId', bytes({ type: 'alias', userId: '1' }), 'id_missing'],
    ['alias without userId', bytes({ type: 'alias', previousId: '1' }), 'id_missing'],
    ['group without groupId', bytes({ type: 'group', userId: '1' }), 'group_id_missing'],
    ['1970', bytes({ ...track, timestamp: '1970-01-01T00:00:00Z' }), 'timestamp_too_old'],
    ['2100', bytes({ ...track, timestamp: '2100-01-01T00:00:00Z' }), 'timestamp_too_new'],
    ['a date in words', bytes({ ...track, timestamp: 'last Tuesday' }), 'timestamp_invalid'],
    ['the 30th of February', bytes({ ...track, timestamp: '2026-02-30' }), 'timestamp_invalid'],
    ['a numeric timestamp', bytes({ ...track, timestamp: NOW }), 'wrong_type'],
    ['sentAt in words', bytes({ ...track, sentAt: 'soon' }), 'timestamp_invalid'],
    [
      'CloudEvents 0.3',
      bytes({ specversion: '0.3', id: '1', source: '/', type: 't' }),
      'cloudevent_version',
    ],
    [
      'a CloudEvent with text as data',
      bytes({ specversion: '1.0', id: '1', source: '/', type: 't', data: 'x' }),
      'cloudevent_data',
    ],
  ]

  test.each(cases)('[ING-4] [V1] %s', (_name, input, code) => {
    expect(parseEvent(input, NOW)).toMatchObject({ ok: false, code })
  })

  test('[ING-4] every code is reached by a case above', () => {
    expect(new Set(cases.map(([, , code]) => code))).toEqual(new Set(Object.keys(REJECTIONS)))
  })

  test('[ING-2] a call over HTTP is limited to 32 KB', () => {
    const call = bytes({ ...track, properties: { a: 'x'.repeat(33_000) } })
    expect(parseEvent(call, NOW, { maxBytes: HTTP_MAX_BYTES })).toMatchObject({
      code: 'record_too_large',
    })
    expect(parseEvent(call, NOW)).toMatchObject({ ok: true })
  })

  test('[PRV-3] the detail of a refusal names a field and never quotes what was sent', () => {
    const secret = 'eva@example.com'
    const results = [
      parse({ ...track, userId: [secret] }),
      parse({ ...track, timestamp: secret }),
      parseEvent(Buffer.from(`{"email":"${secret}"`), NOW),
    ]
    expect(JSON.stringify(results)).not.toContain(secret)
  })

  test('[ING-4] [V1] arbitrary bytes and arbitrary JSON never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (b) => void parseEvent(b, NOW)))
    fc.assert(fc.property(fc.jsonValue(), (value) => void parse(value)))
  })
})

describe('what is accepted', () => {
  test('[ING-2] an order of 1,114 lines (the largest in the example shop)', () => {
    const products = Array.from({ length: 1_114 }, (_, i) => ({
      product_id: `${i}`,
      price: 1,
      quantity: 2,
      name: 'x',
    }))
    expect(
      accepted({ ...track, event: 'Order Completed', properties: { products } }).properties[
        'products'
      ],
    ).toHaveLength(1_114)
  })

  test('[ING-4] keys that reach prototypes are dropped, at every level, and change nothing', () => {
    const text =
      '{"type":"track","event":"x","userId":"1","__proto__":{"polluted":1},"properties":{"ok":1,"constructor":{"prototype":{"polluted":1}},"list":[{"__proto__":{"polluted":1},"ok":2}]}}'
    const result = parseEvent(Buffer.from(text), NOW)
    expect(result).toMatchObject({ ok: true, event: { properties: { ok: 1, list: [{ ok: 2 }] } } })
    expect(JSON.stringify(result)).not.toContain('polluted')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('[ING-2] integer ids become text, null ids are absent', () => {
    expect(accepted({ ...track, userId: 42, anonymousId: null })).toMatchObject({
      userId: '42',
      anonymousId: null,
    })
  })

  test('[PRV-3] [V5] of the context only what operators use is kept', () => {
    const context = {
      ip: '203.0.113.7',
      userAgent: 'Mozilla',
      locale: 'de-CH',
      device: { id: 'D', token: 't', type: 'ios' },
      page: { path: '/a', url: 'https://shop/a?email=x' },
    }
    expect(accepted({ ...track, context }).context).toEqual({
      locale: 'de-CH',
      device: { token: 't', type: 'ios' },
      page: { path: '/a' },
    })
  })

  test('[ING-2] a group call keeps its group in the context', () => {
    expect(accepted({ type: 'group', userId: '1', groupId: 'g' }).context).toEqual({ groupId: 'g' })
  })
})

describe('event time', () => {
  const at = (fields: object): number => accepted({ ...track, ...fields }).at

  test('[ING-6] [V2] is receivedAt - (sentAt - timestamp)', () => {
    // The device is an hour ahead and sent the event 10 s after it took place.
    expect(at({ timestamp: '2026-03-10T12:59:50Z', sentAt: '2026-03-10T13:00:00Z' })).toBe(
      NOW - 10_000,
    )
  })

  test('[ING-6] [V2] a device whose clock stands in 1970 is corrected, not refused', () => {
    expect(at({ timestamp: '1970-01-01T00:00:00Z', sentAt: '1970-01-01T00:00:03Z' })).toBe(
      NOW - 3_000,
    )
  })

  test('[ING-6] [V2] without sentAt the timestamp stands, without timestamp the time of receipt', () => {
    expect(at({ timestamp: '2025-01-01' })).toBe(Date.UTC(2025, 0, 1))
    expect(at({})).toBe(NOW)
    expect(at({ sentAt: '2026-03-10T13:00:00Z' })).toBe(NOW)
  })

  test('[ING-6] [V2] a recorded call is corrected against the collector that received it', () => {
    const recorded = {
      originalTimestamp: '2024-05-01T10:00:00Z',
      sentAt: '2024-05-01T10:00:05Z',
      receivedAt: '2024-05-01T10:01:00Z',
      timestamp: '2024-05-01T10:00:55Z',
    }
    expect(at(recorded)).toBe(Date.UTC(2024, 4, 1, 10, 0, 55))
    expect(accepted({ ...track, ...recorded }).receivedAt).toBe(NOW)
  })
})

describe('message ids', () => {
  const plain = { type: 'track', event: 'x', userId: '1', properties: { a: 1, b: [2, { c: 3 }] } }

  test('[ING-5] [V4] a missing one is derived from the canonical call and marked', () => {
    const first = accepted(plain)
    const same = accepted({
      properties: { b: [2, { c: 3 }], a: 1 },
      userId: '1',
      event: 'x',
      type: 'track',
      sentAt: '2026-03-10T12:00:00Z',
      writeKey: 'k',
      messageId: null,
    })
    expect(first.derivedId).toBe(true)
    expect(same.messageId).toBe(first.messageId)
    expect(accepted({ ...plain, properties: { a: 2 } }).messageId).not.toBe(first.messageId)
    expect(accepted(track)).toMatchObject({ messageId: 'm1', derivedId: false })
  })
})

describe('CloudEvents', () => {
  const envelope = {
    specversion: '1.0',
    id: 'e7',
    source: '/shop',
    type: 'com.shop.OrderPaid',
    time: '2026-03-01T00:00:00Z',
  }

  test('[ING-2] an event of the shop’s own becomes a track call of the subject', () => {
    expect(accepted({ ...envelope, subject: 'eva', data: { total: 3 } })).toMatchObject({
      type: 'track',
      name: 'com.shop.OrderPaid',
      userId: 'eva',
      at: Date.UTC(2026, 2, 1),
      messageId: '/shop e7',
      properties: { total: 3 },
    })
  })

  test('[ING-2] a call inside is taken as it is', () => {
    expect(accepted({ ...envelope, data: track })).toMatchObject({
      name: 'Product Viewed',
      messageId: 'm1',
      userId: '42',
    })
  })

  test('[ING-2] a type that ends in a call type names the call', () => {
    expect(
      accepted({
        ...envelope,
        type: 'com.shop.identify',
        data: { userId: 'eva', traits: { email: 'e@x.org' } },
      }),
    ).toMatchObject({ type: 'identify', traits: { email: 'e@x.org' } })
  })
})

test('[ING-4] the declared schema and the checks agree on random calls', () => {
  const checks = Object.fromEntries(CALL_TYPES.map((type) => [type, Compile(CALL_SCHEMAS[type])]))
  // What the schema cannot say, or says in other words.
  const beyond = new Set<Rejection>([
    'timestamp_too_old',
    'timestamp_too_new',
    'timestamp_invalid',
    'id_characters',
    'number_not_finite',
    'too_deep',
    'too_many_properties',
  ])
  /** One value most of the time, so that a good share of the calls is accepted. */
  const mostly = (good: unknown, ...others: unknown[]) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(good) },
      { weight: 1, arbitrary: fc.constantFrom(...others) },
    )
  const id = mostly(
    'a',
    '',
    '  ',
    'x'.repeat(256),
    'x'.repeat(257),
    7,
    1.5,
    2 ** 60,
    null,
    true,
    {},
  )
  const time = mostly('2026-03-10T12:00:00.000Z', '2026-03-10', '2026-03-10T25:00', 'x', 5, null)
  const free = mostly({}, { a: 1 }, [], 'x', null, 3)
  const name = mostly('n', '', ' ', 'n'.repeat(256), 'n'.repeat(257), null, 4)
  const call = fc.record(
    {
      type: fc.constantFrom(...CALL_TYPES),
      userId: id,
      anonymousId: id,
      previousId: id,
      groupId: id,
      messageId: mostly('m', '', 'm'.repeat(100), 'm'.repeat(101), null, 9),
      timestamp: time,
      originalTimestamp: time,
      sentAt: time,
      receivedAt: time,
      event: name,
      name,
      properties: free,
      traits: free,
      context: free,
    },
    { requiredKeys: ['type', 'userId', 'event'] },
  )
  let agreed = 0
  fc.assert(
    fc.property(call, (candidate) => {
      const declared = checks[candidate.type]?.Check(candidate) === true
      const result = parseCall(structuredClone(candidate), NOW)
      if (!result.ok && beyond.has(result.code)) return
      expect([result.ok, candidate]).toEqual([declared, candidate])
      if (result.ok) agreed++
    }),
    { numRuns: 2_000 },
  )
  expect(agreed).toBeGreaterThan(100)
})
