/**
 * What a run came to, as lines that can be compared: records of all sink topics, committed state,
 * ClickHouse rows. Offsets and links of chains are left out: they depend on how the work was sliced.
 * That every chain is whole is checked beside.
 */
import type { Plan, ReadOnlyLog, Task } from '#engine'
import { type Analytics, decodeRecord, readDecision, verifyChains } from '#sinks'
import { readTopic, readValues } from '../app/read-topic.ts'
import { TOPICS } from '../app/topology.ts'

export interface Outcome {
  /** By topic. */
  readonly topics: Readonly<Record<string, readonly string[]>>
  /** The stored bytes, base64, by stage, slot and key. */
  readonly state: Readonly<Record<string, string>>
  /** By table. */
  readonly tables: Readonly<Record<string, readonly string[]>>
  /** Faults in the audit chains. */
  readonly chain_faults: number
}

export interface OutcomeParts {
  readonly plan: Plan
  readonly log: Readable
  readonly state: Outcome['state']
  readonly analytics: Analytics
}

export async function outcomeOf({ plan, log, state, analytics }: OutcomeParts): Promise<Outcome> {
  return {
    topics: await topicsOf(plan, log),
    state,
    tables: await tablesOf(analytics),
    chain_faults: await chainFaults(log),
  }
}

/** Committed state of the tasks of one process. */
export const stateOfTasks = (tasks: readonly Task[]): Outcome['state'] =>
  Object.assign({}, ...tasks.map(stateOf)) as Outcome['state']

type Readable = Pick<ReadOnlyLog, 'topics' | 'bounds' | 'reader'>

async function topicsOf(plan: Plan, log: Readable): Promise<Record<string, string[]>> {
  const sinks = plan.stages.flatMap((stage) =>
    stage.nodes.flatMap((node) => (node.kind === 'sink' ? [node.spec.topic] : [])),
  )
  const topics: Record<string, string[]> = {}
  for (const topic of new Set([...sinks, plan.deadLetters])) {
    const lines: string[] = []
    for await (const value of readValues(log, topic)) lines.push(payload(topic, value))
    topics[topic] = lines
  }
  return topics
}

function payload(topic: string, value: Uint8Array): string {
  if (topic === TOPICS.decisions) return JSON.stringify(readDecision(value))
  const text = Buffer.from(value).toString('utf8')
  if (topic !== TOPICS.deadLetters) return text
  const { code, by, bytes } = JSON.parse(text) as Record<string, string>
  return JSON.stringify({ code, by, bytes })
}

/** Without what has expired: when that is swept out depends on when checkpoints were taken. */
function stateOf(task: Task): Record<string, string> {
  const { store, stage } = task
  store.setNow(task.now)
  const live = new Map<string, Set<string>>()
  for (const [slot, { operator }] of stage.operators.entries()) {
    const keys = new Set<string>()
    for (const [key] of store.scan(slot)) keys.add(key)
    live.set(operator.id, keys)
  }
  const state: Record<string, string> = {}
  // The store's own slots (timers, links) do not expire.
  for (const [slot, , key, value] of store.stored())
    if (live.get(slot)?.has(key) !== false)
      state[`${stage.id} ${slot} ${key}`] = Buffer.from(value).toString('base64')
  return state
}

async function chainFaults(log: Readable): Promise<number> {
  const records = async function* () {
    for await (const batch of readTopic(log, TOPICS.decisions))
      for (let i = 0; i < batch.length; i++) {
        const bytes = batch.value(i) ?? new Uint8Array()
        const chain = decodeRecord(bytes)?.header.chain ?? `unreadable ${batch.partition}`
        yield { chain, offset: batch.offset(i), bytes }
      }
  }
  return (await verifyChains(records())).faults.length
}

/** Columns that tell where a row stands, where its record stood, when it was loaded, how it is linked. */
const LEFT_OUT = ['log_offset', 'source_offset', 'rejected_at', 'chain_seq', 'record_hash']

async function tablesOf(analytics: Analytics): Promise<Record<string, string[]>> {
  const { rows } = await analytics.query(
    "SELECT table, name FROM system.columns WHERE database = 'opportune' ORDER BY table, position",
  )
  const columns = new Map<string, string[]>()
  for (const { table, name } of rows as readonly { table: string; name: string }[])
    columns.set(table, [...(columns.get(table) ?? []), name])
  const tables: Record<string, string[]> = {}
  for (const [table, names] of columns) {
    // Views and the loader's own books do not hold a record's place.
    if (!names.includes('log_offset')) continue
    const compared = names.filter((name) => !LEFT_OUT.includes(name))
    const answer = await analytics.query(`SELECT ${compared.join(', ')} FROM ${table}`)
    tables[table] = answer.rows.map((row) => JSON.stringify(row))
  }
  return tables
}
