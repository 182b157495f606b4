/** What the whole path writes is what the sinks declare, and what analytics show is what it wrote. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Errors } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEmbeddedLogReadOnly, type ReadOnlyLog } from '#engine'
import { ProfileViewSchema } from '#operators'
import { type Analytics, readDecision, SINK_TOPICS } from '#sinks'
import { packagePath } from '../package-root.ts'
import { replay } from '../replay/replay.ts'
import { startAnalyticsFor } from '../start/sides.ts'
import { readValues } from './read-topic.ts'

const at = (hour: number, minute = 0): string =>
  new Date(Date.UTC(2026, 2, 2, hour, minute)).toISOString()

const product = (id: string, price: number) => ({ product_id: id, name: id, price, quantity: 1 })
const consent = { email: { marketing: true, product_updates: true } }

/** A day in a shop that touches every sink topic. */
const LINES = [
  {
    type: 'identify',
    userId: 'ann',
    messageId: '1',
    timestamp: at(10),
    traits: { email: 'a@example.com', country: 'GB', consents: consent },
  },
  {
    type: 'track',
    event: 'Product Viewed',
    anonymousId: 'x',
    messageId: '2',
    timestamp: at(10, 1),
    properties: product('lamp', 20),
  },
  {
    type: 'track',
    event: 'Product Viewed',
    userId: 'ann',
    anonymousId: 'x',
    messageId: '3',
    timestamp: at(10, 2),
    properties: product('lamp', 20),
  },
  {
    type: 'track',
    event: 'Product Viewed',
    userId: 'ann',
    anonymousId: 'x',
    messageId: '3',
    timestamp: at(10, 2),
    properties: product('lamp', 20),
  },
  {
    type: 'track',
    event: 'Order Completed',
    userId: 'ann',
    messageId: '4',
    timestamp: at(11),
    properties: {
      order_id: 'o1',
      revenue: 40,
      tax: 8,
      products: [product('lamp', 20), product('rug', 20)],
    },
  },
  {
    type: 'track',
    event: 'Order Refunded',
    userId: 'ann',
    messageId: '5',
    timestamp: at(12),
    properties: { order_id: 'o1', revenue: 15.5 },
  },
  {
    type: 'track',
    event: 'Order Completed',
    userId: 'bob',
    messageId: '6',
    timestamp: at(12, 30),
    properties: { order_id: 'o2', revenue: 99.99 },
  },
  {
    type: 'track',
    event: 'Order Cancelled',
    userId: 'bob',
    messageId: '7',
    timestamp: at(13),
    properties: { order_id: 'o2' },
  },
  {
    type: 'track',
    event: 'Product Added',
    userId: 'ann',
    messageId: '8',
    timestamp: at(13, 1),
    properties: product('chair', 80),
  },
  { type: 'track', event: 'Product Viewed', messageId: '9', timestamp: at(13, 2), properties: {} },
].map((line) => JSON.stringify(line))

let root = ''
let log: ReadOnlyLog
let analytics: Analytics

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'opportune-sinks-'))
  const file = join(root, 'day.ndjson')
  const directory = join(root, 'data')
  writeFileSync(file, `${LINES.join('\n')}\nnot json\n`)
  await replay({
    file,
    format: 'ndjson',
    directory,
    partitions: 2,
    definitions: packagePath('examples/shop'),
    model: packagePath('examples/models/hillstrom-visit.json'),
  })
  log = await openEmbeddedLogReadOnly(join(directory, 'log'))
  analytics = startAnalyticsFor(directory)
  await analytics.ready()
  await analytics.flush()
}, 60_000)

afterAll(async () => {
  await analytics.stop()
  await log.close()
  rmSync(root, { recursive: true, force: true })
})

async function recordsOf(topic: string): Promise<readonly unknown[]> {
  const records: unknown[] = []
  for await (const value of readValues(log, topic))
    records.push(
      topic === 'decisions' ? readDecision(value) : JSON.parse(Buffer.from(value).toString('utf8')),
    )
  return records
}

const count = async (from: string): Promise<number> => {
  const { rows } = await analytics.query(`SELECT count() AS n FROM ${from}`)
  return Number(rows[0]?.['n'])
}

describe.each(SINK_TOPICS.map(({ name, schema }) => [name, schema] as const))(
  'topic %s',
  (name, schema) => {
    test('[SNK-1] holds what is declared, nothing more and nothing less', async () => {
      const records = await recordsOf(name)
      expect(records.length).toBeGreaterThan(0)
      for (const record of records) expect(problems(schema, record)).toEqual([])
    })
  },
)

/** The schema with every object closed: a field that nobody declared is a field that nobody documents. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.entries(schema).map(([name, it]) => [name, closed(it)])
  const made = Object.fromEntries(inner) as object
  return 'properties' in made ? { ...made, additionalProperties: false } : made
}

const problems = (schema: object, value: unknown) => Errors(closed(schema) as object, value)

test('a record that lacks a field, or has one too many, is noticed', () => {
  const sessions = SINK_TOPICS.find(({ name }) => name === 'sessions')?.schema ?? {}
  const whole = { customer_id: 'u:1', start: 1, end: 2, duration_s: 1, events: 1 }
  const { events: _, ...lacking } = whole
  expect(problems(sessions, whole)).toEqual([])
  expect(problems(sessions, lacking)).not.toEqual([])
  expect(problems(sessions, { ...whole, more: 1 })).not.toEqual([])
})

describe('tables and views', () => {
  test.each([
    ['activity', 'events'],
    ['sessions', 'sessions'],
    ['profiles', 'profiles'],
    ['triggers', 'triggers'],
    ['decisions', 'decisions'],
    ['identities', 'identities'],
    ['dead-letters', 'dead_letters'],
  ])('[SNK-2] topic %s is table %s', async (topic, table) => {
    expect(await count(table)).toBe((await recordsOf(topic)).length)
    expect(await count('rejected_rows')).toBe(0)
  })

  test('[SNK-2] every verdict of every decision is a row', async () => {
    const decisions = (await recordsOf('decisions')) as readonly ReturnType<typeof readDecision>[]
    const verdicts = decisions.reduce((sum, it) => sum + it.guardrail_checks.length, 0)
    expect(verdicts).toBeGreaterThan(0)
    expect(await count('verdicts')).toBe(verdicts)
  })

  test('[ANA-1] revenue is what the orders brought in, refunds and cancellations taken off', async () => {
    const { rows } = await analytics.query('SELECT * FROM daily_revenue')
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({ day: '2026-03-02' })
    expect(Number(rows[0]?.['orders'])).toBe(1)
    expect(Number(rows[0]?.['net_revenue'])).toBeCloseTo(24.5, 6)
  })

  test('[SNK-2] views count what the tables hold', async () => {
    const sum = async (view: string, column: string): Promise<number> => {
      const { rows } = await analytics.query(`SELECT sum(${column}) AS n FROM ${view}`)
      return Number(rows[0]?.['n'])
    }
    expect(await sum('decisions_by_outcome', 'decisions')).toBe(await count('decisions'))
    expect(await sum('daily_sessions', 'sessions')).toBe(await count('sessions'))
    const profiles = (await recordsOf('profiles')) as readonly {
      profile: { customer_id: string }
    }[]
    const customers = new Set(profiles.map((it) => it.profile.customer_id))
    expect(await count('profiles_current')).toBe(customers.size)
  })

  test('[PRO-6] a snapshot holds every field of the profile', async () => {
    const [first] = (await recordsOf('profiles')) as readonly { profile: object }[]
    expect(problems(ProfileViewSchema, first?.profile)).toEqual([])
  })
})
