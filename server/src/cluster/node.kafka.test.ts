import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { findError, openKafkaLog } from '#engine'
import type { KafkaAppLog } from '../app/app-log.ts'
import { openCredentials } from '../http/index.ts'
import { type NodeOptions, type RunningNode, startNode } from './node.ts'

const kafka = inject('kafka')
/** More than all other topics of the group have: two processes that share them evenly each get some. */
const PARTITIONS = 6
const QUICK = { timeout: 30_000, interval: 250 }

let root = ''
let token = ''
let writeKey = ''
const running: RunningNode[] = []

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'opportune-node-'))
  const credentials = await openCredentials(root)
  token = credentials.operatorToken
  writeKey = credentials.writeKeys[0] ?? ''
})
beforeEach((ctx) => {
  if (kafka.brokers === undefined) ctx.skip(kafka.reason)
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const newPrefix = (): string => `t${randomUUID().slice(0, 8)}.`

async function start(
  instance: string,
  prefix: string,
  over: { readonly log?: Partial<KafkaAppLog>; readonly partitions?: number } = {},
): Promise<RunningNode> {
  const options: NodeOptions = {
    directory: join(root, `${prefix}${instance}`),
    shared: root,
    log: {
      kind: 'kafka',
      brokers: kafka.brokers ?? '',
      prefix,
      instance,
      sessionTimeoutMs: 3_000,
      connectTimeoutMs: 5_000,
      fetchWaitMs: 20,
      ...over.log,
    },
    port: 0,
    host: '127.0.0.1',
    partitions: over.partitions ?? PARTITIONS,
    duties: false,
  }
  const node = await startNode(options, () => {})
  running.push(node)
  return node
}

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

async function get({ url }: RunningNode, path: string): Promise<Answer> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const profile = (node: RunningNode, id: string): Promise<Answer> =>
  get(node, `/api/v1/customers/${id}/profile`)

async function track({ url }: RunningNode, userId: string): Promise<void> {
  const response = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ userId, event: 'Product Viewed', properties: { product_id: 'p1' } }),
  })
  expect(response.status).toBe(200)
}

const CUSTOMERS = ['1', '2', '3', '4', '5', '6']

const codeOf = (node: RunningNode): Promise<string | undefined> =>
  node.done.then(
    () => undefined,
    (error: unknown) => findError(error)?.code,
  )

describe('processes that share a log', () => {
  test('[PRO-7] any of them takes events, and reads every customer', async () => {
    const prefix = newPrefix()
    const nodes = [await start('a', prefix), await start('b', prefix)]
    await Promise.all(nodes.map((node) => node.ready))
    await expect
      .poll(async () => {
        const { members } = (await get(nodes[0] as RunningNode, '/api/v1/members')).body
        const found = members as readonly { readonly tasks: Record<string, number> }[]
        return found.map(({ tasks }) => Object.keys(tasks).some((it) => it.startsWith('customer')))
      }, QUICK)
      .toEqual([true, true])
    for (const [i, id] of CUSTOMERS.entries()) await track(nodes[i % 2] as RunningNode, id)
    for (const node of nodes)
      for (const id of CUSTOMERS) {
        await expect.poll(async () => (await profile(node, id)).status, QUICK).toBe(200)
        const { body } = await profile(node, id)
        expect(body).toMatchObject({ customer_id: id, canonical_id: `u:${id}` })
        const epoch = body['epoch'] as number
        expect((await profile(node, `${id}?min_epoch=${epoch}`)).status).toBe(404)
        const again = await get(node, `/api/v1/customers/${id}/profile?min_epoch=${epoch}`)
        expect(again.body['epoch']).toBeGreaterThanOrEqual(epoch)
      }
    const texts = await Promise.all(nodes.map(({ url }) => fetch(`${url}/metrics`)))
    const counts = await Promise.all(texts.map(async (it) => acceptedIn(await it.text())))
    expect(counts.reduce((a, b) => a + b)).toBe(CUSTOMERS.length)
  })

  test('[X1] [SYS-2] what one kept is answered 503 until the other serves it', async () => {
    const prefix = newPrefix()
    const [a, b] = [await start('a', prefix), await start('b', prefix)]
    await Promise.all([a.ready, b.ready])
    for (const id of CUSTOMERS) await track(a, id)
    for (const id of CUSTOMERS)
      await expect.poll(async () => (await profile(b, id)).status, QUICK).toBe(200)
    await a.stop()
    const seen = new Set<number>()
    for (const id of CUSTOMERS)
      await expect
        .poll(async () => {
          const { status, body } = await profile(b, id)
          seen.add(status)
          if (status === 503) expect(body['code']).toBe('task_moving')
          return status
        }, QUICK)
        .toBe(200)
    expect(seen).toEqual(new Set([200, 503]))
  })

  test('[ING-1] reads raw events of other producers: any key, any partition, packed, CloudEvents in both modes', async () => {
    const [prefix, topic] = [newPrefix(), `${newPrefix()}clicks`]
    const raw = await openKafkaLog({
      brokers: kafka.brokers ?? '',
      prefix: '',
      clientConfig: { 'compression.codec': 'gzip' },
    })
    try {
      await raw.ensureTopics([{ name: topic, partitions: 3, cleanup: 'delete' }])
      const call = { type: 'track', event: 'Product Viewed', properties: { product_id: 'p1' } }
      const event = { specversion: '1.0', id: 'e1', source: '/shop', type: 'call' }
      const values = [
        { ...call, userId: 'k1', messageId: 'm1' },
        { ...event, data: { ...call, userId: 'k2', messageId: 'm2' } },
      ]
      const appender = raw.appender()
      for (const [partition, value] of values.entries())
        await appender.append(topic, partition + 1, [
          { key: Buffer.from('any'), value: Buffer.from(JSON.stringify(value)) },
        ])
      const attributes = { ...event, id: 'e2', type: 'shop.track' }
      await appender.append(topic, 0, [
        {
          key: null,
          value: Buffer.from(JSON.stringify({ ...call, userId: 'k3', messageId: 'm3' })),
          headers: Object.entries(attributes).map(([k, v]) => [`ce_${k}`, Buffer.from(v)]),
        },
      ])
      await appender.close()
    } finally {
      await raw.close()
    }
    const node = await start('a', prefix, { log: { foreignTopics: { events: topic } } })
    await node.ready
    for (const id of ['k1', 'k2', 'k3'])
      await expect.poll(async () => (await profile(node, id)).status, QUICK).toBe(200)
  })
})

describe('[N1] [N2] faults at the start', () => {
  test('[SYS-6] a cluster that is away is waited for, and said so', async () => {
    const node = await start('a', newPrefix(), {
      log: { brokers: '127.0.0.1:9', connectTimeoutMs: 200 },
    })
    await expect
      .poll(async () => (await get(node, '/health/ready')).body['reasons'], QUICK)
      .toEqual(['waiting for Kafka: log_kafka_unreachable'])
    expect((await get(node, '/health/live')).status).toBe(200)
    expect(await profile(node, '1')).toMatchObject({
      status: 503,
      body: { code: 'server_joining' },
    })
    await node.stop()
    await node.done
  })

  test('wrong credentials end it with their code', async (ctx) => {
    const password = 'no such password'
    const security = { protocol: 'sasl_plaintext', mechanism: 'PLAIN' } as const
    const brokers = kafka.brokers === undefined ? undefined : kafka.sasl
    if (brokers === undefined) return ctx.skip('the broker that was named has no SASL listener')
    const node = await start('a', newPrefix(), {
      log: { brokers, security: { ...security, username: 'admin', password } },
    })
    const error = findError(await node.done.catch((cause: unknown) => cause))
    expect(error?.code).toBe('log_kafka_credentials')
    expect(JSON.stringify(error?.details) + error?.message).not.toContain(password)
  })

  test('topics that are missing and may not be made, and other partitions, end it too', async () => {
    const prefix = newPrefix()
    const bare = await start('a', prefix, { log: { createTopics: false } })
    expect(await codeOf(bare)).toBe('log_kafka_topic_missing')
    const first = await start('b', prefix)
    await first.ready
    const other = await start('c', prefix, { partitions: 3 })
    expect(await codeOf(other)).toBe('log_partitions_changed')
  })
})

const acceptedIn = (text: string): number =>
  Number(/^opportune_events_accepted_total (\d+)$/m.exec(text)?.[1])
