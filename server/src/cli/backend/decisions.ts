/** Decisions out of their topic: the latest, those of a customer, one by its id. */
import type { Decision } from '#operators'
import { readDecision } from '#sinks'
import { TOPICS } from '../../app/topology.ts'
import { explainDecision } from '../why/explain.ts'
import { newestFirst, partitionsOf, type ReadableLog, type StoredRecord } from './newest.ts'
import type { Explanation } from './port.ts'

/** The latest first; at equal times by id. */
export async function latestDecisions(
  log: ReadableLog,
  filter: { readonly limit: number; readonly customer: string | null },
): Promise<readonly Decision[]> {
  const { limit, customer } = filter
  const found: Decision[] = []
  // Within a partition time does not go back, so the latest `limit` of each hold the latest of all.
  for (let p = 0, n = await partitionsOf(log, TOPICS.decisions); p < n; p++) {
    let taken = 0
    for await (const { value } of newestFirst(log, { topic: TOPICS.decisions, partition: p })) {
      if (taken >= limit) break
      if (customer !== null && !mentions(value, customer)) continue
      const decision = readDecision(value)
      if (customer !== null && !isOf(decision, customer)) continue
      found.push(decision)
      taken++
    }
  }
  return found
    .sort((a, b) => b.timestamp - a.timestamp || (a.decision_id < b.decision_id ? -1 : 1))
    .slice(0, limit)
}

/** The decision with its sentences and its place in the audit chain; undefined where there is none. */
export async function findDecision(log: ReadableLog, id: string): Promise<Explanation | undefined> {
  for (let p = 0, n = await partitionsOf(log, TOPICS.decisions); p < n; p++)
    for await (const record of newestFirst(log, { topic: TOPICS.decisions, partition: p })) {
      if (!mentions(record.value, id)) continue
      const decision = readDecision(record.value)
      if (decision.decision_id === id)
        return { decision, lines: explainDecision(decision), audit: placeOf(record) }
    }
  return undefined
}

/** Cheap, so that most records need no parsing; an id that JSON would escape is looked for as it is spelt. */
const mentions = (value: Uint8Array, id: string): boolean =>
  // Twice, because the body stands in its record as a JSON string of its own.
  asBuffer(value).includes(JSON.stringify(JSON.stringify(id).slice(1, -1)).slice(1, -1))

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** An id as the producer gave it stands for the known customer and the unknown one alike. */
const isOf = (decision: Decision, customer: string): boolean =>
  [customer, `u:${customer}`, `a:${customer}`].includes(decision.customer_id)

/** The chain's own words: `readDecision` checked that the record reads as one. */
function placeOf(record: StoredRecord): Explanation['audit'] {
  const { h, x } = JSON.parse(asBuffer(record.value).toString('utf8')) as {
    readonly h: { readonly chain: string; readonly seq: number }
    readonly x: string
  }
  return { chain: h.chain, seq: h.seq, hash: x }
}
