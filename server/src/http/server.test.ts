import { createServer } from 'node:net'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { findError, OpportuneError } from '#engine'
import { CALL_SCHEMAS } from '#operators'
import type { HttpOptions, Observation } from './options.ts'
import { createHttpServer } from './server.ts'
import { basic, OPERATOR_TOKEN, operator, testServer, WRITE_KEY } from './testing.ts'
import type { Snapshot } from './views.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()))
})

function start(options: Partial<HttpOptions> = {}) {
  const made = testServer(options)
  open.push(made.server)
  // Awaited here: an injected request is not sent before somebody waits for it.
  const get = async (url: string, headers: Record<string, string> = {}) =>
    await made.server.app.inject({ url, headers: { host: 'localhost', ...headers } })
  return { ...made, get }
}

const codeOf = (options: Partial<HttpOptions>): string | undefined => {
  try {
    testServer(options)
  } catch (error) {
    return findError(error)?.code
  }
  return undefined
}

describe('health and metrics', () => {
  test('[SYS-6][H5] ready says 503 and why, until it is', async () => {
    const { get, system } = start()
    system.healthNow = { live: true, ready: false, reasons: ['restoring: 3 of 8 partitions'] }
    const waiting = await get('/health/ready')
    expect([waiting.statusCode, waiting.json()]).toEqual([503, system.healthNow])
    expect((await get('/health/live')).statusCode).toBe(200)
    system.healthNow = { live: true, ready: true, reasons: [] }
    expect((await get('/health/ready')).statusCode).toBe(200)
    system.healthNow = { live: false, ready: true, reasons: ['the worker stopped'] }
    expect((await get('/health/live')).statusCode).toBe(503)
    expect((await get('/health/ready')).statusCode).toBe(503)
  })

  test('metrics come with the type that Prometheus reads', async () => {
    const answer = await start().get('/metrics')
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(answer.body).toContain('opportune_up 1\n')
  })

  test('each answer is observed by its pattern', async () => {
    const seen: Observation[] = []
    const { get } = start({ observe: (it) => seen.push(it) })
    await get('/api/v1/customers/jane/profile', operator)
    await get('/nowhere/jane')
    await expect.poll(() => seen.length).toBe(2)
    expect(seen).toMatchObject([
      { method: 'GET', route: '/api/v1/customers/:id/profile', status: 404 },
      { method: 'GET', route: '', status: 404 },
    ])
  })
})

describe('closing', () => {
  test('[SYS-6][H5][H6] shows not ready, lets running calls finish, takes nothing new', async () => {
    const { server, system } = start({ limits: { drainMs: 60 } })
    const url = await server.listen()
    const finish: (() => void)[] = []
    system.ingest = () => new Promise((resolve) => finish.push(resolve))
    const track = () =>
      fetch(`${url}/v1/track`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: basic(WRITE_KEY) },
        body: '{"userId":"u1","event":"X"}',
      })
    const running = track()
    await expect.poll(() => finish.length).toBe(1)
    const stream = await fetch(`${url}/api/v1/live`, { headers: operator })
    let closed = false
    const closing = server.close().then(() => {
      closed = true
    })
    const ready = await fetch(`${url}/health/ready`)
    expect([ready.status, await ready.json()]).toMatchObject([503, { reasons: ['closing'] }])
    // The live stream ends by itself.
    await stream.text()
    // A new connection is refused; one that was kept open hears why.
    expect(
      await track().then(
        (it) => it.status,
        () => 'refused',
      ),
    ).toSatisfy((it) => it === 503 || it === 'refused')
    expect(closed).toBe(false)
    finish[0]?.()
    expect((await running).status).toBe(200)
    await closing
  })

  test('[H6] what does not finish in time is cut', async () => {
    const { server, system } = start({ limits: { closeMs: 50 } })
    const url = await server.listen()
    let began = false
    system.ingest = () => {
      began = true
      return new Promise(() => {})
    }
    const headers = { authorization: basic(WRITE_KEY) }
    const stuck = fetch(`${url}/v1/track`, { method: 'POST', headers, body: '{}' }).catch(
      () => 'cut',
    )
    await expect.poll(() => began).toBe(true)
    await server.close()
    expect(await stuck).toBe('cut')
  })

  test('[H6] a call after the door is shut is told to come back', async () => {
    const { get, server, system } = start({ limits: { closeMs: 5_000 } })
    await server.listen()
    const finish: (() => void)[] = []
    system.savepoint = () =>
      new Promise((resolve) => finish.push(() => resolve({ id: 'a', path: 'b', at: 1 })))
    const running = server.app.inject({
      method: 'POST',
      url: '/api/v1/savepoints',
      headers: { host: 'localhost', ...operator },
    })
    const saved = running.then((it) => it.statusCode)
    await expect.poll(() => finish.length).toBe(1)
    const closing = server.close()
    const late = await get('/api/v1/rates', operator)
    expect(late.json()).toMatchObject({ status: 503, code: 'http_closing' })
    expect(late.headers['retry-after']).toBe('1')
    finish[0]?.()
    expect(await saved).toBe(201)
    await closing
  })
})

describe('the live stream', () => {
  test('[API-2] sends a snapshot at once and then each interval', async () => {
    const { server } = start({ limits: { liveEveryMs: 20 } })
    const url = await server.listen()
    const response = await fetch(`${url}/api/v1/live`, { headers: operator })
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const events: string[] = []
    for await (const chunk of response.body ?? []) {
      events.push(
        ...Buffer.from(chunk as Uint8Array)
          .toString()
          .split('\n\n')
          .filter(Boolean),
      )
      if (events.length >= 3) break
    }
    const [name, data = ''] = events[2]?.split('\n') ?? []
    expect(name).toBe('event: snapshot')
    const snapshot = JSON.parse(data.replace(/^data: /, '')) as Snapshot
    expect(snapshot.health.ready).toBe(true)
    const { totals } = snapshot.rates
    expect(totals.read).toBe(totals.accepted + totals.duplicates + totals.rejected)
    expect(snapshot.decisions).toHaveLength(20)
    expect(snapshot.decisions[0]).not.toHaveProperty('inputs')
  })

  test('[H4] is bounded in number, costs nothing without readers, and outlives trouble', async () => {
    const { server, system } = start({ limits: { liveStreams: 1, liveEveryMs: 10 } })
    const url = await server.listen()
    let asked = 0
    system.latestDecisions = () => {
      asked++
      return Promise.reject(new OpportuneError('task_not_here', ''))
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked).toBe(0)
    const cancel = new AbortController()
    const first = await fetch(`${url}/api/v1/live`, { headers: operator, signal: cancel.signal })
    const reader = first.body?.getReader()
    const { value } = (await reader?.read()) ?? {}
    expect(Buffer.from(value ?? []).toString()).toBe(
      'event: trouble\ndata: {"code":"task_not_here"}\n\n',
    )
    expect((await fetch(`${url}/api/v1/live`, { headers: operator })).status).toBe(503)
    cancel.abort()
    await expect
      .poll(async () => {
        const again = new AbortController()
        const { status } = await fetch(`${url}/api/v1/live`, {
          headers: operator,
          signal: again.signal,
        })
        again.abort()
        return status
      })
      .toBe(200)
  })
})

describe('errors', () => {
  test('[H7] an address that leads nowhere, a method it does not take', async () => {
    const { get, server } = start()
    expect((await get('/nowhere')).json()).toMatchObject({
      type: '/docs/errors.md#http_not_found',
      status: 404,
      code: 'http_not_found',
      title: 'There is nothing at this address.',
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    })
    const wrong = await server.app.inject({ method: 'DELETE', url: '/api/v1/decisions/x' })
    expect([wrong.statusCode, wrong.headers['allow']]).toEqual([405, 'GET'])
    expect((await get('/v1/track')).json()).toMatchObject({ code: 'http_method' })
    expect((await get('/%zz')).json()).toMatchObject({ status: 400, code: 'http_bad_request' })
  })

  test('[PRV-3][H7] neither answers nor the log repeat what a client sent', async () => {
    const lines: string[] = []
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString())
        done()
      },
    })
    const { server, system } = start({ logger: pino(sink) })
    const planted = ['jane@example.org', WRITE_KEY, OPERATOR_TOKEN, 'Doe']
    system.profile = (id) => Promise.reject(new Error(`no such customer ${id}`))
    system.ingestError = new TypeError('bad value "Doe"')
    const answers = [
      await server.app.inject({
        url: '/api/v1/customers/jane@example.org/profile?x=Doe',
        headers: { host: 'localhost', ...operator, cookie: 'Doe', 'user-agent': 'Doe' },
      }),
      await server.app.inject({
        method: 'POST',
        url: '/v1/identify',
        headers: { authorization: basic(WRITE_KEY), 'content-type': 'application/json' },
        payload: '{"userId":"jane@example.org","traits":{"name":"Doe"}}',
      }),
      await server.app.inject({
        method: 'POST',
        url: '/v1/identify',
        headers: { authorization: basic(WRITE_KEY) },
        payload: '{"userId":"jane@example.org", Doe',
      }),
    ]
    expect(answers.map((it) => it.statusCode)).toEqual([500, 500, 400])
    expect(lines).toHaveLength(2)
    expect(lines.map((it) => JSON.parse(it) as unknown)).toMatchObject([
      { code: 'http_internal', error: 'Error', route: '/api/v1/customers/{id}/profile' },
      { code: 'http_internal', error: 'TypeError', route: '/v1/identify' },
    ])
    const said = [...lines, ...answers.map((it) => it.body)].join()
    for (const secret of planted) expect(said).not.toContain(secret)
    for (const it of answers) expect(said).toContain(it.headers['x-request-id'])
  })
})

describe('starting', () => {
  test('[API-2] what would be open to others is refused', () => {
    const host = '0.0.0.0'
    expect(codeOf({ host, ingestAuth: 'off' })).toBe('http_auth_needed')
    expect(codeOf({ host, page: 'open' })).toBe('http_auth_needed')
    expect(codeOf({ writeKeys: [] })).toBe('http_auth_needed')
    expect(codeOf({ host })).toBeUndefined()
  })

  test('a port in use has a code that says what to do', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const { server } = start({ port })
    await expect(server.listen()).rejects.toMatchObject({ code: 'http_port_in_use' })
    await new Promise((resolve) => other.close(resolve))
  })

  test('an address of another machine has one, too', async () => {
    const { server } = start({ host: '192.0.2.1' })
    await expect(server.listen()).rejects.toMatchObject({ code: 'http_address' })
  })

  test('it listens on loopback unless told otherwise', async () => {
    const { server } = start()
    expect(await server.listen()).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })
})

describe('the page', () => {
  test('on loopback it carries a session that may read', async () => {
    const { get } = start()
    const page = await get('/', { host: 'localhost:8080' })
    expect(page.headers['content-type']).toMatch(/^text\/html/)
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'.*script-src 'self'/)
    const token = /name="session" content="([^"]+)"/.exec(page.body)?.[1] ?? ''
    expect((await get('/api/v1/rates', { authorization: `Bearer ${token}` })).statusCode).toBe(200)
    const query = { method: 'POST', url: '/api/v1/query' } as const
    const refused = await start().server.app.inject({
      ...query,
      headers: { host: 'localhost', authorization: `Bearer ${token}` },
    })
    expect(refused.statusCode).toBe(401)
  })

  test('[API-2] by another name, or when told to, it carries none', async () => {
    const other = start({ allowedHosts: ['shop.lan'] })
    expect((await other.get('/', { host: 'shop.lan' })).body).toContain('name="session" content=""')
    expect((await start({ page: 'token' }).get('/')).body).toContain('name="session" content=""')
    expect((await start({ host: '0.0.0.0' }).get('/')).body).toContain('name="session" content=""')
    expect((await start({ page: 'off' }).get('/')).statusCode).toBe(404)
  })

  test('nothing in it comes from elsewhere or stands inline, and all it names is there', async () => {
    const { get } = start()
    const { body } = await get('/')
    expect(body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
    expect(body).not.toMatch(/<script(?![^>]*src=)|<style|style="|\son\w+=/)
    const named = [...body.matchAll(/(?:src|href)="(\/[^"#]*)"/g)].map((it) => it[1] ?? '')
    expect(named.length).toBeGreaterThan(4)
    for (const path of named) expect([path, (await get(path)).statusCode]).toEqual([path, 200])
    expect((await get('/page/../../package.json')).statusCode).toBe(404)
  })

  test('every answer says how it may be used', async () => {
    const { headers } = await start().get('/health/live')
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'content-security-policy': expect.stringContaining("default-src 'none'") as string,
    })
  })
})

test('the server needs nothing but its ports', () => {
  const { system } = testServer()
  expect(() =>
    createHttpServer(system, {
      version: '1',
      port: 0,
      writeKeys: [WRITE_KEY],
      operatorToken: OPERATOR_TOKEN,
      callSchemas: CALL_SCHEMAS,
    }),
  ).not.toThrow()
})
