/**
 * What a run came to, from its topics alone: counts that must add up, and a hash of everything decided
 * and derived that is the same whatever the batch size, the partitions, or the interruptions.
 */
import type { DeadLetter, EventLog } from '#engine'
import type { Decision } from '#operators'
import { readDecision } from '#sinks'
import type { ActivityRow } from '../app/activity-row.ts'
import { readValues } from '../app/read-topic.ts'
import { TOPICS, type TriggerRow } from '../app/topology.ts'
import { MultisetHash } from './multiset-hash.ts'

export interface RunSummary {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: Readonly<Record<string, number>>
  /** Accepted events that came in after they happened, by more than a minute. */
  readonly late: number
  readonly sessions: number
  readonly triggers: Readonly<Record<string, number>>
  readonly decisions: Readonly<Record<string, number>>
  readonly output_hash: string
}

const LATE_MS = 60_000

type Count = Record<string, number>
const count = (counts: Count, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}

/** Reads every sink topic of a finished run. */
export async function summarise(
  log: Pick<EventLog, 'topics' | 'bounds' | 'reader'>,
): Promise<RunSummary> {
  const hash = new MultisetHash()
  const rows = async function* <T>(topic: string): AsyncGenerator<T> {
    for await (const value of readValues(log, topic)) {
      hash.add(`${topic}\n${Buffer.from(value).toString('utf8')}`)
      yield JSON.parse(Buffer.from(value).toString('utf8')) as T
    }
  }
  let accepted = 0
  let late = 0
  let duplicates = 0
  let sessions = 0
  const rejected: Count = {}
  const triggers: Count = {}
  const decisions: Count = {}
  for await (const row of rows<ActivityRow>(TOPICS.activity)) {
    accepted++
    if (row.late_ms > LATE_MS) late++
  }
  for await (const _ of rows(TOPICS.duplicates)) duplicates++
  for await (const _ of rows(TOPICS.sessions)) sessions++
  for await (const _ of rows(TOPICS.profiles)) continue
  for await (const { trigger } of rows<TriggerRow>(TOPICS.triggers)) count(triggers, trigger.kind)
  // Positions in internal topics depend on how the work was sliced: only what was refused counts.
  for await (const value of readValues(log, TOPICS.deadLetters)) {
    const letter = JSON.parse(Buffer.from(value).toString('utf8')) as DeadLetter
    count(rejected, letter.code)
    hash.add(`${TOPICS.deadLetters}\n${letter.code}\n${letter.bytes}`)
  }
  for await (const value of readValues(log, TOPICS.decisions)) {
    const decision: Decision = readDecision(value)
    count(decisions, decision.action)
    hash.add(`${TOPICS.decisions}\n${JSON.stringify(decision)}`)
  }
  return {
    accepted,
    duplicates,
    rejected,
    late,
    sessions,
    triggers,
    decisions,
    output_hash: hash.digest(),
  }
}
