/** What the conformance suite needs to know of an implementation, and words its tests share. */
import { expect } from 'vitest'
import { findError } from '../../errors.ts'
import type {
  EpochPosition,
  EventLog,
  LogBatch,
  LogMember,
  MemberListener,
  OutgoingRecord,
  TopicPartition,
  TopicSpec,
} from '../port.ts'

export interface LogUnderTest {
  readonly log: EventLog
  /** Lets the log's clock go on by `ms`; a log on a clock of its own waits. */
  advance(ms: number): void | Promise<void>
  /** One pass of compaction. */
  compact(topic: string, partition: number): Promise<unknown>
  /** One pass of retention. */
  housekeep(): Promise<void>
  /** Closes the log and removes what it left. */
  dispose(): Promise<void>
}

export interface LogSettings {
  readonly maxRecordBytes?: number
  readonly revokeMs?: number
}

export type MakeLog = (settings?: LogSettings) => Promise<LogUnderTest>

/** Runs `body` against a fresh log and cleans up behind it. */
export function withLog(
  make: MakeLog,
  body: (fixture: LogUnderTest) => Promise<void>,
  settings?: LogSettings,
): () => Promise<void> {
  return async () => {
    const fixture = await make(settings)
    try {
      await body(fixture)
    } finally {
      await fixture.dispose()
    }
  }
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

export const text = (value: Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString('utf8')

export const record = (value: string | null, key: string | null = null): OutgoingRecord => ({
  key: key === null ? null : bytes(key),
  value: value === null ? null : bytes(value),
})

export const topic = (name: string, partitions = 1, more: Partial<TopicSpec> = {}): TopicSpec => ({
  name,
  partitions,
  cleanup: 'delete',
  ...more,
})

export const tp = (name: string, partition = 0): TopicPartition => ({ topic: name, partition })

export const at = (
  name: string,
  partition: number,
  offset: number,
  metadata = '',
): EpochPosition => ({
  topic: name,
  partition,
  offset,
  metadata,
})

export const NO_LIMIT = { maxRecords: 1_000_000, maxBytes: 1e9 }
export const AT_ONCE = { ...NO_LIMIT, waitMs: 0 }

export const valuesOf = (batch: LogBatch | undefined): (string | null)[] =>
  batch === undefined ? [] : Array.from({ length: batch.length }, (_, i) => text(batch.value(i)))

export const offsetsOf = (batch: LogBatch): number[] =>
  Array.from({ length: batch.length }, (_, i) => batch.offset(i))

/** Every visible value of a partition, read to its end by a fresh reader. */
export async function readAll(
  log: Pick<EventLog, 'reader'>,
  partition: TopicPartition,
  from = 0,
): Promise<(string | null)[]> {
  const reader = log.reader()
  const values: (string | null)[] = []
  let offset = from
  for (;;) {
    const batch = await reader.read(partition, offset, NO_LIMIT)
    if (batch === undefined) break
    values.push(...valuesOf(batch))
    offset = batch.nextOffset
  }
  await reader.close()
  return values
}

export async function append(
  log: EventLog,
  partition: TopicPartition,
  ...values: string[]
): Promise<number> {
  const appender = log.appender()
  const offset = await appender.append(
    partition.topic,
    partition.partition,
    values.map((value) => record(value)),
  )
  await appender.close()
  return offset
}

export interface Joined {
  readonly member: LogMember
  /** What the listener was told, such as `claimed a/0 a/1`. */
  readonly told: string[]
}

/** A member that resumes what it is given and notes what it is told. */
export async function join(
  log: EventLog,
  id: string,
  topics: readonly string[],
  listener: Partial<MemberListener> = {},
): Promise<Joined> {
  const member = await log.member({ group: 'group', id })
  const told: string[] = []
  const note = (word: string, partitions: readonly TopicPartition[]): void => {
    told.push([word, ...partitions.map((p) => `${p.topic}/${p.partition}`)].join(' '))
  }
  await member.subscribe(topics, {
    claimed(partitions) {
      note('claimed', partitions)
      member.resume(partitions)
      return listener.claimed?.(partitions)
    },
    revoked(partitions) {
      note('revoked', partitions)
      return listener.revoked?.(partitions)
    },
    lost(partitions) {
      note('lost', partitions)
      listener.lost?.(partitions)
    },
  })
  return { member, told }
}

/** The code of the error that `run` fails with; fails when it does not. */
export async function codeOf(run: () => unknown): Promise<string | undefined> {
  try {
    await run()
  } catch (error) {
    const code = findError(error)?.code
    if (code === undefined) throw error
    return code
  }
  expect.unreachable('expected an error with a code')
}
