import { expect, expectTypeOf, test } from 'vitest'
import type { Description } from '#engine'
import { CALL_SCHEMAS, type Decision as Decided, parseEvent, type ReadResult } from '#operators'
import { basic, NOW, testServer, WRITE_KEY } from './testing.ts'
import type { CallSchemas } from './tracking/routes.ts'
import type { Decision, DefinitionProblem, Topology } from './views.ts'

test('what the engine and the operators give is what the API shows', () => {
  expectTypeOf<Decided>().toExtend<Decision>()
  expectTypeOf<Description>().toExtend<Topology>()
  expectTypeOf<typeof CALL_SCHEMAS>().toExtend<CallSchemas>()
  type Problems = Extract<ReadResult, { ok: false }>['problems']
  expectTypeOf<Problems>().toExtend<readonly DefinitionProblem[]>()
})

test('[ING-1] an event means the same over HTTP and on the topic', async () => {
  const { server, system } = testServer()
  const call = {
    type: 'track',
    messageId: 'm1',
    userId: 'u1',
    event: 'Product Added',
    originalTimestamp: '2026-11-22T09:00:00Z',
    sentAt: '2026-11-22T09:00:05Z',
    properties: { product_id: 'p1', price: 19.9 },
    context: { locale: 'de-DE' },
  }
  const { sentAt, context, ...event } = call
  const headers = { authorization: basic(WRITE_KEY), 'content-type': 'application/json' }
  const post = async (url: string, payload: object) =>
    await server.app.inject({ method: 'POST', url, headers, payload })
  await post('/v1/track', call)
  await post('/v1/batch', { sentAt, context, batch: [event] })
  const envelope = { specversion: '1.0', id: '1', source: '/shop', type: 'call', data: call }
  const structured = { ...headers, 'content-type': 'application/cloudevents+json' }
  await server.app.inject({
    method: 'POST',
    url: '/v1/events',
    headers: structured,
    payload: envelope,
  })
  await server.close()
  const onTopic = parseEvent(Buffer.from(JSON.stringify(call)), NOW)
  expect(onTopic.ok).toBe(true)
  expect(system.received).toHaveLength(3)
  for (const { record, receivedAt } of system.received)
    expect(parseEvent(Buffer.from(record), receivedAt)).toEqual(onTopic)
})
