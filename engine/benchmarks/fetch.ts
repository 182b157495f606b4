/**
 * What reading from Kafka costs, by our own fetch path and by the client's consumer:
 *
 *   KAFKA_BROKERS=127.0.0.1:9092 node --conditions=source --import tsx engine/benchmarks/fetch.ts [records] [rounds]
 *
 * Prints CPU seconds per million records (user and system, of the whole process, with the client's
 * threads), the median of the rounds; each mode runs in a process of its own, all modes once per round,
 * so that a machine that changes its speed changes it for all. Records are JSON of about 240 bytes;
 * every value is located, every offset and timestamp read, and the sums are compared between modes.
 * Topics `opportune-bench-*` are made where they are missing and stay.
 *
 * "cold" is the first pass of a process, JIT included; "warm" the third. Not measured: parsing, TLS,
 * other brokers than one, the wall clock (a shared machine says nothing by it).
 */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type FetchSettings, fetchSource } from '../src/log/kafka/fetch/index.ts'
import type { ByteRange, LogBatch } from '../src/log/port.ts'

const BROKERS = process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092'
const PASSES = 3
/** Of the first record; taken off timestamps, so that their sum stays exact. */
const EPOCH = 1_700_000_000_000
const LIMITS = { maxRecords: 5_000, maxBytes: 8 << 20, waitMs: 1_000 }

interface Shape {
  readonly topic: string
  readonly partitions: number
  readonly codec: string
  readonly batchBytes: number
}

const SHAPES: Readonly<Record<string, Shape>> = {
  'one partition, large batches': shape('one', 1, 'none', 1_000_000),
  'four partitions, large batches': shape('four', 4, 'none', 1_000_000),
  'one partition, lz4, 16 KB batches': shape('lz4', 1, 'lz4', 16_384),
}

function shape(name: string, partitions: number, codec: string, batchBytes: number): Shape {
  return { topic: `opportune-bench-${name}`, partitions, codec, batchBytes }
}

/** Modes of one shape, each with what it changes. */
const MODES: Readonly<Record<string, Omit<FetchSettings, 'brokers'> | 'client'>> = {
  fetch: {},
  'fetch, checksums': { checkCrc: true },
  client: 'client',
}

interface Pass {
  readonly cpu: number
  readonly sum: number
}

interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

// --- one mode, in a process of its own ---

async function readByFetch(
  at: readonly Position[],
  count: number,
  settings: Omit<FetchSettings, 'brokers'>,
): Promise<Pass[]> {
  const source = await fetchSource({ ...settings, brokers: BROKERS })({
    kafkaName: (topic) => topic,
    maxBufferedBytes: 32 << 20,
    fetchWaitMs: 100,
  })
  const range = { buffer: Buffer.alloc(0), from: 0, to: 0 }
  const passes: Pass[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    source.assign(at)
    source.resume(at)
    const begun = process.cpuUsage()
    let sum = 0
    for (let read = 0; read < count; ) {
      for (const event of await source.poll(LIMITS)) {
        if (event.kind === 'passed') continue
        if (event.kind !== 'records') throw new Error(JSON.stringify(event))
        const { batch } = event
        for (let i = 0; i < batch.length; i++)
          sum += batch.offset(i) + batch.timestamp(i) - EPOCH + sizeOf(batch, i, range)
        read += batch.length
      }
    }
    passes.push({ cpu: cpuSince(begun), sum })
    source.unassign(at)
  }
  await source.close()
  return passes
}

const sizeOf = (batch: LogBatch, i: number, range: ByteRange): number =>
  batch.locate(i, range) ? range.to - range.from : 0

interface Message {
  readonly offset: number
  readonly timestamp: number
  readonly value: Buffer | null
}

/** The client's interface with callbacks, as far as it is used here. */
interface Consumer {
  connect(options: object, done: (error: unknown) => void): void
  disconnect(done: () => void): void
  assign(positions: readonly Position[]): void
  unassign(): void
  setDefaultConsumeTimeout(ms: number): void
  consume(count: number, done: (error: unknown, messages: readonly Message[]) => void): void
}

const client = (): {
  readonly KafkaConsumer: new (config: object, topic: object) => Consumer
} & Maker =>
  createRequire(import.meta.url)(['@confluentinc', 'kafka-javascript'].join('/')) as never

async function readByClient(at: readonly Position[], count: number): Promise<Pass[]> {
  const consumer = new (client().KafkaConsumer)(
    {
      'bootstrap.servers': BROKERS,
      'group.id': 'opportune-bench',
      'enable.auto.commit': false,
      'isolation.level': 'read_committed',
      'fetch.queue.backoff.ms': 10,
      'queued.max.messages.kbytes': 32_768,
    },
    {},
  )
  await new Promise<void>((resolve, reject) =>
    consumer.connect({}, (error) => (error ? reject(error as Error) : resolve())),
  )
  consumer.setDefaultConsumeTimeout(100)
  const consume = (): Promise<readonly Message[]> =>
    new Promise((resolve, reject) =>
      consumer.consume(LIMITS.maxRecords, (error, messages) =>
        error ? reject(error as Error) : resolve(messages),
      ),
    )
  const passes: Pass[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    consumer.assign(at)
    const begun = process.cpuUsage()
    let sum = 0
    for (let read = 0; read < count; ) {
      const messages = await consume()
      for (const it of messages) sum += it.offset + it.timestamp - EPOCH + (it.value?.length ?? 0)
      read += messages.length
    }
    passes.push({ cpu: cpuSince(begun), sum })
    consumer.unassign()
  }
  await new Promise<void>((resolve) => consumer.disconnect(resolve))
  return passes
}

function cpuSince(begun: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(begun)
  return (used.user + used.system) / 1e6
}

async function child(shapeName: string, mode: string, records: number): Promise<void> {
  const { topic, partitions } = SHAPES[shapeName] as Shape
  const at = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 }))
  const settings = MODES[mode] as Omit<FetchSettings, 'brokers'> | 'client'
  const passes =
    settings === 'client'
      ? await readByClient(at, records)
      : await readByFetch(at, records, settings)
  console.log(JSON.stringify(passes))
}

// --- topics ---

interface Maker {
  readonly Producer: new (config: object, topic: object) => Producer
  readonly AdminClient: { create(config: object): Admin }
}

interface Producer {
  connect(options: object, done: (error: unknown) => void): void
  disconnect(done: () => void): void
  setPollInterval(ms: number): void
  produce(topic: string, partition: number, value: Buffer, key: null, time: number): void
  flush(ms: number, done: (error: unknown) => void): void
}

interface Admin {
  createTopic(topic: object, ms: number, done: (error: { code: number } | undefined) => void): void
  disconnect(): void
}

const TOPIC_EXISTS = 36

/** @returns whether the topic was made just now and is empty */
async function made({ topic, partitions }: Shape): Promise<boolean> {
  const admin = client().AdminClient.create({ 'bootstrap.servers': BROKERS })
  const spec = { topic, num_partitions: partitions, replication_factor: 1, config: {} }
  const error = await new Promise<{ code: number } | undefined>((resolve) =>
    admin.createTopic(spec, 10_000, resolve),
  )
  admin.disconnect()
  if (error && error.code !== TOPIC_EXISTS) throw new Error(`no topic: ${JSON.stringify(error)}`)
  return !error
}

async function fill(shapeOf: Shape, records: number): Promise<void> {
  if (!(await made(shapeOf))) return
  const { topic, partitions, codec, batchBytes } = shapeOf
  const producer = new (client().Producer)(
    {
      'bootstrap.servers': BROKERS,
      'compression.codec': codec,
      'batch.size': batchBytes,
      'linger.ms': 20,
      'queue.buffering.max.messages': 1_000_000,
      'enable.idempotence': true,
    },
    {},
  )
  await new Promise((resolve) => producer.connect({}, resolve))
  producer.setPollInterval(5)
  const flush = (): Promise<unknown> => new Promise((resolve) => producer.flush(60_000, resolve))
  for (let i = 0; i < records; i++) {
    producer.produce(topic, i % partitions, event(i), null, EPOCH + i)
    if (i % 50_000 === 49_999) await flush()
  }
  await flush()
  await new Promise<void>((resolve) => producer.disconnect(resolve))
}

/** Identifiers are spread by primes instead of drawn, so that every run has the same. */
function event(i: number): Buffer {
  const id = (n: number): string => n.toString(36).padStart(34, '0')
  return Buffer.from(
    JSON.stringify({
      user_id: `u-${id((i * 7_919) % 100_003)}`,
      page_id: `p-${id((i * 31) % 99_991)}`,
      ad_id: `ad-${id((i * 13) % 1_000)}`,
      ad_type: 'banner',
      event_type: ['view', 'click', 'purchase'][i % 3],
      event_time: String(1_700_000_000_000 + i * 10),
      ip_address: '1.2.3.4',
    }),
  )
}

// --- all of them ---

function run(shapeName: string, mode: string, records: number): Pass[] {
  const file = fileURLToPath(import.meta.url)
  const args = [
    '--conditions=source',
    '--import',
    'tsx',
    file,
    '--child',
    shapeName,
    mode,
    `${records}`,
  ]
  const output = execFileSync(process.execPath, args, { timeout: 120_000, encoding: 'utf8' })
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Pass[]
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] as number

async function main(records: number, rounds: number): Promise<void> {
  console.log(`CPU seconds per million records, ${records} records, median of ${rounds} rounds`)
  for (const [name, shapeOf] of Object.entries(SHAPES)) {
    await fill(shapeOf, records)
    const results = new Map(Object.keys(MODES).map((mode) => [mode, [] as Pass[][]]))
    for (let round = 0; round < rounds; round++)
      for (const [mode, list] of results) list.push(run(name, mode, records))
    const sums = new Set([...results.values()].flat(2).map((it) => it.sum))
    if (sums.size !== 1) throw new Error(`the modes do not agree: ${[...sums].join(', ')}`)
    for (const [mode, list] of results) {
      const perMillion = (pass: number): string =>
        ((median(list.map((it) => it[pass]?.cpu ?? Number.NaN)) / records) * 1e6).toFixed(2)
      console.log(
        `${name.padEnd(36)} ${mode.padEnd(18)} cold ${perMillion(0)}  warm ${perMillion(PASSES - 1)}`,
      )
    }
  }
}

const args = process.argv.slice(2)
if (args[0] === '--child') await child(args[1] ?? '', args[2] ?? '', Number(args[3]))
else {
  await main(Number(args[0] ?? 1_000_000), Number(args[1] ?? 5))
  process.exit(0)
}
