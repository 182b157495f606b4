/** The reference page of metrics, from their declarations. */
import { METRICS, type MetricDeclaration } from './declarations.ts'

export function metricsReference(): string {
  const rows = Object.entries(METRICS).map(([name, declaration]) => rowOf(name, declaration))
  return [
    '# Metrics',
    '',
    'What `/metrics` exposes, beside the metrics of the process and of Node (`process_*`, `nodejs_*`).',
    'Made from `sinks/src/metrics/declarations.ts`. No label names a person.',
    '',
    '| Metric | Type | Labels | Meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function rowOf(name: string, { type, labels, help }: MetricDeclaration): string {
  const named = labels.map((label) => `\`${label}\``).join(', ')
  return `| \`${name}\` | ${type} | ${named} | ${help} |`
}
