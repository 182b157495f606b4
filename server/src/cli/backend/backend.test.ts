/**
 * One suite for both ways to an answer. The server is the product's own, over the same data; the
 * analytics store alone is a stand-in, because what it answers is its own tests' matter.
 */
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { CALL_SCHEMAS } from '#operators'
import { definitionFiles } from '../../app/activate.ts'
import { createHttpServer, type HttpServer } from '../../http/index.ts'
import { packagePath } from '../../package-root.ts'
import { portsOf } from '../../start/ports.ts'
import { CurrentStage, Stage } from '../../start/stage.ts'
import { answers } from './health.ts'
import { httpBackend } from './http.ts'
import { localBackend } from './local.ts'
import { openBackend } from './open.ts'
import type { Backend } from './port.ts'
import { readServerFile, removeServerFile, writeServerFile } from './server-file.ts'
import { MONDAY, makeShop, type Shop } from './shop.fixture.ts'

const TOKEN = 'operator-token-0123456789-0123456789-012'
const NOW = MONDAY + 86_400_000

interface Opened {
  readonly shop: Shop
  readonly backend: Backend
  close(): Promise<void>
}

async function openLocal(): Promise<Opened> {
  const shop = await makeShop()
  const backend = await localBackend({
    directory: shop.directory,
    now: () => NOW,
    openAnalytics: async () => ({
      query: async ({ params }) => ({
        columns: [{ name: 'who', type: 'String' }],
        rows: [[params['who']]],
        truncated: false,
        elapsed_ms: 1,
      }),
      arrow: async ({ params }) => arrowOf(params['who']),
      stop: async () => {},
    }),
  })
  return { shop, backend, close: () => backend.close() }
}

async function openHttp(): Promise<Opened & { readonly url: string }> {
  const shop = await makeShop()
  const current = await Stage.open({
    directory: shop.directory,
    log: { kind: 'embedded', durability: 'os' },
    partitions: 2,
    build: 'test',
    now: () => NOW,
  })
  await current.decisions.follow()
  const stage = new CurrentStage()
  stage.set(current)
  const server: HttpServer = createHttpServer(
    portsOf({
      stage,
      plan: current.app.plan,
      open: () => true,
      now: () => NOW,
      analytics: {
        query: async (_sql, params = {}) => ({
          columns: [{ name: 'who', type: 'String' }],
          rows: [{ who: params['who'] }],
        }),
        arrow: async (_sql, params = {}) => arrowOf(params['who']),
        lag: () => 0,
        health: () => ({ state: 'ready', reason: null, restarts: 0, loading: null }),
        ready: async () => {},
        flush: async () => {},
        stop: async () => {},
      },
      health: () => ({ live: true, ready: true, reasons: [] }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      savepoint: async () => ({ id: 's', path: 's', at: NOW }),
    }),
    {
      version: '0',
      port: 0,
      writeKeys: ['a-key-of-sixteen-letters'],
      operatorToken: TOKEN,
      callSchemas: CALL_SCHEMAS,
    },
  )
  const url = await server.listen()
  return {
    shop,
    url,
    backend: httpBackend({ url, token: TOKEN }),
    async close() {
      await server.close()
      await current.close()
    },
  }
}

const arrowOf = (who: unknown): Uint8Array =>
  tableToIPC(tableFromArrays({ who: [String(who)] }), 'file')

const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => findError(error)?.code,
  )

describe.each([
  ['the data directory', openLocal],
  ['a server', openHttp],
])('asked of %s', (_name, open) => {
  let opened: Opened
  let backend: Backend
  beforeAll(async () => {
    opened = await open()
    ;({ backend } = opened)
  })
  afterAll(async () => {
    await opened.close()
    opened.shop.remove()
  })

  test('decisions: newest first, as many as asked for, of one customer', async () => {
    const all = await backend.decisions({ limit: 200, customer: null })
    expect(all.length).toBeGreaterThan(1)
    expect(all.map((d) => d.timestamp)).toEqual(
      all.map((d) => d.timestamp).toSorted((a, b) => b - a),
    )
    const [first] = all
    expect(await backend.decisions({ limit: 1, customer: null })).toEqual([first])
    for (const id of ['ben', 'u:ben']) {
      const found = await backend.decisions({ limit: 200, customer: id })
      expect(found).toEqual(all.filter((d) => d.customer_id === 'u:ben'))
      expect(found.length).toBeGreaterThan(0)
    }
    expect(await backend.decisions({ limit: 200, customer: 'be' })).toEqual([])
  })

  test('[AUD-1] why: the record, its sentences, its place in the audit chain', async () => {
    const [first] = await backend.decisions({ limit: 1, customer: null })
    const why = await backend.why(first?.decision_id ?? '')
    expect(why.decision).toEqual(first)
    expect(why.lines[0]).toContain(first?.decision_id)
    expect(why.audit?.chain).toMatch(/^decisions\/\d$/)
    expect(why.audit?.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(await codeOf(backend.why('none-such'))).toBe('http_decision_unknown')
  })

  test('a profile, by the id the producer gave and by its key', async () => {
    const byId = await backend.profile('cleo')
    expect(byId).toMatchObject({ customer_id: 'cleo', canonical_id: 'u:cleo' })
    expect(byId.profile).toMatchObject({ customer_id: 'u:cleo', total_orders: 1 })
    expect(await backend.profile('u:cleo')).toEqual({ ...byId, customer_id: 'u:cleo' })
    expect(await codeOf(backend.profile('nobody/?#'))).toBe('http_customer_unknown')
  })

  test('the topology as data, text and a picture', async () => {
    const { data, text, mermaid } = await backend.topology()
    expect(data.stages.find((stage) => stage.id === 'customer-inbox')?.partitions).toBe(2)
    expect(text).toMatch(/^topology opportune\n/)
    expect(mermaid).toMatch(/^flowchart LR\n/)
  })

  test('[SNK-2] the whole answer as an Arrow file', async () => {
    const file = await backend.queryArrow({
      sql: 'select {who:String} as who',
      params: { who: 'anna' },
    })
    expect(tableFromIPC(file).toArray().map(String)).toEqual(['{"who": "anna"}'])
  })

  test('a query with its parameters', async () => {
    const sql = 'select {who:String} as who'
    expect(await backend.query({ sql, params: { who: 'anna' }, maxRows: 10 })).toMatchObject({
      columns: [{ name: 'who', type: 'String' }],
      rows: [['anna']],
      truncated: false,
    })
  })

  test('[ING-4] dead letters: newest first, page by page, by code', async () => {
    const all = await backend.deadLetters({ limit: 10, cursor: null, code: null })
    expect(all.dead_letters.map(({ code }) => code)).toEqual(['invalid_json', 'id_missing'])
    expect(all.next_cursor).toBeNull()
    const [newest, oldest] = all.dead_letters
    const first = await backend.deadLetters({ limit: 1, cursor: null, code: null })
    expect(first.dead_letters).toEqual([newest])
    const second = await backend.deadLetters({ limit: 1, cursor: first.next_cursor, code: null })
    expect(second).toEqual({ dead_letters: [oldest], next_cursor: null })
    const byCode = await backend.deadLetters({ limit: 10, cursor: null, code: 'id_missing' })
    expect(byCode.dead_letters).toEqual([oldest])
    expect(Buffer.from(newest?.bytes_base64 ?? '', 'base64').toString()).toBe('not json')
    expect(await codeOf(backend.deadLetters({ limit: 1, cursor: 'x', code: null }))).toBe(
      'http_invalid_request',
    )
  })

  test('[ING-4] a redrive sends what was named, and says what it did not know', async () => {
    const { dead_letters: letters } = await backend.deadLetters({
      limit: 10,
      cursor: null,
      code: null,
    })
    const [letter] = letters
    const id = letter?.id ?? ''
    expect(await backend.redrive({ ids: [id, '0-999'] })).toEqual({
      redriven: 1,
      unknown: ['0-999'],
    })
    expect(await backend.redrive({ code: 'id_missing', limit: 10 })).toEqual({
      redriven: 1,
      unknown: [],
    })
    expect(await backend.redrive({ code: 'no_such_code', limit: 10 })).toEqual({
      redriven: 0,
      unknown: [],
    })
  })

  test('[CFG-1] definitions in force already are no change; wrong ones are refused in full', async () => {
    const files = definitionFiles(packagePath('examples/shop'))
    expect(await backend.applyDefinitions(files)).toMatchObject({ ok: true, changed: false })
    const wrong = await backend.applyDefinitions([{ path: 'a.yaml', text: 'kind: trigger\n' }])
    expect(wrong).toMatchObject({ ok: false })
    expect(wrong.ok ? [] : wrong.problems).not.toEqual([])
  })
})

describe('who answers', () => {
  const io = (env: Record<string, string> = {}) => ({ env, now: () => NOW })

  test('the server that runs on the directory, with the directory\u2019s token, else the directory', async () => {
    const { shop, url, close } = await openHttp()
    try {
      await writeServerFile(shop.directory, { url, pid: process.pid, version: '0' })
      expect((await openBackend({ data: shop.directory }, io())).where).toBe(url)
      await removeServerFile(shop.directory)
      const beside = await openBackend({ data: shop.directory }, io())
      expect(beside.where).toBe(shop.directory)
      // The log is read beside its owner; the state is the owner's.
      expect((await beside.decisions({ limit: 1, customer: null })).length).toBe(1)
      await beside.close()
    } finally {
      await close()
      shop.remove()
    }
  })

  test('a file that a dead server left behind is not believed', async () => {
    const shop = await makeShop()
    try {
      await writeServerFile(shop.directory, {
        url: 'http://127.0.0.1:9',
        pid: process.pid,
        version: '0',
      })
      expect(await answers('http://127.0.0.1:9')).toBe(false)
      const backend = await openBackend({ data: shop.directory }, io())
      expect(backend.where).toBe(shop.directory)
      await backend.close()
      await writeServerFile(shop.directory, { url: 'http://x', pid: 2 ** 22 + 1, version: '0' })
      expect(await readServerFile(shop.directory)).toBeUndefined()
    } finally {
      shop.remove()
    }
  })

  test('a named address with the token of the environment; a wrong token is refused', async () => {
    const { shop, url, close } = await openHttp()
    try {
      const right = await openBackend({ url }, io({ OPPORTUNE_TOKEN: TOKEN }))
      expect((await right.decisions({ limit: 1, customer: null })).length).toBe(1)
      const wrong = await openBackend({ url }, io({ OPPORTUNE_TOKEN: 'x' }))
      expect(await codeOf(wrong.decisions({ limit: 1, customer: null }))).toBe('http_unauthorized')
    } finally {
      await close()
      shop.remove()
    }
  })
})
