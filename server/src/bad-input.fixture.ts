/** Everything that a producer may get wrong, with the code that says so. */

export const NOW = Date.UTC(2026, 10, 20, 12)
const AT = new Date(NOW).toISOString()

const call = (over: object): string =>
  JSON.stringify({ type: 'track', event: 'Product Viewed', userId: 'ann', ...over })

const manyProperties = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n]))

const bytes = (text: string): Buffer => Buffer.from(text)

export interface BadRecord {
  readonly name: string
  readonly bytes: Buffer
  readonly code: string
}

/** As they may lie on the topic, from whichever producer. */
export const BAD_RECORDS: readonly BadRecord[] = [
  {
    name: 'invalid UTF-8',
    bytes: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
    code: 'invalid_utf8',
  },
  { name: 'half a JSON text', bytes: bytes('{"type":"track","userId":'), code: 'invalid_json' },
  { name: 'no bytes at all', bytes: bytes(''), code: 'invalid_json' },
  { name: 'a list', bytes: bytes('[1,2]'), code: 'not_an_object' },
  { name: 'an unknown type', bytes: bytes(call({ type: 'teleport' })), code: 'unknown_type' },
  { name: 'a number for an object', bytes: bytes(call({ properties: 7 })), code: 'wrong_type' },
  { name: 'a list for a name', bytes: bytes(call({ event: ['x'] })), code: 'wrong_type' },
  { name: 'no name', bytes: bytes('{"type":"track","userId":"ann"}'), code: 'event_name' },
  { name: 'no id', bytes: bytes('{"type":"track","event":"X"}'), code: 'id_missing' },
  { name: 'an empty id', bytes: bytes(call({ userId: '' })), code: 'id_empty' },
  { name: 'a blank id', bytes: bytes(call({ userId: '  ' })), code: 'id_empty' },
  { name: 'an endless id', bytes: bytes(call({ userId: 'x'.repeat(300) })), code: 'id_too_long' },
  {
    name: 'half a character for an id',
    bytes: bytes(call({ userId: 'a\u0000b' })),
    code: 'id_characters',
  },
  {
    name: '1970',
    bytes: bytes(call({ timestamp: '1970-01-01T00:00:00Z' })),
    code: 'timestamp_too_old',
  },
  {
    name: '2100',
    bytes: bytes(call({ timestamp: '2100-01-01T00:00:00Z' })),
    code: 'timestamp_too_new',
  },
  {
    name: 'no time at all',
    bytes: bytes(call({ timestamp: 'yesterday' })),
    code: 'timestamp_invalid',
  },
  {
    name: 'NaN',
    bytes: bytes('{"type":"track","event":"X","userId":"a","properties":{"p":NaN}}'),
    code: 'invalid_json',
  },
  {
    name: 'a number beyond numbers',
    bytes: bytes('{"type":"track","event":"X","userId":"a","properties":{"p":1e999}}'),
    code: 'number_not_finite',
  },
  {
    name: '10,000 properties',
    bytes: bytes(call({ properties: manyProperties(10_000) })),
    code: 'too_many_properties',
  },
  {
    name: 'an abyss',
    bytes: bytes(
      call({}).replace('}', `,"properties":${'{"a":'.repeat(150_000)}1${'}'.repeat(150_001)}`),
    ),
    code: 'too_deep',
  },
  {
    name: 'a deep well',
    bytes: bytes(call({}).replace('}', `,"properties":${'{"a":'.repeat(200)}1${'}'.repeat(201)}`)),
    code: 'too_deep',
  },
]

/** What looks wrong and is not: taken as it is, with nothing of it believed too much. */
export const ODD_RECORDS: readonly { readonly name: string; readonly bytes: Buffer }[] = [
  {
    name: '__proto__ keys',
    bytes: bytes(
      '{"type":"track","event":"X","userId":"ann","messageId":"proto","timestamp":"2026-11-20T12:00:00.000Z","__proto__":{"userId":"eve"},"properties":{"__proto__":{"admin":true},"constructor":{"prototype":1}}}',
    ),
  },
  {
    name: 'an event that nobody knows',
    bytes: bytes(call({ event: 'Ünbekannt ☃', messageId: 'unknown-name', timestamp: AT })),
  },
  {
    name: 'a huge but finite number',
    bytes: bytes(
      call({
        event: 'Order Completed',
        messageId: 'huge',
        timestamp: AT,
        properties: { order_id: 'o-huge', revenue: 1e308 },
      }),
    ),
  },
  {
    name: 'a negative total',
    bytes: bytes(
      call({
        event: 'Order Completed',
        messageId: 'negative',
        timestamp: AT,
        properties: { order_id: 'o-neg', revenue: -5 },
      }),
    ),
  },
  {
    name: 'an odd time, in the near future',
    bytes: bytes(call({ messageId: 'soon', timestamp: new Date(NOW + 3_600_000).toISOString() })),
  },
]
