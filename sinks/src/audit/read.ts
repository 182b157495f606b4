/** Audit records out of a log: for verifying and for exports (AUD-4). Bytes stay as they are stored. */
import { type EventLog, type LogReader, OpportuneError } from '#engine'
import type { Decision } from '../topics/decision.ts'
import { readDecision } from './chain.ts'
import type { StoredRecord } from './verify.ts'

const LIMITS = { maxRecords: 1_000, maxBytes: 1 << 20 }

/** Every record of the topic's chains, one chain after the other, from the earliest on. */
export async function* auditRecords(
  log: Pick<EventLog, 'topics'> & { reader(): LogReader },
  topic = 'decisions',
): AsyncGenerator<StoredRecord> {
  const partitions = (await log.topics()).find((spec) => spec.name === topic)?.partitions ?? 0
  const reader = log.reader()
  try {
    for (let partition = 0; partition < partitions; partition++)
      yield* chainRecords(reader, { topic, partition })
  } finally {
    await reader.close()
  }
}

export interface ChainPlace {
  readonly topic: string
  readonly partition: number
  /** Offsets: from inclusive, to exclusive. */
  readonly from?: number
  readonly to?: number
}

/** The records of one chain, or of a range of it. */
export async function* chainRecords(
  reader: LogReader,
  { topic, partition, from = 0, to = Number.POSITIVE_INFINITY }: ChainPlace,
): AsyncGenerator<StoredRecord> {
  const chain = `${topic}/${partition}`
  for (let at = from; at < to; ) {
    const batch = await reader.read({ topic, partition }, at, LIMITS)
    if (batch === undefined) return
    for (let i = 0; i < batch.length && batch.offset(i) < to; i++)
      yield { chain, offset: batch.offset(i), bytes: batch.value(i) ?? new Uint8Array() }
    at = batch.nextOffset
  }
}

export interface AuditFilter {
  readonly customer?: string
  /** ms since 1970, inclusive. */
  readonly from?: number
  /** Exclusive. */
  readonly to?: number
  /** A guardrail's rule id: decisions it was asked about. */
  readonly rule?: string
}

/** The records whose decision fits the filter, as stored: each still carries its own hash. */
export async function* filterRecords(
  records: AsyncIterable<StoredRecord>,
  filter: AuditFilter,
): AsyncGenerator<StoredRecord> {
  for await (const record of records) if (fits(readableDecision(record.bytes), filter)) yield record
}

function readableDecision(bytes: Uint8Array): Decision | undefined {
  try {
    return readDecision(bytes)
  } catch (error) {
    // A damaged record belongs to no customer any more; `verify` is what names it.
    if (error instanceof OpportuneError) return undefined
    throw error
  }
}

function fits(decision: Decision | undefined, filter: AuditFilter): boolean {
  if (decision === undefined) return false
  const { customer, from, to, rule } = filter
  return (
    (customer === undefined || decision.customer_id === customer) &&
    (from === undefined || decision.timestamp >= from) &&
    (to === undefined || decision.timestamp < to) &&
    (rule === undefined || decision.guardrail_checks.some((verdict) => verdict.rule === rule))
  )
}
