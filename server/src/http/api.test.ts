import type { InjectOptions } from 'fastify'
import type Type from 'typebox'
import { Errors } from 'typebox/value'
import { afterEach, describe, expect, test } from 'vitest'
import type { HttpOptions } from './options.ts'
import { OPERATOR_TOKEN, operator, testServer } from './testing.ts'
import * as views from './views.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()))
})

function start(options: Partial<HttpOptions> = {}) {
  const { server, system, clock } = testServer(options)
  open.push(server)
  // Awaited here: an injected request is not sent before somebody waits for it.
  const get = async (url: string, headers: InjectOptions['headers'] = operator) =>
    await server.app.inject({ url, headers: { host: 'localhost', ...headers } })
  const post = async (url: string, body: unknown, headers: InjectOptions['headers'] = operator) =>
    await server.app.inject({
      method: 'POST',
      url,
      headers: { host: 'localhost', 'content-type': 'application/json', ...headers },
      payload: JSON.stringify(body),
    })
  return { server, system, clock, get, post }
}

/** Holds an answer to the schema that the description gives for it. */
function expectFits(schema: Type.TSchema, value: unknown): void {
  expect(Errors(schema, value)).toEqual([])
}

const FIRST = testServer().system.decisionList[0] as views.Decision

describe('reading', () => {
  test('[API-2] a profile, with read your writes', async () => {
    const { get } = start()
    const path = `/api/v1/customers/${FIRST.customer_id}/profile`
    const answer = await get(`${path}?min_epoch=412`)
    expectFits(views.Profile, answer.json())
    expect(answer.json()).toMatchObject({ customer_id: FIRST.customer_id, epoch: 412 })
    expect(answer.json()).not.toHaveProperty('kind')
    const behind = await get(`${path}?min_epoch=413`)
    expect(behind.json()).toMatchObject({ status: 503, code: 'http_epoch_behind' })
    expect(behind.headers['retry-after']).toBe('1')
    const unknown = await get('/api/v1/customers/nobody/profile')
    expect(unknown.json()).toMatchObject({ status: 404, code: 'http_customer_unknown' })
  })

  test('a customer id may hold any character', async () => {
    const { get, system } = start()
    const id = 'a/b ü?#%'.repeat(30)
    let asked = ''
    system.profile = (customer) => {
      asked = customer
      return Promise.resolve({ kind: 'unknown' })
    }
    await get(`/api/v1/customers/${encodeURIComponent(id)}/profile`)
    expect(asked).toBe(id)
  })

  test('[API-2] decisions, one of them, and why', async () => {
    const { get } = start()
    const { decisions } = (await get('/api/v1/decisions?limit=3')).json<{ decisions: unknown[] }>()
    expect(decisions).toHaveLength(3)
    for (const it of decisions) expectFits(views.Decision, it)
    const of = await get(`/api/v1/decisions?customer=${FIRST.customer_id}`)
    expect(of.json<{ decisions: unknown[] }>().decisions).toEqual([FIRST])
    const path = `/api/v1/decisions/${FIRST.decision_id}`
    expect((await get(path)).json()).toEqual(FIRST)
    expectFits(views.Why, (await get(`${path}/why`)).json())
    for (const url of ['/api/v1/decisions/none', '/api/v1/decisions/none/why'])
      expect((await get(url)).json()).toMatchObject({ status: 404, code: 'http_decision_unknown' })
  })

  test.each(['limit=0', 'limit=201', 'limit=x', 'limit=1.5', 'customer='])(
    'decisions?%s is refused, naming the field',
    async (query) => {
      const { get } = start()
      const answer = (await get(`/api/v1/decisions?${query}`)).json<{ detail: string }>()
      expect(answer).toMatchObject({ status: 400, code: 'http_invalid_request' })
      expect(answer.detail).toContain(`query.${query.split('=')[0]}`)
    },
  )

  test('[API-2] the topology as data, text and Mermaid; the rates', async () => {
    const { get } = start()
    expectFits(views.Topology, (await get('/api/v1/topology')).json())
    const mermaid = await get('/api/v1/topology?format=mermaid')
    expect(mermaid.body).toMatch(/^flowchart/)
    expect((await get('/api/v1/topology?format=text')).body).toMatch(/^topology/)
    expect((await get('/api/v1/topology?format=svg')).statusCode).toBe(400)
    expectFits(views.Rates, (await get('/api/v1/rates')).json())
  })
})

describe('operating', () => {
  test('[API-2] a query', async () => {
    const { post } = start()
    expectFits(views.QueryResult, (await post('/api/v1/query', { sql: 'select 12 as n' })).json())
    const wrong = await post('/api/v1/query', { sql: 'drop table x' })
    expect(wrong.json()).toMatchObject({ status: 400, code: 'http_query_failed' })
    for (const body of [
      {},
      { sql: '' },
      { sql: 'select 1', max_rows: 0 },
      { sql: 'select 1', x: 1 },
    ])
      expect((await post('/api/v1/query', body)).json()).toMatchObject({
        code: 'http_invalid_request',
      })
  })

  test('[API-2] a query answered with an Arrow file', async () => {
    const { post } = start()
    const answer = await post('/api/v1/query', { sql: 'select 12 as n', format: 'arrow' })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('application/vnd.apache.arrow.file')
    expect(answer.rawPayload.toString()).toMatch(/^ARROW1.*ARROW1$/)
    const wrong = await post('/api/v1/query', { sql: 'select 12 as n', format: 'parquet' })
    expect(wrong.json()).toMatchObject({ code: 'http_invalid_request' })
  })

  test('[H4] queries are bounded in number and time, and are told to stop', async () => {
    const { post, system } = start({ limits: { queries: 1, queryMs: 80 } })
    let stopped = false
    let running = 0
    system.query = (_sql, { signal }) => {
      running++
      signal.addEventListener('abort', () => {
        stopped = true
      })
      return new Promise(() => {})
    }
    const first = post('/api/v1/query', { sql: 'select sleep(9)' })
    await expect.poll(() => running).toBe(1)
    const second = await post('/api/v1/query', { sql: 'select 1' })
    expect(second.json()).toMatchObject({ status: 503, code: 'http_overloaded' })
    expect((await first).json()).toMatchObject({ status: 503, code: 'http_timeout' })
    expect(stopped).toBe(true)
  })

  test('[API-2][ING-4] dead letters and their redrive', async () => {
    const { get, post } = start()
    expectFits(views.DeadLetterPage, (await get('/api/v1/dead-letters?limit=5&code=x')).json())
    const path = '/api/v1/dead-letters/redrive'
    const named = await post(path, { ids: ['events-0-17'] })
    expectFits(views.RedriveResult, named.json())
    expect((await post(path, { code: 'invalid_json', limit: 10 })).json()).toMatchObject({
      redriven: 1,
    })
    for (const body of [{}, { ids: [] }, { code: 'x' }, { ids: ['a'], code: 'x', limit: 1 }])
      expect((await post(path, body)).statusCode).toBe(400)
  })

  test('[API-2] definitions are applied, or refused with every place that is wrong', async () => {
    const { post, system } = start()
    const files = [{ path: 'limits.yaml', text: 'kind: caps' }]
    const good = await post('/api/v1/definitions', { files })
    expectFits(views.Applied, good.json())
    expect(system.applied).toEqual([files])
    const bad = await post('/api/v1/definitions', { files: [{ path: 'a.yaml', text: 'wrong' }] })
    expect(bad.json()).toMatchObject({
      status: 422,
      code: 'definitions_refused',
      problems: [{ file: 'a.yaml', line: 3, path: 'spec.cap', reason: 'must be a number' }],
    })
  })

  test('[API-2] a savepoint', async () => {
    const { post } = start()
    const answer = await post('/api/v1/savepoints', null)
    expect(answer.statusCode).toBe(201)
    expectFits(views.Savepoint, answer.json())
  })
})

describe('roles', () => {
  const READ = ['/api/v1/rates', '/api/v1/decisions', '/api/v1/topology', '/api/v1/live']
  const OPERATE = [
    '/api/v1/query',
    '/api/v1/dead-letters/redrive',
    '/api/v1/definitions',
    '/api/v1/savepoints',
    '/api/v1/sessions',
  ]

  test('[API-2] nothing of the API is open', async () => {
    const { get, post } = start()
    for (const [status, headers] of [
      [401, {}],
      [401, { authorization: 'Bearer nonsense' }],
      [401, { authorization: `Basic ${Buffer.from(`${OPERATOR_TOKEN}:`).toString('base64')}` }],
    ] as const) {
      for (const url of [...READ, '/api/v1/dead-letters'])
        expect((await get(url, headers)).statusCode).toBe(status)
      for (const url of OPERATE) expect((await post(url, {}, headers)).statusCode).toBe(status)
    }
  })

  test('[API-2] a read session reads and cannot operate', async () => {
    const { get, post, clock } = start()
    const opened = await post('/api/v1/sessions', null)
    const { token, expires_at: end } = opened.json<{ token: string; expires_at: number }>()
    const session = { authorization: `Bearer ${token}` }
    for (const url of READ.slice(0, 3)) expect((await get(url, session)).statusCode).toBe(200)
    expect((await get('/api/v1/dead-letters', session)).statusCode).toBe(403)
    for (const url of OPERATE) expect((await post(url, {}, session)).statusCode).toBe(403)
    clock.at = end
    expect((await get('/api/v1/rates', session)).statusCode).toBe(401)
  })

  test('a name that only resolves to this machine is refused', async () => {
    const { get } = start({ allowedHosts: ['opportune.lan'] })
    for (const host of ['evil.example', 'evil.example:8080', 'localhost.evil.example']) {
      expect((await get('/api/v1/rates', { ...operator, host })).json()).toMatchObject({
        status: 421,
        code: 'http_host',
      })
      expect((await get('/', { host })).statusCode).toBe(421)
    }
    for (const host of ['localhost:8080', '127.0.0.1', '[::1]:8080', 'opportune.lan'])
      expect((await get('/api/v1/rates', { ...operator, host })).statusCode).toBe(200)
  })
})
