/**
 * Feeds: which topic fills which tables, and how one record becomes rows. Pure.
 *
 * A feed trusts a record's envelope and nothing in it: a record that is not what the topic holds gives
 * a reason instead of rows, and a field of another type gives an empty value.
 */
import { decodeRecord } from '../audit/record.ts'
import { type ProfileColumn, profileRow } from './profile-columns.ts'
import {
  count,
  type Fields,
  fields,
  instant,
  instantOrNull,
  isFields,
  json,
  list,
  money,
  real,
  text,
  textOrNull,
} from './values.ts'

export interface FeedRow {
  readonly table: string
  /** By column. Made for the caller, who adds where the record stood. */
  readonly values: Row
}

type Row = Record<string, unknown>

export interface Feed {
  readonly topic: string
  readonly tables: readonly string[]
  /** @returns rows, or the reason why there are none */
  rows(value: Uint8Array): readonly FeedRow[] | string
}

/** Topics by what they hold, where they are not called as usual. */
export type TopicNames = Partial<Readonly<Record<FeedName, string>>>
type FeedName =
  | 'activity'
  | 'sessions'
  | 'profiles'
  | 'triggers'
  | 'decisions'
  | 'identities'
  | 'dead-letters'

export function feedsOf(
  profileColumns: readonly ProfileColumn[],
  names: TopicNames = {},
): readonly Feed[] {
  const one = (name: FeedName, table: string, row: (record: Fields) => Row): Feed => ({
    topic: names[name] ?? name,
    tables: [table],
    rows: (value) => {
      const record = parse(Buffer.from(value).toString('utf8'))
      return record === undefined ? 'not a JSON object' : [{ table, values: row(record) }]
    },
  })
  return [
    one('activity', 'events', eventRow),
    one('sessions', 'sessions', sessionRow),
    one('profiles', 'profiles', (record) => profileRow(record, profileColumns)),
    one('triggers', 'triggers', triggerRow),
    {
      topic: names.decisions ?? 'decisions',
      tables: ['decisions', 'verdicts'],
      rows: decisionRows,
    },
    one('identities', 'identities', identityRow),
    one('dead-letters', 'dead_letters', deadLetterRow),
  ]
}

function parse(record: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(record)
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}

function eventRow(record: Fields): Row {
  const event = fields(record['event'])
  const order = fields(record['order'])
  return {
    customer_id: text(record['customer']),
    type: text(event['type']),
    name: text(event['name']),
    message_id: text(event['messageId']),
    user_id: textOrNull(event['userId']),
    anonymous_id: textOrNull(event['anonymousId']),
    occurred_at: instant(event['at']),
    received_at: instant(event['receivedAt']),
    late_ms: count(record['late_ms']),
    mode: text(record['mode']),
    order_kind: text(order['kind']),
    order_id: text(order['id']),
    amount: money(order['amount']),
    properties: json(event['properties']),
    traits: json(event['traits']),
    context: json(event['context']),
  }
}

const sessionRow = (record: Fields): Row => ({
  customer_id: text(record['customer_id']),
  started_at: instant(record['start']),
  ended_at: instant(record['end']),
  duration_s: real(record['duration_s']) ?? 0,
  events: count(record['events']),
})

function triggerRow(record: Fields): Row {
  const trigger = fields(record['trigger'])
  return {
    customer_id: text(record['customer_id']),
    kind: text(trigger['kind']),
    definition: text(trigger['definition']),
    cause: text(trigger['cause']),
    occurred_at: instant(trigger['at']),
    facts: json(trigger['facts']),
  }
}

const identityRow = (record: Fields): Row => ({
  id: text(record['id']),
  target: text(record['target']),
  since: instant(record['at']),
  cause: text(record['cause']),
})

const deadLetterRow = (record: Fields): Row => ({
  code: text(record['code']),
  reason: text(record['reason']),
  refused_by: text(record['by']),
  source_topic: text(record['topic']),
  source_partition: count(record['partition']),
  source_offset: count(record['offset']),
  occurred_at: instant(record['at']),
  size: Buffer.byteLength(text(record['bytes']), 'base64'),
})

function decisionRows(value: Uint8Array): readonly FeedRow[] | string {
  const record = decodeRecord(value)
  if (record === undefined) return 'not an audit record as it was written'
  const decision = parse(record.body)
  if (decision === undefined) return 'the body is not a JSON object'
  const { seq } = record.header
  return [
    {
      table: 'decisions',
      values: { ...decisionRow(decision), chain_seq: seq, record_hash: record.hash },
    },
    ...list(decision['guardrail_checks']).map((verdict, position) => ({
      table: 'verdicts',
      values: verdictRow(decision, fields(verdict), position),
    })),
  ]
}

function decisionRow(decision: Fields): Row {
  const trigger = fields(decision['trigger'])
  const chosen = fields(decision['chosen'])
  const versions = fields(decision['versions'])
  return {
    decision_id: text(decision['decision_id']),
    decided_at: instant(decision['timestamp']),
    customer_id: text(decision['customer_id']),
    agent: text(decision['agent']),
    action: text(decision['action']),
    reason: text(decision['reason']),
    trigger_kind: text(trigger['kind']),
    trigger_definition: text(trigger['definition']),
    trigger_cause: text(trigger['cause']),
    trigger_at: instant(trigger['at']),
    trigger_facts: json(trigger['facts']),
    campaign: text(chosen['campaign']),
    channel: text(chosen['channel']),
    intervention: text(chosen['intervention']),
    template: text(chosen['template']),
    arm: text(chosen['arm']),
    effect: real(chosen['effect']),
    effect_sd: real(chosen['effectSd']),
    confidence_score: real(decision['confidence_score']),
    execution_status: text(decision['execution_status']),
    deferred_until: instantOrNull(decision['deferred_until']),
    continues: text(decision['continues']),
    rejected: json(decision['rejected']),
    inputs: json(decision['inputs']),
    definitions_version: text(versions['definitions']),
    model_version: text(versions['model']),
    cut_points_version: text(versions['cut_points']),
  }
}

const verdictRow = (decision: Fields, verdict: Fields, position: number): Row => ({
  decision_id: text(decision['decision_id']),
  decided_at: instant(decision['timestamp']),
  customer_id: text(decision['customer_id']),
  position: Math.min(position, 255),
  guardrail: text(verdict['guardrail']),
  rule: text(verdict['rule']),
  outcome: text(verdict['outcome']),
  reason: text(verdict['reason']),
  until: instantOrNull(verdict['until']),
  evidence: json(verdict['evidence']),
})
