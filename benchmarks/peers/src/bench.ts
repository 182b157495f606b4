/**
 * All engines, queries and sizes in one go, on one broker: for each query the engines take turns, run by
 * run, because a machine's speed changes within minutes and must change for all alike.
 */
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { spread } from '../../src/runner/bench.ts'
import { type QueryResult, workloadOf } from '../../src/verification.ts'
import { buildBroker, startBroker } from './broker.ts'
import type { PeerEngine, PeerQuery } from './engines.ts'
import { type Measured, measureRun, type RunOutcome } from './measure.ts'
import type { PeerOptions } from './options.ts'
import { oracle } from './oracle.ts'
import { scriptOf } from './places.ts'
import { complete, type Processes } from './processes.ts'
import type { Cell, Figures, SizeReport } from './report.ts'
import { Toolbox } from './toolbox.ts'

const BUILD_MS = 900_000
/** Of scripts: the engine cannot be used here, and has said why. */
const NOT_AVAILABLE = 3

export interface BenchPlaces {
  readonly processes: Processes
  /** Holds broker and runs; the caller removes it. */
  readonly directory: string
  readonly say: (line: string) => void
}

export async function benchPeers(
  options: PeerOptions,
  places: BenchPlaces,
): Promise<readonly SizeReport[]> {
  const { processes, directory, say } = places
  say('building')
  await buildBroker(processes)
  const unusable = await buildEngines(options.engines, processes)
  for (const [script, reason] of unusable) say(`${script}: ${reason}`)
  const reports: SizeReport[] = []
  for (const events of options.events) {
    say(`${events} events: the expected results`)
    const { queries, seed } = options
    const expected = await oracle({ queries, events, seed })
    const brokers = await startBroker(processes, {
      directory: join(directory, `broker-${events}`),
      port: options.port,
      cpus: options.brokerCpus,
    })
    try {
      reports.push(await benchSize({ ...places, options, brokers, events, expected, unusable }))
    } finally {
      await processes.endAndWait()
    }
  }
  return reports
}

/** @returns the reasons why scripts cannot be used, by script */
async function buildEngines(
  engines: readonly PeerEngine[],
  processes: Processes,
): Promise<ReadonlyMap<string, string>> {
  const unusable = new Map<string, string>()
  for (const script of new Set(engines.map((engine) => engine.script))) {
    const running = processes.start('bash', [scriptOf(script), 'build'])
    try {
      await complete(processes, running, `${script}.sh build`, BUILD_MS)
    } catch (error) {
      const said = /^NOT_AVAILABLE (.*)$/m.exec(running.tail())?.[1]
      const isStated = (await running.ended) === NOT_AVAILABLE && said !== undefined
      unusable.set(script, isStated ? said : error instanceof Error ? error.message : String(error))
    }
  }
  return unusable
}

interface Bench extends BenchPlaces {
  readonly options: PeerOptions
  readonly brokers: string
  readonly events: number
  readonly expected: ReadonlyMap<PeerQuery, QueryResult>
  readonly unusable: ReadonlyMap<string, string>
}

async function benchSize(bench: Bench): Promise<SizeReport> {
  const { options, events, expected, say } = bench
  const loadBefore = loadavg()
  const toolbox = new Toolbox(bench.processes, bench.brokers, options.brokerCpus)
  const loaded = new Set<string>()
  const cells: Cell[] = []
  for (const query of options.queries) {
    const input = `input-${workloadOf(query)}-${events}`
    if (!loaded.has(input)) {
      say(`${events} events: loading ${input}`)
      await toolbox.load(input, { workload: workloadOf(query), events, seed: options.seed })
      loaded.add(input)
    }
    cells.push(...(await benchQuery(bench, toolbox, query, input)))
  }
  const rows = new Map([...expected].map(([query, { rows: count }]) => [query, count]))
  return { events, rows, cells, load: { before: loadBefore, after: loadavg() } }
}

async function benchQuery(
  bench: Bench,
  toolbox: Toolbox,
  query: PeerQuery,
  input: string,
): Promise<readonly Cell[]> {
  const { options, unusable, say } = bench
  const outcomes = new Map<PeerEngine, RunOutcome[]>()
  for (let round = 0; round < options.runs; round++)
    for (const engine of options.engines) {
      const past = outcomes.get(engine) ?? []
      outcomes.set(engine, past)
      const reason = unusable.get(engine.script)
      if (reason !== undefined) past.push({ kind: 'failed', reason, output: '' })
      // What failed once is not tried again: each try could take as long as the time limit.
      if (past.some((it) => it.kind === 'failed')) continue
      const outcome = await runOnce(bench, toolbox, { engine, query, input, round })
      past.push(outcome)
      say(`${bench.events} events, ${query}, ${engine.id}, run ${round + 1}: ${told(outcome)}`)
    }
  return [...outcomes].map(([engine, all]) => ({ engine, query, result: resultOf(all) }))
}

async function runOnce(
  bench: Bench,
  toolbox: Toolbox,
  what: { engine: PeerEngine; query: PeerQuery; input: string; round: number },
): Promise<RunOutcome> {
  const { options, events, expected, brokers, directory, processes } = bench
  const wanted = expected.get(what.query)
  if (wanted === undefined) throw new Error(`assertion failed: ${what.query} has an oracle`)
  return await measureRun(processes, toolbox, {
    ...what,
    events,
    brokers,
    run: `peers-${what.engine.id}-${what.query}-${what.round}-run`,
    directory,
    cpus: options.engineCpus,
    commitMs: options.commitMs,
    timeoutMs: options.timeoutMs,
    expected: wanted,
  })
}

function told(outcome: RunOutcome): string {
  if (outcome.kind === 'failed') return `${outcome.reason}\n${outcome.output}`.trimEnd()
  const cpu = outcome.cpuSecondsPerMillion.toFixed(2)
  return `${outcome.eventsPerSecond} events/s, ${cpu} CPU s/M, ${outcome.rssPeakMb} MB`
}

/** One failure among several runs is a failure: an engine that is right now and then has no figure. */
function resultOf(outcomes: readonly RunOutcome[]): Figures | string {
  const failure = outcomes.find((outcome) => outcome.kind === 'failed')
  if (failure !== undefined) return failure.reason
  const measured = outcomes.filter((outcome): outcome is Measured => outcome.kind === 'measured')
  return {
    eventsPerSecond: spread(measured.map((it) => it.eventsPerSecond)),
    cpuSecondsPerMillion: spread(measured.map((it) => it.cpuSecondsPerMillion)),
    rssPeakMb: spread(measured.map((it) => it.rssPeakMb)),
  }
}
