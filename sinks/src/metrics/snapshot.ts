/** What the server hands over before each scrape: the parts' own counts, as they stand. */
import type { StoreStats, TaskStats } from '#engine'
import type { SealerStatus } from '../audit/sealer.ts'
import type { OutboxStatus } from '../channels/outbox/outbox.ts'
import type { AnalyticsHealth } from '../clickhouse/analytics.ts'
import type { NameOf } from './declarations.ts'
import type { Metrics } from './metrics.ts'

export interface TaskSnapshot {
  readonly stage: string
  readonly partition: number
  readonly stats: TaskStats
  /** Null: a stage without state. */
  readonly store: StoreStats | null
  /** ms since 1970; null before the first mark. */
  readonly time: number | null
  readonly lagRecords: number
}

/** What became of producer calls, and what came of them, since the process started. */
export interface PathSnapshot {
  readonly accepted: number
  readonly duplicates: number
  readonly sessions: number
  /** By stable code. */
  readonly rejected: Readonly<Record<string, number>>
  /** By kind. */
  readonly triggers: Readonly<Record<string, number>>
  readonly decisions: readonly {
    readonly action: string
    readonly reason: string
    readonly count: number
  }[]
  readonly verdicts: readonly {
    readonly guardrail: string
    readonly outcome: string
    readonly count: number
  }[]
}

export interface MetricsSnapshot {
  readonly build?: { readonly version: string; readonly build: string }
  readonly ready?: boolean
  readonly worker?: {
    readonly epochs: number
    readonly aborts: number
    readonly restoreMs: number
  }
  /** The code of what the worker stopped for; null while it runs. */
  readonly failure?: string | null
  readonly path?: PathSnapshot
  readonly tasks?: readonly TaskSnapshot[]
  readonly audit?: SealerStatus
  readonly outbox?: OutboxStatus
  readonly analytics?: AnalyticsHealth
}

/** Parts that are left out keep what they last said. */
export function applySnapshot(to: Metrics, snapshot: MetricsSnapshot): void {
  const { build, ready, worker, tasks, audit, outbox, analytics } = snapshot
  if (build !== undefined) to.set('opportune_build_info', 1, { ...build, node: process.version })
  if (ready !== undefined) to.set('opportune_ready', Number(ready))
  if (worker !== undefined) {
    to.takeOver('opportune_epochs_committed_total', worker.epochs)
    to.takeOver('opportune_epochs_aborted_total', worker.aborts)
    to.set('opportune_restore_duration_seconds', worker.restoreMs / 1_000)
  }
  if (snapshot.failure !== undefined) applyFailure(to, snapshot.failure)
  if (tasks !== undefined) applyTasks(to, tasks)
  if (snapshot.path !== undefined) applyPath(to, snapshot.path)
  if (audit !== undefined) applyAudit(to, audit)
  if (outbox !== undefined) {
    to.set('opportune_outbox_failing', Number(outbox.state === 'failing'))
    to.takeOver('opportune_outbox_messages_total', outbox.written)
  }
  if (analytics !== undefined) applyAnalytics(to, analytics)
}

/** Both end the worker, so each happens at most once in a process. */
function applyFailure(to: Metrics, code: string | null): void {
  to.takeOver('opportune_commits_unknown_total', Number(code === 'log_commit_unknown'))
  to.takeOver('opportune_fenced_total', Number(code === 'log_fenced'))
}

function applyPath(to: Metrics, path: PathSnapshot): void {
  const { accepted, duplicates, sessions, rejected, triggers, decisions } = path
  const refused = sum(Object.values(rejected))
  to.takeOver('opportune_events_read_total', accepted + duplicates + refused)
  to.takeOver('opportune_events_accepted_total', accepted)
  to.takeOver('opportune_events_duplicate_total', duplicates)
  to.takeOver('opportune_sessions_closed_total', sessions)
  for (const [code, count] of Object.entries(rejected))
    to.takeOver('opportune_events_rejected_total', count, { code })
  for (const [kind, count] of Object.entries(triggers))
    to.takeOver('opportune_triggers_total', count, { kind })
  for (const { action, reason, count } of decisions)
    to.takeOver('opportune_decisions_total', count, { action, reason })
  for (const { guardrail, outcome, count } of path.verdicts)
    to.takeOver('opportune_verdicts_total', count, { guardrail, outcome })
}

const TASK_COUNTERS = {
  records: 'opportune_records_processed_total',
  deadLetters: 'opportune_dead_letters_total',
  timersFired: 'opportune_timers_fired_total',
  farFuture: 'opportune_far_future_events_total',
  handOvers: 'opportune_state_hand_overs_total',
} as const satisfies Record<keyof TaskStats, NameOf<'counter'>>

const STORE_COUNTERS = {
  cacheHits: 'opportune_state_cache_hits_total',
  cacheMisses: 'opportune_state_cache_misses_total',
} as const satisfies Partial<Record<keyof StoreStats, NameOf<'counter'>>>

const STORE_GAUGES = {
  cachedKeys: 'opportune_state_cached_keys',
  cachedBytes: 'opportune_state_cached_bytes',
  dirtyBytes: 'opportune_state_dirty_bytes',
  openIterators: 'opportune_state_open_iterators',
  pendingTimers: 'opportune_state_pending_timers',
} as const satisfies Partial<Record<keyof StoreStats, NameOf<'gauge'>>>

function applyTasks(to: Metrics, tasks: readonly TaskSnapshot[]): void {
  // Partitions move between processes; what has left must not stay on at its last value.
  to.clear('opportune_tasks')
  to.clear('opportune_task_lag_records')
  to.clear('opportune_task_time_timestamp_seconds')
  for (const stage of new Set(tasks.map((task) => task.stage))) {
    const own = tasks.filter((task) => task.stage === stage)
    const labels = { stage }
    to.set('opportune_tasks', own.length, labels)
    for (const [field, name] of entries(TASK_COUNTERS))
      to.takeOver(name, sum(own.map(({ stats }) => stats[field])), labels)
    const stores = own.flatMap(({ store }) => store ?? [])
    for (const [field, name] of entries(STORE_COUNTERS))
      to.takeOver(name, sum(stores.map((store) => store[field])), labels)
    for (const [field, name] of entries(STORE_GAUGES))
      to.set(name, sum(stores.map((store) => store[field])), labels)
  }
  for (const { stage, partition, lagRecords, time } of tasks) {
    const labels = { stage, partition: String(partition) }
    to.set('opportune_task_lag_records', lagRecords, labels)
    if (time !== null) to.set('opportune_task_time_timestamp_seconds', time / 1_000, labels)
  }
}

function applyAudit(to: Metrics, audit: SealerStatus): void {
  to.set('opportune_audit_broken', Number(audit.state === 'broken'))
  to.takeOver('opportune_audit_sealed_records_total', audit.sealedRecords)
  if (audit.lastSealAt !== null)
    to.set('opportune_audit_last_seal_timestamp_seconds', audit.lastSealAt / 1_000)
}

function applyAnalytics(to: Metrics, analytics: AnalyticsHealth): void {
  const { state, restarts, loading } = analytics
  to.set('opportune_analytics_up', Number(state === 'ready'))
  to.takeOver('opportune_analytics_restarts_total', restarts)
  if (loading === null) return
  const { stats } = loading
  to.set('opportune_analytics_lag_records', loading.lagRecords)
  to.set('opportune_analytics_resident_memory_bytes', loading.rssBytes)
  to.takeOver('opportune_analytics_loaded_records_total', stats.records)
  to.takeOver('opportune_analytics_loaded_rows_total', stats.rows)
  to.takeOver('opportune_analytics_rejected_rows_total', stats.rejected)
  to.takeOver('opportune_analytics_missed_records_total', stats.missed)
  to.takeOver('opportune_analytics_repaired_blocks_total', stats.repaired)
  if (loading.loadedAt !== null)
    to.set('opportune_analytics_last_load_timestamp_seconds', loading.loadedAt / 1_000)
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

const entries = <K extends string, V>(
  record: Readonly<Record<K, V>>,
): readonly (readonly [K, V])[] => Object.entries(record) as [K, V][]
