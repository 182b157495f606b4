import { describe, expect, test } from 'vitest'
import { parseEvent } from '#operators'
import { withEnvelope } from './binary-event.ts'

const AT = Date.UTC(2026, 10, 22)
const headers = (fields: Record<string, string>) =>
  Object.entries(fields).map(([name, value]) => [name, Buffer.from(value)] as const)
const EVENT = { ce_specversion: '1.0', ce_id: 'e1', ce_source: '/shop', ce_type: 'shop.track' }
const CALL = { event: 'Product Viewed', userId: 'caf\u00e9', properties: { product_id: 'p1' } }

describe('[ING-2] CloudEvents in the headers of a Kafka record', () => {
  test('become the event that structured mode would give', () => {
    const fields = { ...EVENT, ce_subject: 'ü', 'content-type': 'application/json' }
    const bytes = withEnvelope(Buffer.from(JSON.stringify(CALL)), headers(fields))
    expect(JSON.parse(bytes.toString())).toEqual({
      specversion: '1.0',
      id: 'e1',
      source: '/shop',
      type: 'shop.track',
      subject: 'ü',
      datacontenttype: 'application/json',
      data: CALL,
    })
    const parsed = parseEvent(bytes, AT)
    expect(parsed).toMatchObject({
      ok: true,
      event: { userId: 'caf\u00e9', messageId: '/shop e1' },
    })
  })

  test('other headers leave the bytes as they are, to the same buffer', () => {
    const bytes = Buffer.from('{"type":"track"}')
    expect(withEnvelope(bytes, [])).toBe(bytes)
    expect(withEnvelope(bytes, headers({ traceparent: '00-1-1-01', ce_id: 'x' }))).toBe(bytes)
  })

  test.each([
    ['what is no JSON', 'application/json', Buffer.from('{"a":')],
    ['what is no UTF-8', 'application/json', Buffer.from([0xff, 0xfe])],
    ['another type', 'application/avro', Buffer.from('{}')],
  ])('%s is kept in base64, and becomes a dead letter', (_name, type, data) => {
    const bytes = withEnvelope(data, headers({ ...EVENT, 'content-type': type }))
    const event = JSON.parse(bytes.toString()) as Record<string, string>
    expect(Buffer.from(event['data_base64'] ?? '', 'base64')).toEqual(data)
    expect(parseEvent(bytes, AT)).toMatchObject({ ok: false, code: 'cloudevent_data' })
  })

  test('a header cannot pass itself off as the data', () => {
    const fields = { ...EVENT, ce_data: '{"userId":"forged"}' }
    const bytes = withEnvelope(Buffer.from(JSON.stringify(CALL)), headers(fields))
    expect(JSON.parse(bytes.toString())).toMatchObject({ data: CALL })
  })
})
