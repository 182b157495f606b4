/** The dashboard shows metrics that there are, through the data source that is provisioned. */
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { metricsReference } from '#sinks'
import { readText } from './files.ts'
import { exposedMetrics, faultsOf, groupedBy } from './promql.ts'

interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

interface Source {
  readonly type: string
  readonly uid: string
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: Place
  readonly datasource?: Source
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
    readonly datasource: Source
  }[]
}

interface Dashboard {
  readonly uid: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
}

const FOLDER = 'deploy/grafana'
const dashboard = JSON.parse(readText(`${FOLDER}/dashboard.json`).text) as Dashboard
const { datasources } = parse(
  readText(`${FOLDER}/provisioning/datasources/prometheus.yaml`).text,
) as { readonly datasources: readonly Source[] }
const { providers } = parse(readText(`${FOLDER}/provisioning/dashboards/opportune.yaml`).text) as {
  readonly providers: readonly { readonly options: { readonly path: string } }[]
}

const shown = dashboard.panels.filter((it) => it.type !== 'row')
const exposed = await exposedMetrics(metricsReference())
const overlap = (a: Place, b: Place): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

/** As Prometheus gets it: Grafana puts its variables in before. */
const asked = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*')

describe('the dashboard', () => {
  test('[SNK-6] is of Grafana 11 or later, each panel with an id and a place of its own', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39)
    const { panels } = dashboard
    expect(new Set(panels.map((it) => it.id)).size).toBe(panels.length)
    for (const [i, one] of panels.entries()) {
      expect(one.gridPos.x + one.gridPos.w).toBeLessThanOrEqual(24)
      for (const other of panels.slice(i + 1))
        expect([one.title, other.title, overlap(one.gridPos, other.gridPos)]).toEqual([
          one.title,
          other.title,
          false,
        ])
    }
  })

  test.each(shown.map((panel) => [panel.title, panel] as const))('[SNK-6] %s', (_, panel) => {
    const provisioned = datasources.map(({ type, uid }) => ({ type, uid }))
    expect(panel.description).toMatch(/\.$/)
    expect(provisioned).toContainEqual(panel.datasource)
    const { targets = [] } = panel
    expect(targets.length).toBeGreaterThan(0)
    expect(new Set(targets.map((it) => it.refId)).size).toBe(targets.length)
    for (const { expr, legendFormat, datasource } of targets) {
      expect([expr, faultsOf(asked(expr), exposed)]).toEqual([expr, []])
      expect(provisioned).toContainEqual(datasource)
      // What a legend names must be left in the result.
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect(groupedBy(expr)).toContain(label)
    }
  })

  test('[SNK-6] shows what has to be watched', () => {
    const all = shown.flatMap((it) => it.targets ?? []).map((it) => it.expr)
    for (const name of [
      'opportune_records_processed_total',
      'opportune_task_lag_records',
      'opportune_decision_latency_seconds_bucket',
      'opportune_epochs_committed_total',
      'opportune_epochs_aborted_total',
      'opportune_decisions_total',
      'opportune_verdicts_total',
      'opportune_triggers_total',
      'opportune_events_rejected_total',
      'opportune_state_cached_bytes',
      'opportune_restore_duration_seconds',
      'nodejs_gc_duration_seconds_sum',
      'nodejs_eventloop_lag_p99_seconds',
      'opportune_analytics_lag_records',
    ])
      expect([name, all.some((expr) => expr.includes(name))]).toEqual([name, true])
  })

  test('[SNK-6] stands where Grafana is told to look, as compose mounts it', () => {
    const { services } = parse(readText('docker-compose.yml').text) as {
      readonly services: Readonly<Record<string, { readonly volumes?: readonly string[] }>>
    }
    const mounts = services['grafana']?.volumes ?? []
    const [provider] = providers
    expect(mounts).toContain(
      `./${FOLDER}/dashboard.json:${provider?.options.path}/dashboard.json:ro`,
    )
    expect(mounts).toContain(`./${FOLDER}/provisioning:/etc/grafana/provisioning:ro`)
  })
})
