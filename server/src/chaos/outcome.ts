/** What a run came to, in full: every sink record, every state value, every table of ClickHouse. */
import { createHash } from 'node:crypto'
import { sinkTopics } from '#engine'
import { readDecision } from '#sinks'
import { readValues } from '../app/read-topic.ts'
import { TOPICS } from '../app/topology.ts'
import { openAnalytics, openApp } from './workload.ts'

export interface Outcome {
  /** How often each sink record is there, by topic and digest. */
  readonly records: ReadonlyMap<string, number>
  /** Digest of each state value, by stage, operator and key. */
  readonly state: ReadonlyMap<string, string>
  /** Rows and content of each table. */
  readonly tables: ReadonlyMap<string, string>
}

const digest = (bytes: string | Uint8Array): string =>
  createHash('sha256').update(bytes).digest('base64')

export async function outcomeOf(directory: string): Promise<Outcome> {
  const app = await openApp(directory)
  try {
    const records = new Map<string, number>()
    for (const topic of [...sinkTopics(app.plan), TOPICS.deadLetters])
      for await (const value of readValues(app.log, topic)) {
        const name = `${topic} ${digest(payload(topic, value))}`
        records.set(name, (records.get(name) ?? 0) + 1)
      }
    const state = new Map<string, string>()
    for (const task of app.worker.tasks)
      for (const [slot, , key, value] of task.store.stored())
        state.set(`${task.stage.id} ${slot} ${key}`, digest(value))
    return { records, state, tables: await tablesOf(directory) }
  } finally {
    await app.stop()
  }
}

/** Without the record's place in its chain and without offsets: those depend on how work was sliced. */
function payload(topic: string, value: Uint8Array): string | Uint8Array {
  if (topic === TOPICS.decisions) return JSON.stringify(readDecision(value))
  if (topic !== TOPICS.deadLetters) return value
  const { code, bytes } = JSON.parse(Buffer.from(value).toString('utf8')) as Record<string, string>
  return `${code} ${bytes}`
}

/** Columns that say where a row stands, not what it says. */
const PLACES = ['log_partition', 'log_offset', 'chain_seq', 'record_hash']

async function tablesOf(directory: string): Promise<Map<string, string>> {
  const analytics = openAnalytics(directory)
  try {
    await analytics.ready()
    const { rows } = await analytics.query(
      "select table, groupArray(name) as columns from system.columns where database = currentDatabase() and has(groupArray(name) over (partition by table), 'log_offset') and name not in ({places:Array(String)}) group by table order by table",
      { places: PLACES },
    )
    const tables = new Map<string, string>()
    for (const row of rows) {
      const table = String(row['table'])
      const columns = (row['columns'] as string[]).map((c) => `\`${c}\``).sort()
      const sums = await analytics.query(
        `select count() as rows, sum(cityHash64(toString(tuple(${columns.join(', ')})))) as content from \`${table}\``,
      )
      tables.set(table, JSON.stringify(sums.rows[0]))
    }
    return tables
  } finally {
    await analytics.stop()
  }
}
