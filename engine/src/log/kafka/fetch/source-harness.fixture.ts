/** What tests of the fetch source share: a fake cluster and a source per test, and reading until. */
import { onTestFinished } from 'vitest'
import type { OpportuneError } from '../../../errors.ts'
import type { SourceEvent } from '../source.ts'
import { encodeBatch } from './batches.fixture.ts'
import { FakeCluster, type FakeOptions } from './fake-broker.fixture.ts'
import { FetchSource } from './fetch-source.ts'
import type { FetchSourceOptions } from './options.ts'

export const AT = { topic: 't', partition: 0 }
export const LIMITS = { maxRecords: 1_000, maxBytes: 1 << 20, waitMs: 2_000 }

export async function cluster(brokers: number, options: FakeOptions = {}): Promise<FakeCluster> {
  const made = await FakeCluster.start(brokers, options)
  onTestFinished(() => made.stop())
  return made
}

export function source(at: FakeCluster, options: Partial<FetchSourceOptions> = {}): FetchSource {
  const made = new FetchSource({
    brokers: at.addresses,
    clientId: 'test',
    kafkaName: (topic) => topic,
    maxBufferedBytes: 4 << 20,
    fetchWaitMs: 50,
    checkCrc: true,
    ...options,
    tuning: {
      connectMs: 300,
      requestMs: 200,
      backoff: { firstMs: 5, mostMs: 20 },
      unknownTopicMs: 150,
      quietMs: 200,
      ...options.tuning,
    },
  })
  onTestFinished(() => made.close())
  return made
}

/** Appends a batch of one-byte values at these offsets. */
export async function append(
  at: FakeCluster,
  offsets: readonly number[],
  topic = 't',
  partition = 0,
) {
  const records = offsets.map((offset) => ({ offset, timestamp: 0, value: Buffer.from([offset]) }))
  at.append(topic, partition, await encodeBatch({ records, epoch: 0 }))
}

interface Seen {
  readonly offsets: number[]
  readonly others: SourceEvent[]
}

/** Polls until `enough`, for at most three seconds. */
export async function read(from: FetchSource, enough: (seen: Seen) => boolean): Promise<Seen> {
  const seen: Seen = { offsets: [], others: [] }
  const stop = performance.now() + 3_000
  while (!enough(seen) && performance.now() < stop)
    for (const event of await from.poll({ ...LIMITS, waitMs: 100 }))
      if (event.kind !== 'records') seen.others.push(event)
      else for (let i = 0; i < event.batch.length; i++) seen.offsets.push(event.batch.offset(i))
  return seen
}

export const count =
  (n: number) =>
  (seen: Seen): boolean =>
    seen.offsets.length >= n
export const other =
  (kind: SourceEvent['kind']) =>
  (seen: Seen): boolean =>
    seen.others.some((it) => it.kind === kind)

export const codeOf = (seen: Seen, kind: 'trouble' | 'failed'): string | undefined => {
  const found = seen.others.find((it) => it.kind === kind)
  return (found as { readonly error: OpportuneError } | undefined)?.error.code
}

export function begin(from: FetchSource, offset = 0, partitions: readonly number[] = [0]): void {
  const all = partitions.map((partition) => ({ topic: 't', partition }))
  from.assign(all.map((it) => ({ ...it, offset })))
  from.resume(all)
}
