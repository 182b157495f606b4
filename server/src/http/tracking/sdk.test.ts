import { Analytics } from '@segment/analytics-node'
import { afterEach, describe, expect, test } from 'vitest'
import { OpportuneError } from '#engine'
import { NOW, testServer, WRITE_KEY } from '../testing.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()))
})

describe('the Node library of Segment, unmodified, over a socket', () => {
  test('[ING-1][ING-2] every call arrives once, with sentAt and our receivedAt', async () => {
    const { server, system } = testServer()
    open.push(server)
    const host = await server.listen()
    const analytics = new Analytics({ writeKey: WRITE_KEY, host, flushAt: 4 })
    const errors: unknown[] = []
    analytics.on('error', (error) => errors.push(error))
    analytics.identify({ userId: 'u1', traits: { email: 'a@example.org' } })
    analytics.track({ userId: 'u1', event: 'Order Completed', properties: { total: 42.5 } })
    analytics.page({ anonymousId: 'a1', name: 'Home' })
    analytics.screen({ userId: 'u1', name: 'Cart' })
    analytics.group({ userId: 'u1', groupId: 'g1' })
    analytics.alias({ userId: 'u1', previousId: 'a1' })
    await analytics.closeAndFlush({ timeout: 5_000 })
    expect(errors).toEqual([])
    const events = system.received.map((it) => JSON.parse(it.record) as Record<string, unknown>)
    expect(new Set(events.map((it) => it['type']))).toEqual(
      new Set(['alias', 'group', 'identify', 'page', 'screen', 'track']),
    )
    expect(events.find((it) => it['type'] === 'track')).toMatchObject({
      userId: 'u1',
      event: 'Order Completed',
      properties: { total: 42.5 },
      receivedAt: new Date(NOW).toISOString(),
      sentAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      messageId: expect.stringMatching(/./) as string,
    })
    expect(new Set(events.map((it) => it['messageId'])).size).toBe(6)
    expect(JSON.stringify(events)).not.toContain(WRITE_KEY)
  })

  test('[H3] what was answered 503 is sent again by itself, and arrives', async () => {
    const { server, system } = testServer()
    open.push(server)
    const append = system.ingest.bind(system)
    let refusals = 1
    system.ingest = (records, receivedAt) => {
      if (refusals-- > 0) return Promise.reject(new OpportuneError('log_retriable', ''))
      return append(records, receivedAt)
    }
    const analytics = new Analytics({
      writeKey: WRITE_KEY,
      host: await server.listen(),
      flushAt: 1,
    })
    analytics.track({ userId: 'u1', event: 'Order Completed' })
    await analytics.closeAndFlush({ timeout: 5_000 })
    expect(system.received).toHaveLength(1)
  })
})
