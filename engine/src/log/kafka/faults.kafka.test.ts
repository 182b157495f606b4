/** What goes wrong with Kafka and its clients, against a real broker. Rules: L1 to L5. */
import { describe, expect, inject, test, vi } from 'vitest'
import { type Broker, missing, startBroker, TEST_USERS } from '../../../../tools/kafka/broker.ts'
import { findError } from '../../errors.ts'
import {
  append,
  at,
  codeOf,
  join,
  NO_LIMIT,
  readAll,
  record,
  topic,
  tp,
  valuesOf,
} from '../conformance/harness.ts'
import { call, loadClient, type Producer } from './client.ts'
import { openKafkaLog } from './log.ts'
import type { KafkaLogOptions } from './options.ts'
import { openTestLog, type TestLog } from './testing.ts'

const kafka = inject('kafka')

/** A test with a log of its own; skipped with the reason where there is no broker. */
function withKafka(
  name: string,
  check: (log: TestLog, brokers: string) => Promise<void>,
  options: Partial<KafkaLogOptions> = {},
): void {
  test(name, async (ctx) => {
    if (kafka.brokers === undefined) return ctx.skip(kafka.reason)
    const log = await openTestLog(kafka.brokers, options)
    try {
      await check(log, kafka.brokers)
    } finally {
      await log.log.close()
      log.cluster.close()
    }
  })
}

async function foreignProducer(brokers: string, id: string): Promise<Producer> {
  const { Producer: Make } = loadClient()
  const producer = new Make({ 'bootstrap.servers': brokers, 'transactional.id': id }, {})
  producer.on('event.error', () => {})
  await call((done) => producer.connect({ timeout: 5_000 }, done))
  await call((done) => producer.initTransactions(10_000, done))
  return producer
}

describe.concurrent('Kafka', () => {
  withKafka(
    '[L1] markers take offsets: the position is the last offset plus one',
    async ({ log }) => {
      await log.ensureTopics([topic('in'), topic('out')])
      const { member } = await join(log, 'm', ['in'])
      for (const value of ['a', 'b']) {
        const epoch = member.begin([at('in', 0, 0)])
        epoch.write('in', 0, [record(value)])
        await epoch.commit()
      }
      const [batch] = await member.poll({ ...NO_LIMIT, waitMs: 0 })
      expect(valuesOf(batch)).toEqual(['a', 'b'])
      expect([batch?.offset(0), batch?.offset(1), batch?.nextOffset]).toEqual([0, 2, 3])
      const [bounds] = await log.bounds([tp('in')])
      expect(bounds?.end).toBe(4)
      await vi.waitFor(async () => {
        await member.poll({ ...NO_LIMIT, waitMs: 10 })
        expect(member.position(tp('in'))).toBe(4)
      })
    },
  )

  withKafka(
    '[L3] a member of another process is fenced by its successor of the same name',
    async ({ log, prefix }, brokers) => {
      await log.ensureTopics([topic('in'), topic('out')])
      const zombie = await join(log, 'm', ['in'])
      const epoch = zombie.member.begin([at('in', 0, 0, 'zombie')])
      epoch.write('out', 0, [record('stale')])
      const other = await openKafkaLog({ brokers, prefix, sessionTimeoutMs: 6_000 })
      try {
        await other.ensureTopics([topic('in'), topic('out')])
        const heir = await join(other, 'm', ['in'])
        expect(await codeOf(() => epoch.commit())).toBe('log_fenced')
        await heir.member.begin([at('in', 0, 0, 'heir')]).commit()
        expect((await heir.member.committed([tp('in')])).get('in/0')?.metadata).toBe('heir')
        expect(await readAll(other, tp('out'))).toEqual([])
        await vi.waitFor(() => expect(zombie.told).toContain('lost in/0'), { timeout: 5_000 })
        expect(await codeOf(() => zombie.member.begin([]))).toBe('log_fenced')
        expect(log.stats.fenced).toBe(1)
      } finally {
        await other.close()
      }
    },
  )

  withKafka(
    '[L3] an epoch that outlived its transaction is not committed, and its positions are free',
    async ({ log }) => {
      await log.ensureTopics([topic('in'), topic('out')])
      const first = await join(log, 'm', ['in'])
      const epoch = first.member.begin([at('in', 0, 5, 'too slow')])
      epoch.write('out', 0, [record('too slow')])
      await new Promise((resolve) => setTimeout(resolve, 14_000))
      expect(['log_fenced', 'log_abortable']).toContain(await codeOf(() => epoch.commit()))
      const second = await join(log, 'm', ['in'])
      expect((await second.member.committed([tp('in')])).size).toBe(0)
      expect(await readAll(log, tp('out'))).toEqual([])
    },
    { transactionTimeoutMs: 2_000 },
  )

  withKafka(
    '[L2] a foreign transaction that hangs holds readers back, and is told of',
    async ({ log, prefix }, brokers) => {
      await log.ensureTopics([topic('raw')])
      await append(log, tp('raw'), 'before')
      const foreign = await foreignProducer(brokers, `${prefix}foreign`)
      await call((done) => foreign.beginTransaction(done))
      foreign.produce(`${prefix}raw`, 0, Buffer.from('hangs'), null, undefined, undefined, [])
      await call((done) => foreign.flush(5_000, done))
      await append(log, tp('raw'), 'after')
      expect(await log.stability([tp('raw')])).toEqual([{ ...tp('raw'), stable: 1, written: 3 }])
      const { member } = await join(log, 'm', [])
      await member.close()
      expect((await log.bounds([tp('raw')]))[0]?.end).toBe(1)
      await call((done) => foreign.abortTransaction(5_000, done))
      expect(await readAll(log, tp('raw'))).toEqual(['before', 'after'])
      const [settled] = await log.stability([tp('raw')])
      expect(settled?.stable).toBe(settled?.written)
      await new Promise<void>((resolve) => foreign.disconnect(() => resolve()))
    },
  )

  withKafka(
    'a position overtaken by retention is an error for a member and the start for a reader',
    async ({ log, prefix, cluster }) => {
      await log.ensureTopics([topic('a')])
      await append(log, tp('a'), 'gone', 'gone', 'kept')
      const { member } = await join(log, 'm', ['a'])
      member.pause([tp('a')])
      await cluster.deleteRecords(`${prefix}a`, 0, 2)
      member.seek(tp('a'), 0)
      member.resume([tp('a')])
      const poll = (): Promise<unknown> => member.poll({ ...NO_LIMIT, waitMs: 5_000 })
      expect(await codeOf(poll)).toBe('log_offset_out_of_range')
      expect((await log.reader().read(tp('a'), 0, NO_LIMIT))?.offset(0)).toBe(2)
      member.seek(tp('a'), 2)
      expect(valuesOf((await member.poll({ ...NO_LIMIT, waitMs: 5_000 }))[0])).toEqual(['kept'])
    },
  )

  withKafka(
    'a topic with more partitions than the state is refused, running and at the start',
    async ({ log, cluster, prefix }) => {
      await log.ensureTopics([topic('a', 2)])
      await cluster.addPartitions(`${prefix}a`, 3)
      const refused = await log.ensureTopics([topic('a', 2)]).catch((error: unknown) => error)
      expect(findError(refused)?.code).toBe('log_partitions_changed')
      expect(findError(refused)?.details).toEqual({ topic: 'a', expected: 2, found: 3 })
      const { member } = await join(log, 'm', ['a'])
      expect(await codeOf(() => member.poll({ ...NO_LIMIT, waitMs: 5_000 }))).toBe(
        'log_partitions_changed',
      )
    },
  )

  withKafka(
    'who may not create topics is told how somebody else can',
    async ({ prefix }, brokers) => {
      const log = await openKafkaLog({ brokers, prefix, createTopics: false })
      const refused = await log.ensureTopics([topic('a', 4)]).catch((error: unknown) => error)
      expect(findError(refused)?.code).toBe('log_kafka_topic_missing')
      expect(findError(refused)?.message).toContain(
        `--create --topic ${prefix}a --partitions 4 --config cleanup.policy=delete`,
      )
      await log.close()
    },
  )

  withKafka('the own reader, asked for by name, reads the same', async ({ prefix }, brokers) => {
    const log = await openKafkaLog({ brokers, prefix, reader: 'fetch' })
    await log.ensureTopics([topic('a')])
    await append(log, tp('a'), 'x', 'y')
    const { member } = await join(log, 'm', ['a'])
    const [batch] = await member.poll({ ...NO_LIMIT, waitMs: 10_000 })
    expect(valuesOf(batch)).toEqual(['x', 'y'])
    expect(await readAll(log, tp('a'))).toEqual(['x', 'y'])
    expect(log.reading).toEqual({ source: 'fetch', fellBack: undefined })
    await log.close()
  })

  test('wrong credentials are refused at once, without a secret in the message', async (ctx) => {
    if (kafka.brokers === undefined) return ctx.skip(kafka.reason)
    if (kafka.sasl === undefined) return ctx.skip('the broker given has no SASL listener of ours')
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256'] as const) {
      const security = { protocol: 'sasl_plaintext', mechanism, username: 'admin' } as const
      const wrong = { brokers: kafka.sasl, security: { ...security, password: 'wrong-secret' } }
      const refused = await openKafkaLog(wrong).catch((error: unknown) => error)
      expect(findError(refused)?.code).toBe('log_kafka_credentials')
      expect(
        `${findError(refused)?.message} ${JSON.stringify(findError(refused)?.details)}`,
      ).not.toContain('wrong-secret')
      const right = await openKafkaLog({
        ...wrong,
        prefix: `sasl-${mechanism}.`,
        security: { ...security, password: TEST_USERS.admin },
      })
      await right.ensureTopics([topic('a')])
      await append(right, tp('a'), 'signed in')
      expect(await readAll(right, tp('a'))).toEqual(['signed in'])
      expect((await right.topics()).map(({ name }) => name)).toEqual(['a'])
      await right.close()
    }
  })

  test('who has no right to a topic is told so', async (ctx) => {
    if (kafka.brokers === undefined) return ctx.skip(kafka.reason)
    if (kafka.sasl === undefined) return ctx.skip('the broker given has no SASL listener of ours')
    const security = {
      protocol: 'sasl_plaintext',
      mechanism: 'PLAIN',
      username: 'guest',
      password: TEST_USERS.guest,
    } as const
    const log = await openKafkaLog({ brokers: kafka.sasl, prefix: 'guest.', security })
    expect(await codeOf(() => log.ensureTopics([topic('a')]))).toBe('log_kafka_topic_missing')
    await log.close()
  })

  test('a broker that is not there is named after the time given, and told of on the way', async (ctx) => {
    if (kafka.brokers === undefined) return ctx.skip(kafka.reason)
    const told: string[] = []
    const began = performance.now()
    const nobody = { brokers: '127.0.0.1:1', connectTimeoutMs: 1_500, requestTimeoutMs: 400 }
    const opening = openKafkaLog({ ...nobody, onTrouble: (error) => told.push(error.code) })
    expect(await codeOf(() => opening)).toBe('log_kafka_unreachable')
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(told).toContain('log_kafka_unreachable')
  })
})

describe('Kafka, its broker killed', () => {
  test('[L2] [L4] an epoch whose broker is killed and restarted is committed once, or not and known', async (ctx) => {
    const reason = kafka.brokers === undefined ? kafka.reason : await missing()
    if (reason !== undefined) return ctx.skip(reason)
    const broker: Broker = await startBroker()
    const { log, cluster } = await openTestLog(broker.brokers, { connectTimeoutMs: 30_000 })
    try {
      await log.ensureTopics([topic('in'), topic('out')])
      const { member } = await join(log, 'm', ['in'])
      await member.begin([at('in', 0, 0, 'e1')]).commit()
      // Acknowledged is not yet written: a broker killed in between forgets it (docs/kafka.md).
      expect((await member.committed([tp('in')])).get('in/0')?.metadata).toBe('e1')
      const epoch = member.begin([at('in', 0, 0, 'e2')])
      epoch.write('out', 0, [record('two')])
      await broker.kill()
      const back = new Promise((resolve) => setTimeout(resolve, 500)).then(() => broker.restart())
      const code = await epoch.commit().then(
        () => undefined,
        (error: unknown) => findError(error)?.code,
      )
      await back
      const { member: again } = await join(log, 'm', ['in'])
      const metadata = (await again.committed([tp('in')])).get('in/0')?.metadata
      const written = await readAll(log, tp('out'))
      // The position tells, whatever the commit said; and it tells the same as the records.
      expect(written).toEqual(metadata === 'e2' ? ['two'] : [])
      if (code === undefined) expect(metadata).toBe('e2')
      if (code === 'log_abortable' || code === 'log_fenced') expect(metadata).toBe('e1')
      expect([undefined, 'log_abortable', 'log_fenced', 'log_commit_unknown']).toContain(code)
    } finally {
      await log.close()
      cluster.close()
      await broker.stop()
    }
  })
})
