/**
 * One run of one engine: a new output topic, a watcher on it, the engine in a process group of its own.
 *
 * The clock runs from the first record that reaches the engine, which the engine says itself, to the
 * arrival of the last committed row at a read_committed reader. What the engine needs to start is
 * outside; what it needs to get warm is inside.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type QueryResult, summarise } from '../../src/verification.ts'
import type { PeerEngine, PeerQuery } from './engines.ts'
import { pinned } from './pinned.ts'
import { scriptOf } from './places.ts'
import type { Processes, Running } from './processes.ts'
import type { Toolbox, Watched } from './toolbox.ts'
import { cpuBetween, peakMb, UsageRecorder } from './usage.ts'

/** Of silence after the rows that must come: longer than any engine holds rows back here. */
const QUIET_INTERVALS = 4

export interface RunOptions {
  readonly engine: PeerEngine
  readonly query: PeerQuery
  readonly events: number
  readonly input: string
  readonly brokers: string
  /** Unique; no other run's name holds it. */
  readonly run: string
  /** For state and output; emptied afterwards. */
  readonly directory: string
  readonly cpus: string
  readonly commitMs: number
  readonly timeoutMs: number
  readonly expected: QueryResult
}

export interface Measured {
  readonly kind: 'measured'
  readonly eventsPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly rssPeakMb: number
}

export interface Failed {
  readonly kind: 'failed'
  readonly reason: string
  /** The last lines that the engine printed. */
  readonly output: string
}

export type RunOutcome = Measured | Failed

const failed = (reason: string, output = ''): Failed => ({ kind: 'failed', reason, output })

export async function measureRun(
  processes: Processes,
  toolbox: Toolbox,
  options: RunOptions,
): Promise<RunOutcome> {
  const { run, directory, expected, commitMs, timeoutMs } = options
  const state = join(directory, run)
  const file = join(directory, `${run}.rows`)
  const topic = `${run}-results`
  mkdirSync(state, { recursive: true })
  try {
    await toolbox.createTopic(topic, 1)
    const quietMs = QUIET_INTERVALS * commitMs
    const watch = await toolbox.watch({ topic, file, rows: expected.rows, quietMs, timeoutMs })
    const engine = startEngine(processes, options, state, topic)
    const outcome = await outcomeOf(engine, watch.ended, options)
    await processes.end(engine)
    watch.stop()
    return outcome.kind === 'failed' ? outcome : (wrong(options, file) ?? outcome)
  } finally {
    rmSync(state, { recursive: true, force: true })
    rmSync(file, { force: true })
    await toolbox.clear(run)
  }
}

function startEngine(
  processes: Processes,
  options: RunOptions,
  stateDirectory: string,
  output: string,
): Running {
  const { engine, cpus } = options
  const [command, args] = pinned(cpus, 'bash', [scriptOf(engine.script), 'run'])
  return processes.start(command, args, {
    env: {
      ...process.env,
      QUERY: options.query,
      VARIANT: engine.variant,
      BROKERS: options.brokers,
      INPUT: options.input,
      OUTPUT: output,
      RUN: options.run,
      STATE_DIRECTORY: stateDirectory,
      COMMIT_MS: String(options.commitMs),
      PYTHONDONTWRITEBYTECODE: '1',
    },
  })
}

interface Crashed {
  readonly kind: 'crashed'
  readonly code: number
}

async function outcomeOf(
  engine: Running,
  watching: Promise<Watched>,
  options: RunOptions,
): Promise<RunOutcome> {
  const recorder = new UsageRecorder(engine.pid)
  let firstReadAt: number | undefined
  let notAvailable: string | undefined
  engine.onLine((line) => {
    if (line.startsWith('FIRST_READ ')) firstReadAt = Number(line.slice('FIRST_READ '.length))
    if (line.startsWith('NOT_AVAILABLE ')) notAvailable = line.slice('NOT_AVAILABLE '.length)
  })
  // An engine may end by itself once all is read; its last rows are then still to be watched for.
  const ended = engine.ended.then(
    async (code): Promise<Watched | Crashed> =>
      code === 0 ? await watching : { kind: 'crashed', code },
  )
  const end = await Promise.race<Watched | Crashed>([watching, ended])
  const samples = recorder.stop()
  if (notAvailable !== undefined) return failed(notAvailable)
  if (end.kind === 'crashed')
    return failed(`ended with code ${end.code}: ${causeIn(engine.tail())}`, engine.tail())
  if (end.kind === 'timeout')
    return failed(
      `not complete after ${options.timeoutMs / 1000} s: ${end.rows} of ${options.expected.rows} rows`,
      engine.tail(),
    )
  if (firstReadAt === undefined) return failed('did not say when it read first')
  const { events } = options
  return {
    kind: 'measured',
    eventsPerSecond: Math.round((events * 1000) / (end.lastRowAt - firstReadAt)),
    cpuSecondsPerMillion: (cpuBetween(samples, firstReadAt, end.lastRowAt) * 1e6) / events,
    rssPeakMb: peakMb(samples),
  }
}

/** The innermost cause of a stack trace, or the last line. */
export function causeIn(output: string): string {
  const lines = output.trimEnd().split('\n')
  return lines.findLast((line) => line.startsWith('Caused by: ')) ?? lines.at(-1) ?? ''
}

/** A run with wrong output has no figures. */
function wrong({ query, expected }: RunOptions, file: string): Failed | undefined {
  const lines = readFileSync(file, 'latin1').split('\n')
  // The file ends with a newline.
  lines.pop()
  const { rows, hash } = summarise(query, lines)
  if (hash === expected.hash) return undefined
  return failed(
    `wrong output: ${rows} rows with hash ${hash}, not ${expected.rows} with ${expected.hash}`,
  )
}
