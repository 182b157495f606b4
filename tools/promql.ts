/**
 * What an expression of PromQL asks for, as far as it can be told without a parser: enough to compare
 * it with the metrics that there are. promtool, where it is installed, reads the grammar.
 */
import { createMetrics } from '#sinks'

export interface ExposedMetric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Empty where the metric is not ours: only its name is checked then. */
  readonly labels: readonly string[]
}

/** Labels that Prometheus itself adds to every series. */
const OF_THE_SCRAPE = ['job', 'instance']

/** Every metric of a server, by name, ours and those of the process. */
export async function exposedMetrics(
  reference: string,
): Promise<ReadonlyMap<string, ExposedMetric>> {
  const labels = new Map(
    [...reference.matchAll(/^\| `(opportune_\w+)` \| \w+ \| (.*?) \|/gm)].map(
      ([, name = '', list = '']) => [name, [...list.matchAll(/`(\w+)`/g)].map((it) => it[1] ?? '')],
    ),
  )
  const text = await createMetrics().text()
  const types = [...text.matchAll(/^# TYPE (\w+) (counter|gauge|histogram)$/gm)]
  return new Map(
    types.map(([, name = '', type]) => [
      name,
      { type: type as ExposedMetric['type'], labels: labels.get(name) ?? [] },
    ]),
  )
}

/** A histogram is stored as three series. */
const metricOf = (series: string): string => series.replace(/_(bucket|sum|count)$/, '')

/** What is wrong with an expression; nothing where it asks for what there is. */
export function faultsOf(
  expr: string,
  exposed: ReadonlyMap<string, ExposedMetric>,
): readonly string[] {
  const faults: string[] = []
  for (const [series] of expr.matchAll(/\b(?:opportune|nodejs|process)_\w+/g)) {
    const metric = exposed.get(series) ?? exposed.get(metricOf(series))
    if (metric === undefined) {
      faults.push(`there is no metric ${series}`)
      continue
    }
    // Only what counts up has a rate, and nothing else of it is of interest but a total.
    const rated = new RegExp(`\\b(rate|increase)\\(${series}\\b`).test(expr)
    if (metric.type === 'gauge' && rated) faults.push(`${series} is a gauge and has no rate`)
    const total = new RegExp(`sum\\(${series}\\{[^}]*\\}\\)`).test(expr)
    if (metric.type !== 'gauge' && !rated && !total)
      faults.push(`${series} is a count without a rate`)
    for (const label of labelsAsked(expr, series))
      if (series.startsWith('opportune') && ![...metric.labels, ...OF_THE_SCRAPE].includes(label))
        faults.push(`${series} has no label ${label}`)
  }
  if (!balanced(expr)) faults.push('its brackets do not match')
  return faults
}

function labelsAsked(expr: string, series: string): readonly string[] {
  const selectors = [...expr.matchAll(new RegExp(`\\b${series}\\{([^}]*)\\}`, 'g'))]
  return selectors.flatMap(([, inner = '']) =>
    [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map((it) => it[1] ?? ''),
  )
}

/** Labels that a result is grouped by. */
export const groupedBy = (expr: string): readonly string[] => [
  ...new Set([...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((it) => (it[1] ?? '').split(/,\s*/))),
]

function balanced(expr: string): boolean {
  const open: string[] = []
  const closes: Readonly<Record<string, string>> = { ')': '(', '}': '{', ']': '[' }
  for (const c of expr)
    if ('({['.includes(c)) open.push(c)
    else if (c in closes && open.pop() !== closes[c]) return false
  return open.length === 0
}
