import { describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { BATCH_EVENTS, CALL_BYTES, takeBatch, takeCall } from './segment.ts'

const AT = Date.UTC(2026, 10, 22)
const text = (records: readonly Uint8Array[]): string[] =>
  records.map((it) => Buffer.from(it).toString('utf8'))
const parsed = (records: readonly Uint8Array[]): unknown[] =>
  text(records).map((it): unknown => JSON.parse(it))

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    return findError(error)?.code
  }
  return undefined
}

describe('a call', () => {
  test('[ING-2] is stamped with type and receivedAt; the write key is taken off', () => {
    const call = takeCall('{"userId":"u1","event":"X","writeKey":"k","type":"page"}', 'track')
    expect(call.writeKey).toBe('k')
    expect(parsed(call.stamp(AT))).toEqual([
      { userId: 'u1', event: 'X', type: 'track', receivedAt: '2026-11-22T00:00:00.000Z' },
    ])
  })

  test('a receivedAt of the producer gives way to ours', () => {
    const [record] = parsed(takeCall('{"receivedAt":"1999-01-01"}', 'track').stamp(AT))
    expect(record).toMatchObject({ receivedAt: '2026-11-22T00:00:00.000Z' })
  })

  test('values keep the characters they were sent in', () => {
    const [record] = text(
      takeCall('{"properties":{"n":1e999,"id":9007199254740993,"__proto__":{}}}', 'track').stamp(
        AT,
      ),
    )
    expect(record).toContain('"properties":{"n":1e999,"id":9007199254740993,"__proto__":{}}')
  })

  test('what is no object passes as it is, for the router to refuse with a reason', () => {
    expect(text(takeCall('[1]', 'track').stamp(AT))).toEqual(['[1]'])
  })
})

describe('a batch', () => {
  test('[ING-2] its sentAt goes to every event, and over an older one', () => {
    const batch = takeBatch(
      '{"sentAt":"2026-11-21T23:59:59Z","batch":[{"type":"track"},{"sentAt":"2020-01-01"}]}',
    )
    expect(parsed(batch.stamp(AT))).toEqual([
      expect.objectContaining({ type: 'track', sentAt: '2026-11-21T23:59:59Z' }),
      expect.objectContaining({ sentAt: '2026-11-21T23:59:59Z' }),
    ])
  })

  test('[ING-2] context and integrations are merged under the event’s own', () => {
    const batch = takeBatch(
      JSON.stringify({
        context: { locale: 'en', app: { name: 'a' } },
        integrations: { All: false },
        batch: [
          { context: { locale: 'de' }, integrations: { Mixpanel: true } },
          { context: null },
          { context: 'wrong' },
        ],
      }),
    )
    expect(parsed(batch.stamp(AT))).toEqual([
      expect.objectContaining({
        context: { locale: 'de', app: { name: 'a' } },
        integrations: { All: false, Mixpanel: true },
      }),
      expect.objectContaining({ context: { locale: 'en', app: { name: 'a' } } }),
      expect.objectContaining({ context: 'wrong' }),
    ])
  })

  test('[H2] wrong events stay in it, each for itself', () => {
    const batch = takeBatch('{"batch":[{"type":"nonsense"},42,"x",null,[],{}]}')
    expect(text(batch.stamp(AT)).slice(1, 5)).toEqual(['42', '"x"', 'null', '[]'])
    expect(batch.stamp(AT)).toHaveLength(6)
  })

  test.each([
    ['[]', 'http_malformed_batch'],
    ['{}', 'http_malformed_batch'],
    ['{"batch":{}}', 'http_malformed_batch'],
    [`{"batch":[${'{},'.repeat(BATCH_EVENTS)}{}]}`, 'http_batch_too_long'],
    [`{"batch":["${'x'.repeat(CALL_BYTES)}"]}`, 'http_body_too_large'],
    [`{"batch":["${'ß'.repeat(CALL_BYTES / 2)}"]}`, 'http_body_too_large'],
  ])('[H4] %.30s is refused', (body, code) => {
    expect(codeOf(() => takeBatch(body))).toBe(code)
  })

  test('the limits themselves are let through', () => {
    const longest = `"${'x'.repeat(CALL_BYTES - 2)}"`
    expect(takeBatch(`{"batch":[${longest}]}`).stamp(AT)).toHaveLength(1)
    expect(
      takeBatch(`{"batch":[${Array(BATCH_EVENTS).fill('{}').join()}]}`).stamp(AT),
    ).toHaveLength(BATCH_EVENTS)
  })

  test('[H4] a large context cannot be multiplied without end', () => {
    const context = JSON.stringify({ x: 'y'.repeat(400_000) })
    const batch = takeBatch(`{"context":${context},"batch":[${Array(1000).fill('{}').join()}]}`)
    expect(codeOf(() => batch.stamp(AT))).toBe('http_body_too_large')
  })
})
