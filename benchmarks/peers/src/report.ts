/** Results as Markdown. */
import type { Spread } from '../../src/runner/bench.ts'
import type { PeerEngine, PeerQuery } from './engines.ts'

export interface Figures {
  readonly eventsPerSecond: Spread
  readonly cpuSecondsPerMillion: Spread
  readonly rssPeakMb: Spread
}

export interface Cell {
  readonly engine: PeerEngine
  readonly query: PeerQuery
  /** Figures of runs whose output was right, or why there are none. */
  readonly result: Figures | string
}

/** One input size. */
export interface SizeReport {
  readonly events: number
  /** Rows of each query's right output. */
  readonly rows: ReadonlyMap<PeerQuery, number>
  readonly cells: readonly Cell[]
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] }
}

/** Where and how it was measured. */
export interface Setting {
  readonly command: string
  /** Day, in UTC. */
  readonly date: string
  readonly machine: string
  readonly versions: readonly string[]
  readonly cores: string
  readonly runs: number
  readonly commitMs: number
  readonly seed: number
}

const OPPORTUNE = 'opportune'

export function markdown(setting: Setting, sizes: readonly SizeReport[]): string {
  return `# Results against other engines

Written by \`${setting.command}\` on ${setting.date}; how each engine is set up and what the figures do
not say is in [peers/README.md](peers/README.md).

- Machine: ${setting.machine}; ${setting.cores}.
- Versions: ${setting.versions.join(', ')}.
- ${setting.runs} runs each in new processes, engines in turn: median (least to most). Seed ${setting.seed}, commits and checkpoints every ${setting.commitMs} ms.
- Only runs whose output has the oracle's hash have figures. CPU seconds are of all threads of all processes of the engine, between its first read and its last committed row.

${sizes.map(sizeText).join('\n')}`
}

function sizeText(size: SizeReport): string {
  const queries = [...size.rows.keys()]
  return `## ${count(size.events)} events

Load average before ${loads(size.load.before)}, after ${loads(size.load.after)}.

${queries.map((query) => queryText(size, query)).join('\n')}`
}

const loads = (values: readonly number[]): string => values.map((it) => it.toFixed(2)).join(' ')

function queryText(size: SizeReport, query: PeerQuery): string {
  const cells = size.cells.filter((cell) => cell.query === query)
  const best = bestPeer(cells)
  return `### ${query}, ${count(size.rows.get(query) ?? 0)} rows

| engine | output | events/s | to the best exactly-once peer | CPU s per million | peak RSS, MB |
|---|---|---|---|---|---|
${cells.map((cell) => rowText(cell, best)).join('\n')}
`
}

/**
 * Events per second, the median, of the fastest peer whose output is exactly once; undefined where none
 * has figures. At least once is less work: such an engine is shown beside it, not compared with.
 */
function bestPeer(cells: readonly Cell[]): number | undefined {
  const rates = cells.flatMap(({ engine, result }) =>
    engine.id === OPPORTUNE || engine.guarantee !== 'exactly once' || typeof result === 'string'
      ? []
      : [result.eventsPerSecond.median],
  )
  return rates.length === 0 ? undefined : Math.max(...rates)
}

function rowText({ engine, result }: Cell, best: number | undefined): string {
  if (typeof result === 'string') return `| ${engine.title} | not run: ${oneLine(result)} | | | | |`
  const { eventsPerSecond, cpuSecondsPerMillion, rssPeakMb } = result
  const ratio = best === undefined ? '' : (eventsPerSecond.median / best).toFixed(2)
  const figures = [
    spreadText(eventsPerSecond, count),
    ratio,
    spreadText(cpuSecondsPerMillion, (value) => value.toFixed(2)),
    spreadText(rssPeakMb, count),
  ]
  return `| ${engine.title} | ${engine.guarantee} | ${figures.join(' | ')} |`
}

function spreadText({ median, min, max }: Spread, text: (value: number) => string): string {
  if (min === max) return text(median)
  return `${text(median)} (${text(min)} to ${text(max)})`
}

/** A number with commas between thousands. */
const count = (value: number): string =>
  String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',')

/** What fits a table's cell. */
const oneLine = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 300)
