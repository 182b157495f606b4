/** A log with a little of everything that is loaded, and a profile schema, for tests. */
import type { EventLog } from '#engine'
import { chainBytes } from '../audit/chains.fixture.ts'
import { NOON } from '../topics/decision.fixture.ts'
import type { Activity } from '../topics/rows.ts'

export const PROFILE_SCHEMA = {
  type: 'object',
  properties: {
    customer_id: { type: 'string', description: 'The customer.' },
    as_of: { type: 'integer', description: 'Task time (ms since 1970).' },
    first_name: {
      anyOf: [{ type: 'string' }, { type: 'null' }],
      description: "The customer's name.",
    },
    lifecycle_stage: { type: 'string', enum: ['new', 'active'], description: 'Stage.' },
    total_orders: { type: 'integer', description: 'Orders.' },
    lifetime_value: { type: 'number', description: 'Net of refunds (shop currency).' },
    last_seen: {
      anyOf: [{ type: 'integer' }, { type: 'null' }],
      description: 'Last (ms since 1970).',
    },
    has_returned: { type: 'boolean', description: 'Returned anything.' },
    categories: { type: 'array', items: { type: 'string' }, description: 'Bought.' },
    consents: { type: 'array', items: { type: 'object' }, description: 'Acts.' },
  },
}

const TOPICS: Readonly<Record<string, number>> = {
  activity: 2,
  sessions: 2,
  profiles: 2,
  triggers: 2,
  decisions: 2,
  identities: 1,
  'dead-letters': 1,
}

export async function createTopics(log: EventLog): Promise<void> {
  await log.ensureTopics(
    Object.entries(TOPICS).map(([name, partitions]) => ({ name, partitions, cleanup: 'delete' })),
  )
}

/** An event; every third is an order, every ninth gives some of one back. */
export function activity(n: number): Activity {
  const order =
    n % 9 === 8
      ? { kind: 'refunded' as const, id: `o-${n - 2}`, amount: 1.5 }
      : n % 3 === 0
        ? { kind: 'completed' as const, id: `o-${n}`, amount: 10 + n / 100 }
        : null
  return {
    customer: `u:${n % 5}`,
    event: {
      messageId: `m-${n}`,
      derivedId: false,
      type: 'track',
      name: order === null ? 'Product Viewed' : 'Order Completed',
      userId: `${n % 5}`,
      anonymousId: null,
      previousId: null,
      at: NOON + n * 60_000,
      receivedAt: NOON + n * 60_000 + 5,
      properties: { n, quote: `it's "${n}" \\ \n \u{1f600}` },
      traits: {},
      context: {},
      hops: 0,
    },
    late_ms: 5,
    order,
    mode: 'live',
  }
}

const snapshot = (n: number): object => ({
  cause: 'order',
  profile: {
    customer_id: `u:${n % 5}`,
    as_of: NOON + n * 1_000,
    first_name: n % 2 === 0 ? null : `Ann-${n}`,
    lifecycle_stage: 'active',
    total_orders: n,
    lifetime_value: n * 1.25,
    last_seen: NOON + n,
    has_returned: n % 2 === 0,
    categories: ['tea', `c${n}`],
    consents: [{ channel: 'email' }],
  },
})

const session = (n: number): object => ({
  customer_id: `u:${n % 5}`,
  start: NOON + n * 1_000,
  end: NOON + n * 1_000 + 90_500,
  duration_s: 90.5,
  events: 1 + (n % 4),
})

const trigger = (n: number): object => ({
  customer_id: `u:${n % 5}`,
  trigger: { kind: 'inactivity', definition: 'quiet', cause: `c-${n}`, at: NOON + n, facts: { n } },
})

const identity = (n: number): object => ({
  id: `a:${n}`,
  target: `u:${n}`,
  at: NOON + n,
  cause: 'linked',
})

const deadLetter = (n: number): object => ({
  code: 'invalid_json',
  reason: 'not JSON',
  by: 'router',
  topic: 'events',
  partition: 0,
  offset: n,
  at: NOON,
  bytes: Buffer.from('oops').toString('base64'),
})

/** Records `range` of every topic, spread over the partitions. */
export async function appendShop(log: EventLog, range: readonly [number, number]): Promise<void> {
  const makers: readonly (readonly [string, (n: number) => object])[] = [
    ['activity', activity],
    ['sessions', session],
    ['profiles', snapshot],
    ['triggers', trigger],
    ['identities', identity],
    ['dead-letters', deadLetter],
  ]
  const [from, to] = range
  const appender = log.appender()
  for (const [topic, make] of makers) {
    const partitions = TOPICS[topic] ?? 1
    for (let partition = 0; partition < partitions; partition++) {
      const records = []
      for (let n = from; n < to; n++)
        if (n % partitions === partition)
          records.push({ key: null, value: Buffer.from(JSON.stringify(make(n))) })
      if (records.length > 0) await appender.append(topic, partition, records)
    }
  }
  const chained = chainBytes('decisions/1', to).slice(from)
  await appender.append(
    'decisions',
    1,
    chained.map((value) => ({ key: null, value })),
  )
  await appender.close()
}

/**
 * Every table as one comparable word: how many rows, and a hash over all of their content. Through text,
 * because the hash of a row with a null in it is null.
 */
export const fingerprintOf = (table: string): string =>
  `SELECT count() AS rows, toString(sum(cityHash64(toString(tuple(*))))) AS content,
   uniqExact(log_partition, log_offset) AS records FROM ${table}`

export const DATA_TABLES = [
  'events',
  'sessions',
  'profiles',
  'triggers',
  'decisions',
  'verdicts',
  'identities',
  'dead_letters',
]
