/** The alert rules are rules as Prometheus reads them, about metrics that there are. */
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { metricsReference } from '#sinks'
import { readText } from './files.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly action: string }
}

const { groups } = parse(readText('deploy/prometheus-rules.yaml').text) as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
}
const rules = groups.flatMap((group) => group.rules)

/** Name and labels of each declared metric, as its page tells them. */
const declared = new Map(
  [...metricsReference().matchAll(/^\| `(opportune_\w+)` \| (\w+) \| (.*?) \|/gm)].map(
    ([, name = '', type, labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map((it) => it[1] ?? '') },
    ],
  ),
)

/** A name that Prometheus stores for a declared metric: a histogram has three. */
const seriesOf = (name: string): string => name.replace(/_(bucket|sum|count)$/, '')

describe('alert rules', () => {
  test('there are some, each with a name of its own', () => {
    expect(rules.length).toBeGreaterThan(5)
    expect(new Set(rules.map((it) => it.alert)).size).toBe(rules.length)
  })

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '[SNK-6] %s',
    (name, { expr, labels, annotations, ...rule }) => {
      expect(name).toMatch(/^Opportune[A-Z]\w+$/)
      expect(['page', 'ticket']).toContain(labels.severity)
      expect(rule.for ?? '0s').toMatch(/^\d+[smh]$/)
      expect(annotations.summary).toMatch(/\.$/)
      expect(annotations.action).toMatch(/\.$/)
      for (const [used] of expr.matchAll(/opportune_\w+/g)) {
        const metric = declared.get(used) ?? declared.get(seriesOf(used))
        expect([used, metric !== undefined]).toEqual([used, true])
        // Only a counter can be asked for its increase, and a counter for nothing else.
        const isRate = new RegExp(`(rate|increase)\\(${used}\\b`).test(expr)
        expect([used, isRate]).toEqual([used, metric?.type !== 'gauge'])
      }
      for (const [, used = '', inner = ''] of expr.matchAll(/(opportune_\w+)\{([^}]*)\}/g))
        for (const [, label = ''] of inner.matchAll(/(\w+)=/g))
          expect(declared.get(used)?.labels).toContain(label)
      expect(balanced(expr)).toBe(true)
    },
  )

  test('what a rule says of a label is grouped by that label', () => {
    for (const { expr, annotations } of rules)
      for (const [, label] of annotations.summary.matchAll(/\$labels\.(\w+)/g))
        expect(expr).toContain(`by (${label})`)
  })
})

function balanced(expr: string): boolean {
  let depth = 0
  for (const c of expr) {
    if (c === '(') depth++
    if (c === ')') depth--
    if (depth < 0) return false
  }
  return depth === 0
}
