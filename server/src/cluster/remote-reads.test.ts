import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSimulatedLog, type EventLog, findError } from '#engine'
import type { App, Located } from '../app/app.ts'
import { Members } from './members.ts'
import { type ProfileQuestion, RemoteReads } from './remote-reads.ts'

let log: EventLog
let members: Members
let server: Server
let url: string
const asked: IncomingMessage[] = []
let answer: { readonly status: number; readonly body: unknown }

beforeEach(async () => {
  asked.length = 0
  log = createSimulatedLog()
  members = await Members.open({ log, instance: 'here', onError() {} })
  server = createServer((request, response) => {
    asked.push(request)
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await owned(url)
})
afterEach(async () => {
  members.close()
  await log.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** Somebody at `at` keeps partition 3. */
async function owned(at: string): Promise<void> {
  const other = await Members.open({ log, instance: 'there', onError() {} })
  const tasks = { 'customer-inbox/3': 1 }
  await other.publish({ url: at, version: '1', duties: false, tasks }, 1)
  other.close()
  await members.follow()
}

const places = (located: Record<string, Located>): Pick<App, 'locate'> => ({
  locate: (key) => located[key] ?? { kind: 'unknown' },
})
const elsewhere = (key: string): Located => ({ kind: 'elsewhere', key, partition: 3 })
const profile = { customer_id: 'u:7', canonical_id: 'u:7', epoch: 9, profile: {} }

async function ask(
  app: Pick<App, 'locate'>,
  question: ProfileQuestion = { minEpoch: null, hops: 0 },
): Promise<unknown> {
  const reads = new RemoteReads({ members, operatorToken: 'token', timeoutMs: 500 })
  try {
    return await reads.profile(app, '7', question, async () => ({ kind: 'unknown' }))
  } catch (error) {
    return findError(error)?.code
  }
}

describe('[PRO-7] a customer that another process keeps', () => {
  test('is asked for there, by the key reached here, with the token', async () => {
    answer = { status: 200, body: profile }
    const found = await ask(places({ 'u:7': elsewhere('u:8') }), { minEpoch: 4, hops: 1 })
    expect(found).toEqual({ ...profile, kind: 'found', customer_id: '7' })
    expect(asked[0]?.url).toBe('/api/v1/customers/u%3A8/profile?min_epoch=4')
    expect(asked[0]?.headers).toMatchObject({
      authorization: 'Bearer token',
      'x-opportune-hops': '2',
    })
  })

  test('may be known under the other kind of id', async () => {
    answer = { status: 200, body: profile }
    expect(await ask(places({ 'a:7': elsewhere('a:7') }))).toMatchObject({ kind: 'found' })
    answer = { status: 404, body: { code: 'http_customer_unknown' } }
    expect(await ask(places({ 'u:7': elsewhere('u:7'), 'a:7': elsewhere('a:7') }))).toEqual({
      kind: 'unknown',
    })
    expect(asked).toHaveLength(3)
  })

  test('that is behind the epoch asked for is said to be', async () => {
    answer = { status: 503, body: { code: 'http_epoch_behind', detail: 'It stands at 12.' } }
    expect(await ask(places({ 'u:7': elsewhere('u:7') }))).toEqual({ kind: 'behind', epoch: 12 })
  })

  test('[X1] is moving where the owner no longer keeps it, is gone, or is not known', async () => {
    const app = places({ 'u:7': elsewhere('u:7') })
    answer = { status: 503, body: { code: 'task_moving' } }
    expect(await ask(app)).toBe('task_moving')
    await owned('http://127.0.0.1:9')
    expect(await ask(app)).toBe('task_moving')
    expect(await ask(places({ 'u:7': { kind: 'elsewhere', key: 'u:7', partition: 2 } }))).toBe(
      'task_moving',
    )
  })

  test('[X2] is not asked for in circles', async () => {
    expect(await ask(places({ 'u:7': elsewhere('u:7') }), { minEpoch: null, hops: 6 })).toBe(
      'task_moving',
    )
    expect(asked).toEqual([])
  })
})
