/**
 * The alert rules are rules as Prometheus reads them, about metrics that there are, and each fires
 * when it should. promtool decides where it is installed; the rest is checked everywhere.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { metricsReference } from '#sinks'
import { ROOT, readText } from './files.ts'
import { exposedMetrics, faultsOf, groupedBy } from './promql.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly action: string }
}

interface Case {
  readonly name: string
  readonly alert_rule_test?: readonly {
    readonly alertname: string
    readonly exp_alerts: readonly unknown[]
  }[]
}

const FOLDER = 'deploy/prometheus'
const read = (name: string): unknown => parse(readText(`${FOLDER}/${name}`).text)

const { groups } = read('rules.yaml') as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
}
const rules = groups.flatMap((group) => group.rules)
const { tests: cases } = read('rules.test.yaml') as { readonly tests: readonly Case[] }
const exposed = await exposedMetrics(metricsReference())

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
      expect(faultsOf(expr, exposed)).toEqual([])
    },
  )

  test('what a rule says of a label is grouped by that label', () => {
    for (const { expr, annotations } of rules)
      for (const [, label = ''] of annotations.summary.matchAll(/\$labels\.(\w+)/g))
        expect(groupedBy(expr)).toContain(label)
  })

  test('[SNK-6] each has a case in which it fires and one in which it does not yet', () => {
    const tried = cases.flatMap((it) => it.alert_rule_test ?? [])
    for (const { alert } of rules) {
      const own = tried.filter((it) => it.alertname === alert)
      expect([alert, own.some((it) => it.exp_alerts.length === 0)]).toEqual([alert, true])
      expect([alert, own.some((it) => it.exp_alerts.length > 0)]).toEqual([alert, true])
    }
  })
})

describe('expressions', () => {
  test.each([
    ['opportune_nothing > 0', 'there is no metric opportune_nothing'],
    ['rate(opportune_ready[5m])', 'opportune_ready is a gauge and has no rate'],
    ['opportune_triggers_total > 1', 'opportune_triggers_total is a count without a rate'],
    ['opportune_ready{stage="x"}', 'opportune_ready has no label stage'],
    ['sum(opportune_ready', 'its brackets do not match'],
  ])('%s: %s', (expr, fault) => {
    expect(faultsOf(expr, exposed)).toEqual([fault])
  })
})

describe('by promtool', () => {
  const missing = spawnSync('promtool', ['--version']).error !== undefined
  const promtool = (...words: readonly string[]): string =>
    execFileSync('promtool', words, { cwd: join(ROOT, FOLDER), encoding: 'utf8' })

  const asked = {
    'the configuration is one': ['check', 'config', 'prometheus.yml'],
    'the rules are rules': ['check', 'rules', 'rules.yaml'],
    'every alert fires when it should and not before': ['test', 'rules', 'rules.test.yaml'],
  }
  for (const [what, words] of Object.entries(asked))
    test(`[SNK-6] ${what}`, (ctx) => {
      if (missing) return ctx.skip('promtool is not installed (Debian: prometheus)')
      return expect(promtool(...words)).toContain('SUCCESS')
    })
})
