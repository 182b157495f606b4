/**
 * The fetch path against a real broker: the conformance suite of the log, and the client's consumer
 * as the reference, record for record.
 */
import { describe, expect, inject, test } from 'vitest'
import { eventLogConformance } from '../../conformance.ts'
import { call, loadClient, type Producer } from '../client.ts'
import type { KafkaSecurity } from '../options.ts'
import type { PartitionSource, SourceEvent, SourceOptions } from '../source.ts'
import { logUnderTest, openTestLog, type TestLog } from '../testing.ts'
import { fetchSource } from './make.ts'

const kafka = inject('kafka')

const SOURCE: SourceOptions = {
  kafkaName: (topic) => topic,
  maxBufferedBytes: 8 << 20,
  fetchWaitMs: 50,
}

interface Plain {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string])[]
}

const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('latin1')

function plain(event: SourceEvent): Plain[] {
  if (event.kind === 'passed') return []
  if (event.kind !== 'records') throw new Error(`unexpected: ${JSON.stringify(event)}`)
  const { batch } = event
  return Array.from({ length: batch.length }, (_, i) => ({
    offset: batch.offset(i),
    timestamp: batch.timestamp(i),
    key: text(batch.key(i)),
    value: text(batch.value(i)),
    headers: batch.headers(i).map(([name, value]) => [name, text(value) ?? '']),
  }))
}

/** Everything of a partition from `offset` to `end`, and whether the position got there. */
async function readAll(
  from: PartitionSource,
  at: { topic: string; partition: number; offset: number },
  end: number,
  maxRecords = 500,
): Promise<Plain[]> {
  from.assign([at])
  from.resume([at])
  const found: Plain[] = []
  const until = performance.now() + 15_000
  while ((from.position(at) ?? 0) < end && performance.now() < until)
    for (const event of await from.poll({ maxRecords, maxBytes: 1 << 20, waitMs: 200 }))
      found.push(...plain(event))
  return found
}

async function producer(
  brokers: string,
  config: Record<string, string | number>,
): Promise<Producer> {
  const made = new (loadClient().Producer)(
    { 'bootstrap.servers': brokers, 'linger.ms': 5, 'message.max.bytes': 1_000_000, ...config },
    {},
  )
  await call((done) => made.connect({ timeout: 10_000 }, done))
  made.setPollInterval(5)
  return made
}

interface Writer {
  readonly producer: Producer
  readonly name: string
}

/** Writes records of all shapes; the values of one writer repeat, so that they compress. */
function write(writer: Writer, topic: string, from: number, count: number): void {
  for (let i = from; i < from + count; i++) {
    const key = i % 5 === 0 ? null : Buffer.from(`${writer.name}-${i % 7}`)
    const value = i % 11 === 0 ? null : Buffer.from(`${writer.name} ${i} `.repeat(1 + (i % 40)))
    const headers =
      i % 3 === 0 ? [{ trace: Buffer.from(`${i}`) }, { naïve: Buffer.from('') }] : undefined
    writer.producer.produce(topic, 0, value, key, 1_700_000_000_000 + i * 1_000, undefined, headers)
  }
}

const flushed = (writer: Writer): Promise<void> =>
  call((done) => writer.producer.flush(10_000, done))

async function transaction(
  writer: Writer,
  topic: string,
  rounds: readonly (readonly [count: number, outcome: 'commit' | 'abort'])[],
  between: () => Promise<void>,
): Promise<void> {
  let from = 0
  for (const [count, outcome] of rounds) {
    await call((done) => writer.producer.beginTransaction(done))
    write(writer, topic, from, count)
    await flushed(writer)
    await between()
    write(writer, topic, from + count, count)
    await flushed(writer)
    if (outcome === 'commit') await call((done) => writer.producer.commitTransaction(10_000, done))
    else await call((done) => writer.producer.abortTransaction(10_000, done))
    from += 2 * count
  }
}

/** A topic with what three writers with different codecs left, two of them in transactions. */
async function mixedTopic(made: TestLog, brokers: string, topic: string): Promise<void> {
  await made.log.ensureTopics([{ name: topic, partitions: 1, cleanup: 'delete' }])
  const kafkaName = `${made.prefix}${topic}`
  const writers = await Promise.all(
    [
      { name: 'plain', 'compression.codec': 'lz4', 'batch.size': 16_384 },
      { name: 'first', 'compression.codec': 'zstd', 'transactional.id': `${made.prefix}a` },
      { name: 'second', 'compression.codec': 'snappy', 'transactional.id': `${made.prefix}b` },
      { name: 'third', 'compression.codec': 'gzip' },
    ].map(async ({ name, ...config }) => ({
      name,
      producer: await producer(brokers, config as never),
    })),
  )
  const [free, first, second, third] = writers as [Writer, Writer, Writer, Writer]
  for (const it of [first, second]) await call((done) => it.producer.initTransactions(15_000, done))
  let next = 0
  const freely = async (): Promise<void> => {
    write(free, kafkaName, next, 150)
    write(third, kafkaName, next, 30)
    next += 150
    await Promise.all([flushed(free), flushed(third)])
  }
  await transaction(
    first,
    kafkaName,
    [
      [60, 'commit'],
      [40, 'abort'],
    ],
    () =>
      transaction(
        second,
        kafkaName,
        [
          [50, 'abort'],
          [30, 'commit'],
          [5, 'abort'],
        ],
        freely,
      ),
  )
  for (const it of writers) await call<void>((done) => it.producer.disconnect(() => done(null)))
}

const run =
  kafka.brokers === undefined
    ? () => skipped(kafka.reason)
    : () => fetchPathTests(kafka.brokers, kafka.sasl)
run()

function skipped(reason: string): void {
  describe('fetch path: Kafka', () => {
    test('[L1] [L2] conformance, and record for record as the client', (ctx) => {
      ctx.skip(reason)
      expect.unreachable()
    })
  })
}

function fetchPathTests(brokers: string, sasl: string | undefined): void {
  const fetching = (security: KafkaSecurity = {}, at: string = brokers) =>
    fetchSource({ brokers: at, security, checkCrc: true })

  eventLogConformance(
    'Kafka, read by the own fetch path',
    async (settings) =>
      await logUnderTest(
        await openTestLog(brokers, settings, async (options) => await fetching()(options)),
      ),
    { cleaning: 'elsewhere', traces: 1, timeoutMs: 60_000 },
  )

  describe('fetch path: Kafka', () => {
    test('[KS1] four codecs, transactions that interleave and abort: record for record as the client', async () => {
      const made = await openTestLog(brokers)
      await mixedTopic(made, brokers, 'mixed')
      const at = { topic: 'mixed', partition: 0 }
      const [bounds] = await made.log.bounds([at])
      const end = bounds?.end ?? 0
      const reader = made.log.reader()
      const expected: Plain[] = []
      for (let offset = 0; ; ) {
        const batch = await reader.read(at, offset, { maxRecords: 10_000, maxBytes: 1 << 24 })
        if (batch === undefined) break
        expected.push(...plain({ kind: 'records', batch }))
        offset = batch.nextOffset
      }
      expect(expected.length).toBeGreaterThan(1_000)
      expect(end - expected.length).toBeGreaterThan(300)
      const { prefix } = made
      for (const [tuning, maxRecords] of [
        [{}, 500],
        [{ partitionBytes: 400 }, 7],
        [{ partitionBytes: 5_000, responseBytes: 6_000 }, 10_000],
      ] as const) {
        const from = await fetchSource({ brokers, checkCrc: true, tuning })({
          ...SOURCE,
          kafkaName: (topic) => `${prefix}${topic}`,
        })
        expect(await readAll(from, { ...at, offset: 0 }, end, maxRecords)).toEqual(expected)
        expect(from.position(at)).toBe(end)
        const middle = expected[Math.floor(expected.length / 2)]?.offset ?? 0
        const rest = expected.filter((it) => it.offset >= middle)
        expect(await readAll(from, { ...at, offset: middle }, end, maxRecords)).toEqual(rest)
        await from.close()
      }
      await reader.close()
      await made.log.close()
      made.cluster.close()
    })

    test('positions before and behind the log, and topics that are not there, are told', async () => {
      const made = await openTestLog(brokers)
      await made.log.ensureTopics([{ name: 'short', partitions: 1, cleanup: 'delete' }])
      await made.log.appender().append('short', 0, [{ key: null, value: Buffer.from('x') }])
      const from = await fetchSource({ brokers, tuning: { unknownTopicMs: 300 } })({
        ...SOURCE,
        kafkaName: (topic) => `${made.prefix}${topic}`,
      })
      const limits = { maxRecords: 10, maxBytes: 1_000, waitMs: 5_000 }
      const at = { topic: 'short', partition: 0 }
      from.assign([{ ...at, offset: 50 }])
      from.resume([at])
      expect(await from.poll(limits)).toEqual([{ kind: 'out_of_range', ...at, offset: 50 }])
      from.seek({ ...at, offset: 0 })
      expect(await from.poll(limits)).toMatchObject([{ kind: 'records', batch: { length: 1 } }])
      const nowhere = { topic: 'nowhere', partition: 0 }
      from.assign([{ ...nowhere, offset: 0 }])
      from.resume([nowhere])
      expect(await from.poll(limits)).toMatchObject([
        { kind: 'failed', partition: nowhere, error: { code: 'log_unknown_topic' } },
      ])
      await from.close()
      await made.log.close()
      made.cluster.close()
    })

    test.runIf(sasl !== undefined).each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
      'logs in with %s; a wrong password and a user without rights are failures',
      async (mechanism) => {
        const made = await openTestLog(brokers)
        await made.log.ensureTopics([{ name: 'guarded', partitions: 1, cleanup: 'delete' }])
        await made.log.appender().append('guarded', 0, [{ key: null, value: Buffer.from('x') }])
        const first = async (
          username: string,
          password: string,
        ): Promise<readonly SourceEvent[]> => {
          const security: KafkaSecurity = {
            protocol: 'sasl_plaintext',
            mechanism,
            username,
            password,
          }
          const from = await fetching(
            security,
            sasl,
          )({
            ...SOURCE,
            kafkaName: (topic) => `${made.prefix}${topic}`,
          })
          from.assign([{ topic: 'guarded', partition: 0, offset: 0 }])
          from.resume([{ topic: 'guarded', partition: 0 }])
          const events = await from.poll({ maxRecords: 10, maxBytes: 1_000, waitMs: 10_000 })
          await from.close()
          return events
        }
        const { TEST_USERS } = await import('../../../../../tools/kafka/broker.ts')
        expect(await first('admin', TEST_USERS.admin)).toMatchObject([{ kind: 'records' }])
        expect(await first('admin', 'wrong')).toMatchObject([
          { kind: 'failed', error: { code: 'log_kafka_credentials' } },
        ])
        expect(await first('guest', TEST_USERS.guest)).toMatchObject([
          { kind: 'failed', error: { code: 'log_kafka_denied' } },
        ])
        await made.log.close()
        made.cluster.close()
      },
    )
  })
}
