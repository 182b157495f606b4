import { gzipSync } from 'node:zlib'
import type { InjectOptions } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { OpportuneError } from '#engine'
import type { HttpOptions } from '../options.ts'
import { basic, NOW, testServer, WRITE_KEY } from '../testing.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()))
})

function start(options: Partial<HttpOptions> = {}) {
  const { server, system, clock } = testServer(options)
  open.push(server)
  // Awaited here: an injected request is not sent before somebody waits for it.
  const post = async (url: string, body: unknown, more: InjectOptions['headers'] = {}) =>
    await server.app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', authorization: basic(WRITE_KEY), ...more },
      payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    })
  const events = (): unknown[] => system.received.map((it): unknown => JSON.parse(it.record))
  return { server, system, clock, post, events }
}

const KEYED = { userId: 'u1', event: 'Product Viewed' }

describe('Segment calls', () => {
  test.each(['track', 'identify', 'page', 'screen', 'group', 'alias'])(
    '[ING-1][ING-2] POST /v1/%s appends the event and answers as Segment does',
    async (type) => {
      const { post, events, system } = start()
      const answer = await post(`/v1/${type}`, KEYED)
      expect([answer.statusCode, answer.json()]).toEqual([200, { success: true }])
      expect(events()).toEqual([{ ...KEYED, type, receivedAt: new Date(NOW).toISOString() }])
      expect(system.received[0]?.receivedAt).toBe(NOW)
    },
  )

  test('[ING-2] the short addresses of the browser library, with its text/plain', async () => {
    const { post, events } = start()
    for (const letter of 'tipsga') {
      const body = { ...KEYED, writeKey: WRITE_KEY }
      const headers = { 'content-type': 'text/plain', authorization: '' }
      expect((await post(`/v1/${letter}`, body, headers)).statusCode).toBe(200)
    }
    expect((await post('/v1/b', { batch: [{ type: 'track' }] })).statusCode).toBe(200)
    const types = ['track', 'identify', 'page', 'screen', 'group', 'alias', 'track']
    expect(events()).toMatchObject(types.map((type) => ({ type })))
  })

  test('[ING-2] gzip is unpacked', async () => {
    const { post, events } = start()
    const body = gzipSync(JSON.stringify(KEYED))
    expect((await post('/v1/track', body, { 'content-encoding': 'gzip' })).statusCode).toBe(200)
    expect(events()).toMatchObject([KEYED])
  })

  test('[H1] the answer waits until the events are durable', async () => {
    const { post, system } = start()
    const order: string[] = []
    system.ingest = async () => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      order.push('durable')
    }
    const { statusCode } = await post('/v1/track', KEYED)
    order.push(`answered ${statusCode}`)
    expect(order).toEqual(['durable', 'answered 200'])
  })

  test('an empty batch is a success and appends nothing', async () => {
    const { post, system } = start()
    expect((await post('/v1/batch', { batch: [] })).statusCode).toBe(200)
    expect(system.received).toEqual([])
  })

  test('[H2][ING-4] events that are wrong inside are appended with the others', async () => {
    const { post, events } = start()
    const batch = [
      { type: 'nonsense' },
      42,
      { type: 'track', event: 7 },
      { ...KEYED, type: 'track' },
    ]
    expect((await post('/v1/batch', { batch })).json()).toEqual({ success: true })
    expect(events()).toHaveLength(4)
    expect((await post('/v1/track', '"no object"')).statusCode).toBe(200)
    expect(events().at(-1)).toBe('no object')
  })
})

describe('CloudEvents', () => {
  test('[ING-2] structured and binary mode end up as the same kind of record', async () => {
    const { post, events } = start()
    const attributes = { specversion: '1.0', id: '1', source: '/shop', type: 'Order Completed' }
    const structured = { ...attributes, data: { userId: 'u1' } }
    await post('/v1/events', structured, { 'content-type': 'application/cloudevents+json' })
    const headers = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value.replace(' ', '%20')]),
    )
    expect((await post('/v1/events', { userId: 'u1' }, headers)).statusCode).toBe(200)
    expect(events()).toEqual([structured, { ...structured, datacontenttype: 'application/json' }])
  })

  test('what is none is refused', async () => {
    const { post, system } = start()
    const answer = await post('/v1/events', KEYED)
    expect(answer.json()).toMatchObject({ status: 400, code: 'http_not_a_cloudevent' })
    expect(system.received).toEqual([])
  })
})

describe('keys', () => {
  test('[API-2] basic authentication or the key in the body; else 401 and nothing is taken', async () => {
    const { post, system } = start()
    const none = { authorization: '' }
    expect((await post('/v1/track', { ...KEYED, writeKey: WRITE_KEY }, none)).statusCode).toBe(200)
    expect(
      (await post('/v1/batch', { batch: [KEYED], writeKey: WRITE_KEY }, none)).statusCode,
    ).toBe(200)
    expect(system.received.map((it) => it.record).join()).not.toContain(WRITE_KEY)
    expect(system.received).toHaveLength(2)
    for (const [body, headers] of [
      [KEYED, none],
      [{ ...KEYED, writeKey: 'another' }, none],
      [KEYED, { authorization: basic('another') }],
      [{ ...KEYED, writeKey: WRITE_KEY }, { authorization: basic('another') }],
    ] as const) {
      const answer = await post('/v1/track', body, headers)
      expect(answer.statusCode).toBe(401)
      expect(answer.json()).toMatchObject({ success: false, code: 'http_unauthorized' })
      expect(answer.headers['www-authenticate']).toMatch(/^Basic /)
    }
    expect(system.received).toHaveLength(2)
  })

  test('[API-2] the operator token is no write key', async () => {
    const { post } = start()
    const headers = { authorization: 'Bearer ot_test_0123456789abcdef0123456789abcdef' }
    expect((await post('/v1/track', KEYED, headers)).statusCode).toBe(401)
  })

  test('without keys only when asked for', async () => {
    const { post, system } = start({ ingestAuth: 'off', writeKeys: [] })
    expect((await post('/v1/track', KEYED, { authorization: '' })).statusCode).toBe(200)
    expect(system.received).toHaveLength(1)
  })

  test('[H4] a key over its rate is told when to come back, and others are not held up', async () => {
    const keys = [WRITE_KEY, 'wk_second_0123456789']
    const { post, clock } = start({ writeKeys: keys, rateLimit: { perSecond: 2, burst: 3 } })
    const status = async (key: string) =>
      (await post('/v1/track', KEYED, { authorization: basic(key) })).statusCode
    expect([await status(WRITE_KEY), await status(WRITE_KEY), await status(WRITE_KEY)]).toEqual([
      200, 200, 200,
    ])
    const refused = await post('/v1/track', KEYED)
    expect(refused.json()).toMatchObject({ status: 429, code: 'http_rate_limited' })
    expect(refused.headers).toMatchObject({ 'retry-after': '1', 'x-ratelimit-reset': '1' })
    expect(await status(keys[1] ?? '')).toBe(200)
    clock.at += 500
    expect([await status(WRITE_KEY), await status(WRITE_KEY)]).toEqual([200, 429])
  })
})

describe('transport faults', () => {
  const big = (bytes: number): string => JSON.stringify({ ...KEYED, x: 'x'.repeat(bytes) })

  test.each([
    ['broken JSON', '/v1/track', '{"a":', 'http_malformed_json'],
    ['an empty body', '/v1/track', '', 'http_malformed_json'],
    ['no UTF-8', '/v1/track', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 'http_malformed_json'],
    ['a call over 32 KB', '/v1/track', big(32 * 1024), 'http_body_too_large'],
    ['a batch over 500 KB', '/v1/batch', big(500 * 1024), 'http_body_too_large'],
    ['2,501 events', '/v1/batch', { batch: Array(2_501).fill({}) }, 'http_batch_too_long'],
    ['no list', '/v1/batch', KEYED, 'http_malformed_batch'],
    ['a bomb', '/v1/batch', gzipSync(Buffer.alloc(50_000_000)), 'http_body_too_large'],
    ['a cut stream', '/v1/batch', gzipSync(big(9)).subarray(0, 20), 'http_body_corrupt'],
  ])('[H2][H3] %s is a 400, and nothing is taken', async (_name, url, body, code) => {
    const { post, system } = start()
    const packed = Buffer.isBuffer(body) && body[0] === 0x1f
    const answer = await post(url, body, packed ? { 'content-encoding': 'gzip' } : {})
    expect(answer.json()).toMatchObject({ status: 400, success: false, code })
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(system.received).toEqual([])
  })

  test.each([
    [{ 'content-encoding': 'br' }, 'http_encoding'],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 'http_content_type'],
  ])('%j is a 415', async (headers, code) => {
    const { post } = start()
    expect((await post('/v1/track', KEYED, headers)).json()).toMatchObject({ status: 415, code })
  })

  test('the limits themselves are let through', async () => {
    const { post } = start()
    const fill = 32 * 1024 - big(0).length
    expect((await post('/v1/track', big(fill))).statusCode).toBe(200)
    expect((await post('/v1/track', big(fill + 1))).statusCode).toBe(400)
  })

  test.each([
    ['log_retriable', 503, '1'],
    ['log_full', 503, '30'],
    ['log_corrupt', 500, undefined],
  ] as const)('[H3] when the log says %s the answer is %i', async (code, status, retryAfter) => {
    const { post, system } = start()
    system.ingestError = new OpportuneError(code, '')
    const answer = await post('/v1/track', KEYED)
    expect(answer.json()).toMatchObject({ status, code, success: false })
    expect(answer.headers['retry-after']).toBe(retryAfter)
  })

  test('[H4] more bytes under way than allowed are answered 503 until there is room', async () => {
    const { post, system } = start({ limits: { pendingBytes: 150 } })
    const waiting: (() => void)[] = []
    system.ingest = () => new Promise((resolve) => waiting.push(resolve))
    const first = post('/v1/track', KEYED)
    await expect.poll(() => waiting.length).toBe(1)
    const second = await post('/v1/track', KEYED)
    expect(second.json()).toMatchObject({ status: 503, code: 'http_overloaded' })
    waiting[0]?.()
    expect((await first).statusCode).toBe(200)
    const third = post('/v1/track', KEYED)
    await expect.poll(() => waiting.length).toBe(2)
    waiting[1]?.()
    expect((await third).statusCode).toBe(200)
  })
})

describe('pages of other origins', () => {
  const page = { origin: 'https://shop.example' }

  test('are refused unless listed', async () => {
    const { post, system } = start()
    expect((await post('/v1/track', KEYED, page)).json()).toMatchObject({ code: 'http_origin' })
    expect((await post('/v1/track', KEYED, { origin: 'null' })).statusCode).toBe(403)
    expect(system.received).toEqual([])
  })

  test('[ING-2] listed ones may send, ask first, and read refusals', async () => {
    const { post, server } = start({ corsOrigins: ['https://shop.example'] })
    const preflight = await server.app.inject({
      method: 'OPTIONS',
      url: '/v1/t',
      headers: { ...page, 'access-control-request-method': 'POST' },
    })
    expect(preflight.statusCode).toBe(204)
    expect(preflight.headers['access-control-allow-headers']).toContain('authorization')
    for (const body of [KEYED, '{']) {
      const { headers } = await post('/v1/track', body, page)
      expect(headers).toMatchObject({
        'access-control-allow-origin': 'https://shop.example',
        vary: 'origin',
      })
    }
    expect((await post('/v1/track', KEYED, { origin: 'https://else.example' })).statusCode).toBe(
      403,
    )
  })

  test('the server’s own page is no other origin', async () => {
    const { post } = start()
    const own = { host: 'localhost:8080', origin: 'http://localhost:8080' }
    expect((await post('/v1/track', KEYED, own)).statusCode).toBe(200)
  })
})
