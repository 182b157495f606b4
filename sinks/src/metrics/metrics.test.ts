import { describe, expect, test } from 'vitest'
import { METRICS, type MetricDeclaration } from './declarations.ts'
import { createMetrics } from './metrics.ts'
import { metricsReference } from './reference.ts'
import type { TaskSnapshot } from './snapshot.ts'

const declared: readonly (readonly [string, MetricDeclaration])[] = Object.entries(METRICS)

const SUFFIX = {
  seconds: '_seconds',
  bytes: '_bytes',
  timestamp: '_timestamp_seconds',
  info: '_info',
}

/** Labels whose values are bounded by us. Another one needs a reason, and a look at its values. */
const BOUNDED = [
  'action',
  'build',
  'code',
  // Ours: the list of operators/src/guardrails.
  'guardrail',
  'kind',
  'method',
  'node',
  'outcome',
  'partition',
  'reason',
  'route',
  'stage',
  'status',
  'version',
]

describe('declarations', () => {
  test('[SNK-6] names: prefix, characters, base units, _total for counters and nothing else', () => {
    for (const [name, { type, unit }] of declared) {
      expect(name).toMatch(/^opportune_[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
      expect(name).not.toMatch(
        /milli|micro|minutes|hours|kilo|mega|percent|counter|gauge|histogram/,
      )
      const base = type === 'counter' ? name.replace(/_total$/, '') : name
      expect(name.endsWith('_total')).toBe(type === 'counter')
      for (const suffix of new Set(['_seconds', '_bytes', '_info']))
        expect(base.endsWith(suffix)).toBe(unit !== null && SUFFIX[unit].endsWith(suffix))
      if (unit !== null) expect(base.endsWith(SUFFIX[unit])).toBe(true)
      // These endings belong to the series of a histogram.
      expect(base).not.toMatch(/_(count|sum|bucket)$/)
    }
  })

  test('[SNK-6] labels: bounded by us, not part of the name, none of a person', () => {
    for (const [name, { labels }] of declared)
      for (const label of labels) {
        expect(BOUNDED).toContain(label)
        expect(name).not.toContain(`_by_${label}`)
      }
    expect(BOUNDED.join()).not.toMatch(/customer|user|email|phone|key|id\b/)
  })

  test('[SNK-6] every metric says what it is; buckets rise', () => {
    for (const [, { type, help, buckets = [] }] of declared) {
      expect(help).toMatch(/^[A-Z0-9].*\.$/)
      expect(buckets.length > 0).toBe(type === 'histogram')
      expect(buckets).toEqual(buckets.toSorted((a, b) => a - b))
    }
  })

  test('[SNK-6] the reference lists each once', () => {
    const page = metricsReference()
    for (const [name] of declared) expect(page.split(`| \`${name}\` |`)).toHaveLength(2)
  })
})

describe('a registry', () => {
  const task = (stage: string, partition: number, records: number): TaskSnapshot => ({
    stage,
    partition,
    stats: { records, deadLetters: 1, timersFired: 2, farFuture: 0, handOvers: 0 },
    store: {
      cachedKeys: 10,
      cachedBytes: 1_000,
      cacheHits: 5,
      cacheMisses: 1,
      dirtyBytes: 7,
      openIterators: 0,
      pendingTimers: 3,
    },
    time: 1_700_000_000_000,
    lagRecords: partition,
  })

  test('[SNK-6] exposes what was counted, in the text format', async () => {
    const metrics = createMetrics({ process: false })
    metrics.add('opportune_decisions_total', 2, { action: 'send', reason: 'best' })
    metrics.observe('opportune_decision_latency_seconds', 0.04)
    const text = await metrics.text()
    expect(metrics.contentType).toContain('text/plain; version=0.0.4')
    expect(text).toContain('opportune_decisions_total{action="send",reason="best"} 2\n')
    expect(text).toContain('opportune_decision_latency_seconds_bucket{le="0.05"} 1\n')
    expect(text).toContain('opportune_decision_latency_seconds_bucket{le="0.035"} 0\n')
    expect(text).toContain('# TYPE opportune_decisions_total counter\n')
  })

  test('[SNK-6] takes snapshots over: sums by stage, forgets tasks that left', async () => {
    const metrics = createMetrics({ process: false })
    metrics.collect({
      tasks: [task('customer', 0, 5), task('customer', 1, 7), task('shop', 0, 1)],
      worker: { epochs: 3, aborts: 0, restoreMs: 1_500 },
    })
    metrics.collect({ tasks: [task('customer', 1, 9)], ready: true })
    const text = await metrics.text()
    expect(text).toContain('opportune_records_processed_total{stage="customer"} 9\n')
    expect(text).toContain('opportune_tasks{stage="customer"} 1\n')
    expect(text).not.toContain('opportune_tasks{stage="shop"}')
    expect(text).toContain('opportune_task_lag_records{stage="customer",partition="1"} 1\n')
    expect(text).not.toContain('partition="0"')
    expect(text).toContain(
      'opportune_task_time_timestamp_seconds{stage="customer",partition="1"} 1700000000\n',
    )
    expect(text).toContain('opportune_restore_duration_seconds 1.5\n')
    expect(text).toContain('opportune_epochs_committed_total 3\n')
    expect(text).toContain('opportune_ready 1\n')
  })

  test('[SNK-6] speaks of audit, outbox and analytics, also while they are away', async () => {
    const metrics = createMetrics({ process: false })
    metrics.collect({
      audit: {
        state: 'broken',
        reason: 'x',
        lastSeal: 4,
        lastSealAt: 1_700_000_000_500,
        sealedRecords: 40,
      },
      outbox: { state: 'failing', lastError: 'x', written: 2 },
      analytics: { state: 'restarting', reason: 'x', restarts: 3, loading: null },
    })
    const text = await metrics.text()
    expect(text).toContain('opportune_audit_broken 1\n')
    expect(text).toContain('opportune_audit_last_seal_timestamp_seconds 1700000000.5\n')
    expect(text).toContain('opportune_outbox_failing 1\n')
    expect(text).toContain('opportune_analytics_up 0\n')
    expect(text).toContain('opportune_analytics_restarts_total 3\n')
  })

  test('[SNK-6] what became of events adds up, by code, kind and reason', async () => {
    const metrics = createMetrics({ process: false })
    const path = {
      accepted: 7,
      duplicates: 2,
      sessions: 1,
      rejected: { bad_json: 1, missing_id: 2 },
      triggers: { inactivity: 3 },
      decisions: [{ action: 'block', reason: 'no_consent', count: 3 }],
      verdicts: [{ guardrail: 'consent', outcome: 'block', count: 3 }],
    }
    metrics.collect({ path, failure: null })
    metrics.collect({ path: { ...path, accepted: 8 }, failure: 'log_fenced' })
    const text = await metrics.text()
    expect(text).toContain('opportune_events_read_total 13\n')
    expect(text).toContain('opportune_events_accepted_total 8\n')
    expect(text).toContain('opportune_events_duplicate_total 2\n')
    expect(text).toContain('opportune_events_rejected_total{code="missing_id"} 2\n')
    expect(text).toContain('opportune_triggers_total{kind="inactivity"} 3\n')
    expect(text).toContain('opportune_decisions_total{action="block",reason="no_consent"} 3\n')
    expect(text).toContain('opportune_sessions_closed_total 1\n')
    expect(text).toContain('opportune_fenced_total 1\n')
    expect(text).toContain('opportune_commits_unknown_total 0\n')
  })

  test('[SNK-6] two registries in one process share nothing', async () => {
    const one = createMetrics()
    const other = createMetrics()
    one.add('opportune_sessions_closed_total', 1)
    expect(await other.text()).toContain('opportune_sessions_closed_total 0\n')
    expect(await other.text()).toContain('process_cpu_seconds_total')
  })
})
