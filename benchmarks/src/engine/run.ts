/**
 * Runs a benchmark topology over a preloaded log and reports what the verification needs.
 *
 * The clock runs from the first poll to the last committed output; loading the input and reading the
 * output back are outside.
 */
import {
  createSimulatedLog,
  type EventLog,
  KeyedState,
  memoryBackend,
  type OpenedState,
  openEmbeddedLog,
  type SlotSpec,
  StateEnvironment,
  type Topology,
  Worker,
} from '#engine'
import { messageBlocks } from '../generator/messages.ts'
import { type QueryName, type QueryResult, summarise, workloadOf } from '../verification.ts'
import { q3, q4, q8 } from './joins.ts'
import { q0, q1, q2, q5, q7, q11, q17, q18 } from './nexmark.ts'
import { ysb } from './ysb.ts'

export const ENGINE_QUERIES = {
  ysb,
  q0,
  q1,
  q2,
  q3,
  q4,
  q5,
  q7,
  q8,
  q11,
  q17,
  q18,
} satisfies Partial<Record<QueryName, () => Topology>>
export type EngineQuery = keyof typeof ENGINE_QUERIES

export interface EngineRunOptions {
  readonly query: EngineQuery
  readonly events: number
  readonly seed: number
  /** Where an embedded log lives; absent: in memory. */
  readonly directory?: string
  readonly durability?: 'disk' | 'os'
}

export interface EngineResult extends QueryResult {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly epochs: number
}

/** A worker that has claimed its partitions, in front of a log that holds all input. */
export interface PreparedRun {
  /** Processes everything. Once. */
  run(): Promise<EngineResult>
  close(): Promise<void>
}

export async function prepareEngine(options: EngineRunOptions): Promise<PreparedRun> {
  const places = await open(options)
  const plan = ENGINE_QUERIES[options.query]().build()
  const worker = new Worker({
    plan,
    log: places.log,
    id: 'bench',
    build: 'bench',
    now: Date.now,
    openState: (task, slots) => places.openState(task, slots),
  })
  await places.log.ensureTopics(plan.topics)
  await load(places.log, options)
  await worker.start()
  return {
    async run() {
      const measured = await measure(worker)
      return { ...summarise(options.query, await readLines(places.log)), ...measured }
    },
    async close() {
      await worker.stop()
      await places.close()
    },
  }
}

export async function runEngine(options: EngineRunOptions): Promise<EngineResult> {
  const prepared = await prepareEngine(options)
  try {
    return await prepared.run()
  } finally {
    await prepared.close()
  }
}

async function measure(worker: Worker): Promise<Omit<EngineResult, keyof QueryResult>> {
  const cpuBefore = process.cpuUsage()
  const before = process.hrtime.bigint()
  let idle = 0
  // One idle cycle may stand between a stage and the one that it feeds.
  while (idle < 2) {
    const epochs = worker.stats.epochs
    await worker.cycle(0)
    idle = worker.stats.epochs === epochs ? idle + 1 : 0
  }
  const seconds = Number(process.hrtime.bigint() - before) / 1e9
  const { user, system } = process.cpuUsage(cpuBefore)
  return { seconds, cpuSeconds: (user + system) / 1e6, epochs: worker.stats.epochs }
}

interface Places {
  readonly log: EventLog
  openState(task: string, slots: readonly SlotSpec[]): OpenedState
  close(): Promise<void>
}

async function open(options: EngineRunOptions): Promise<Places> {
  if (options.directory === undefined) {
    const log = createSimulatedLog()
    return {
      log,
      openState: (_task, slots) => {
        const backend = memoryBackend()
        return { backend, store: new KeyedState({ slots, backend }) }
      },
      close: () => log.close(),
    }
  }
  const log = await openEmbeddedLog({
    directory: `${options.directory}/log`,
    durability: options.durability ?? 'disk',
  })
  const states = new StateEnvironment({ directory: `${options.directory}/state` })
  return {
    log,
    openState: (task, slots) => {
      const backend = states.backend(task)
      return { backend, store: new KeyedState({ slots, backend }) }
    },
    async close() {
      await states.close()
      await log.close()
    },
  }
}

async function load(log: EventLog, options: EngineRunOptions): Promise<void> {
  const appender = log.appender()
  const spec = { workload: workloadOf(options.query), events: options.events, seed: options.seed }
  for (const block of messageBlocks(spec)) {
    const records = []
    let from = 0
    for (const end of block.ends) {
      records.push({ key: null, value: block.bytes.subarray(from, end) })
      from = end
    }
    await appender.append('events', block.partition, records)
  }
  await appender.close()
}

async function readLines(log: EventLog): Promise<string[]> {
  const reader = log.reader()
  const lines: string[] = []
  for (let offset = 0; ; ) {
    const batch = await reader.read({ topic: 'results', partition: 0 }, offset, {
      maxRecords: 10_000,
      maxBytes: 8 << 20,
    })
    if (batch === undefined) break
    for (let i = 0; i < batch.length; i++)
      lines.push(Buffer.from(batch.value(i) ?? []).toString('utf8'))
    offset = batch.nextOffset
  }
  await reader.close()
  return lines
}
