/**
 * What the command takes. Wrong input ends with a text that says what would be right.
 */
import { parseArgs } from 'node:util'
import { ENGINES, PEER_QUERIES, type PeerEngine, type PeerQuery } from './engines.ts'

export interface PeerOptions {
  /** Events in the input, one table each. */
  readonly events: readonly number[]
  readonly engines: readonly PeerEngine[]
  readonly queries: readonly PeerQuery[]
  /** Measured runs of each engine and query. */
  readonly runs: number
  readonly seed: number
  /** Of a commit or checkpoint, for all engines. */
  readonly commitMs: number
  /** After which a run is given up. */
  readonly timeoutMs: number
  /** As `taskset -c` takes them. */
  readonly brokerCpus: string
  readonly engineCpus: string
  readonly port: number
  /** The Markdown file; relative to the project. */
  readonly out: string
}

export const USAGE = `npm run bench:peers -- [options]

  --events N[,N]       events in the input; one table each [1000000]
  --engines NAME,...   ${ENGINES.map((engine) => engine.id).join(', ')} [all]
  --queries NAME,...   ${PEER_QUERIES.join(', ')} [all]
  --runs N             measured runs, engines in turn [3]
  --seed N             of the generator [42]
  --commit-ms N        commit or checkpoint interval, whole seconds [1000]
  --timeout S          seconds after which a run is given up [600]
  --broker-cpus LIST   cores of the broker [0]
  --engine-cpus LIST   cores of the engine [1]
  --port N             of the broker; the next one is taken too [19292]
  --out FILE           where the table goes [benchmarks/RESULTS.md]
`

/** What is wrong with the command line. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readOptions(args: readonly string[]): PeerOptions {
  const text = { type: 'string' } as const
  const { values } = parse(() =>
    parseArgs({
      args: [...args],
      options: {
        events: { ...text, default: '1000000' },
        engines: { ...text, default: ENGINES.map((engine) => engine.id).join(',') },
        queries: { ...text, default: PEER_QUERIES.join(',') },
        runs: { ...text, default: '3' },
        seed: { ...text, default: '42' },
        'commit-ms': { ...text, default: '1000' },
        timeout: { ...text, default: '600' },
        'broker-cpus': { ...text, default: '0' },
        'engine-cpus': { ...text, default: '1' },
        port: { ...text, default: '19292' },
        out: { ...text, default: 'benchmarks/RESULTS.md' },
      },
    }),
  )
  const commitMs = integer('commit-ms', values['commit-ms'], 1000)
  if (commitMs % 1000 !== 0) throw new UsageError('--commit-ms: bytewax takes whole seconds only')
  return {
    events: list(values.events).map((each) => integer('events', each, 1)),
    engines: list(values.engines).map((id) =>
      known('engine', id, (name) => ENGINES.find((engine) => engine.id === name)),
    ),
    queries: list(values.queries).map((name) =>
      known('query', name, (wanted) => PEER_QUERIES.find((query) => query === wanted)),
    ),
    runs: integer('runs', values.runs, 1),
    seed: integer('seed', values.seed, 0),
    commitMs,
    timeoutMs: integer('timeout', values.timeout, 1) * 1000,
    brokerCpus: cpuList('broker-cpus', values['broker-cpus']),
    engineCpus: cpuList('engine-cpus', values['engine-cpus']),
    port: integer('port', values.port, 1024),
    out: values.out,
  }
}

function parse<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

const list = (text: string): readonly string[] => [...new Set(text.split(',').filter(Boolean))]

function integer(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`--${name}: a whole number from ${least} on, not ${text}`)
  return value
}

function cpuList(name: string, text: string): string {
  if (!/^\d+([-,]\d+)*$/.test(text)) throw new UsageError(`--${name}: such as 0 or 0,1 or 0-3`)
  return text
}

function known<T>(what: string, name: string, find: (name: string) => T | undefined): T {
  const found = find(name)
  if (found === undefined) throw new UsageError(`there is no ${what} ${name}`)
  return found
}
