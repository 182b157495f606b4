import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { takeCloudEvents } from './cloud-events.ts'

const BINARY = {
  'ce-specversion': '1.0',
  'ce-id': '7',
  'ce-source': '/shop',
  'ce-type': 'Order Completed',
  'content-type': 'application/json',
}

const take = (headers: IncomingHttpHeaders, body: string | Buffer): unknown[] =>
  takeCloudEvents(headers, Buffer.from(body)).map((it): unknown =>
    JSON.parse(Buffer.from(it).toString('utf8')),
  )

function codeOf(headers: IncomingHttpHeaders, body: string | Buffer): string | undefined {
  try {
    take(headers, body)
  } catch (error) {
    return findError(error)?.code
  }
  return undefined
}

describe('CloudEvents over HTTP', () => {
  test('[ING-2] structured mode passes in its own characters', () => {
    const body = '{ "specversion" : "1.0", "id":"7","source":"/s","type":"t","data":{"n":1e999} }'
    const headers = { 'content-type': 'Application/CloudEvents+JSON; charset=UTF-8' }
    expect(
      takeCloudEvents(headers, Buffer.from(body)).map((it) => Buffer.from(it).toString()),
    ).toEqual([body])
  })

  test('[ING-2] batched mode gives each event', () => {
    const headers = { 'content-type': 'application/cloudevents-batch+json' }
    expect(take(headers, '[{"id":"1"},{"id":"2"}]')).toEqual([{ id: '1' }, { id: '2' }])
    expect(codeOf(headers, '{}')).toBe('http_malformed_batch')
  })

  test('[ING-2] binary mode: headers are attributes, extensions too, and the body is the data', () => {
    const headers = { ...BINARY, 'ce-time': '2026-11-22T00:00:00Z', 'ce-traceid': 'x1' }
    expect(take(headers, '{"userId":"u1"}')).toEqual([
      {
        specversion: '1.0',
        id: '7',
        source: '/shop',
        type: 'Order Completed',
        time: '2026-11-22T00:00:00Z',
        traceid: 'x1',
        datacontenttype: 'application/json',
        data: { userId: 'u1' },
      },
    ])
  })

  test('attribute values are unquoted and percent-decoded once (binding, 3.1.3.2)', () => {
    const attribute = (value: string): unknown =>
      (take({ ...BINARY, 'ce-subject': value }, '{}')[0] as { subject: string }).subject
    expect(attribute('Euro%20%E2%82%AC%20%F0%9F%98%80')).toBe('Euro € 😀')
    expect(attribute('"a \\"b\\" %25"')).toBe('a "b" %')
    expect(attribute('%2541')).toBe('%41')
    expect(codeOf({ ...BINARY, 'ce-subject': '%C0%A0' }, '{}')).toBe('http_not_a_cloudevent')
  })

  test('data of another type travels as base64, no data as none', () => {
    const headers = { ...BINARY, 'content-type': 'image/png' }
    expect(take(headers, Buffer.from([1, 2]))).toMatchObject([{ data_base64: 'AQI=' }])
    expect(take(headers, '')[0]).not.toHaveProperty('data')
  })

  test.each([
    [{ 'content-type': 'application/json' }, '{}', 'http_not_a_cloudevent'],
    [{ 'content-type': 'application/cloudevents+avro' }, '', 'http_content_type'],
    [{ 'content-type': 'application/cloudevents+json' }, '{"id":', 'http_malformed_json'],
    [BINARY, '{"userId":', 'http_malformed_json'],
    [BINARY, Buffer.from([0x22, 0xff, 0x22]), 'http_malformed_json'],
    [
      { 'content-type': 'application/cloudevents+json' },
      `"${'x'.repeat(70_000)}"`,
      'http_body_too_large',
    ],
  ])('%j with a body that does not fit is refused', (headers, body, code) => {
    expect(codeOf(headers, body)).toBe(code)
  })
})
