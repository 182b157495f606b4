/**
 * Every metric, declared once: the registry, the typed setters, the reference page and the alert rules
 * follow from this list. Names obey Prometheus' rules (base units, `_total`, one quantity a name), and
 * no label ever names a person, a key or anything else without a bound.
 */
export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Null: a plain count of things. `timestamp`: seconds since 1970. */
  readonly unit: 'seconds' | 'bytes' | 'timestamp' | 'info' | null
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[]
}

const counter = <const L extends readonly string[] = []>(help: string, ...labels: L) =>
  ({ type: 'counter', help, labels, unit: null }) as const

const gauge = <const L extends readonly string[] = []>(help: string, ...labels: L) =>
  ({ type: 'gauge', help, labels, unit: null }) as const

const bytes = <const L extends readonly string[] = []>(help: string, ...labels: L) =>
  ({ type: 'gauge', help, labels, unit: 'bytes' }) as const

const moment = <const L extends readonly string[] = []>(help: string, ...labels: L) =>
  ({ type: 'gauge', help, labels, unit: 'timestamp' }) as const

const durations = <const L extends readonly string[] = []>(
  help: string,
  buckets: readonly number[],
  ...labels: L
) => ({ type: 'histogram', help, labels, unit: 'seconds', buckets }) as const

/** Close around the goals of 50 and 100 ms at the 99th percentile. */
const DECISION = [0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5, 30]
const REQUEST = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export const METRICS = {
  opportune_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'build', 'node'],
    unit: 'info',
  },
  opportune_ready: gauge('1 while this process answers /health/ready with yes.'),

  // engine: epochs and tasks
  opportune_epochs_committed_total: counter('Epochs committed.'),
  opportune_epochs_aborted_total: counter('Epochs aborted and run again.'),
  opportune_commits_unknown_total: counter(
    'Commits whose outcome had to be learned at the next start.',
  ),
  opportune_fenced_total: counter('Times that a newer owner took over from this process.'),
  opportune_tasks: gauge('Tasks that this process runs.', 'stage'),
  opportune_records_processed_total: counter('Records that tasks processed.', 'stage'),
  opportune_dead_letters_total: counter('Records that could not be processed.', 'stage'),
  opportune_timers_fired_total: counter('Timers that fired.', 'stage'),
  opportune_far_future_events_total: counter(
    'Events clamped for being far in the future.',
    'stage',
  ),
  opportune_state_hand_overs_total: counter('States of keys handed over to another key.', 'stage'),
  opportune_task_lag_records: gauge('Records in the inbox behind a task.', 'stage', 'partition'),
  opportune_task_time_timestamp_seconds: moment('Task time.', 'stage', 'partition'),
  opportune_restore_progress_ratio: gauge(
    'How much of the changelogs whose restore has begun is read; 1 when none is left.',
  ),
  opportune_restore_records: gauge('Changelog records read by the restores of this process.'),
  opportune_restore_duration_seconds: {
    type: 'gauge',
    help: 'How long this process took to restore its tasks.',
    labels: [],
    unit: 'seconds',
  },

  // engine: state
  opportune_state_cached_keys: gauge('Keys whose state is decoded in memory.', 'stage'),
  opportune_state_cached_bytes: bytes('Their size.', 'stage'),
  opportune_state_cache_hits_total: counter('State reads answered from memory.', 'stage'),
  opportune_state_cache_misses_total: counter('State reads that went to the disk.', 'stage'),
  opportune_state_dirty_bytes: bytes('State that waits for the next checkpoint.', 'stage'),
  opportune_state_open_iterators: gauge('Iterators over state that are open.', 'stage'),
  opportune_state_pending_timers: gauge('Timers held in memory.', 'stage'),

  // the path
  opportune_events_read_total: counter('Producer calls read; accepted, duplicate or rejected.'),
  opportune_events_accepted_total: counter('Producer calls accepted.'),
  opportune_events_duplicate_total: counter('Producer calls dropped as duplicates.'),
  opportune_events_rejected_total: counter('Producer calls refused, by stable code.', 'code'),
  opportune_sessions_closed_total: counter('Sessions that closed.'),
  opportune_triggers_total: counter('Triggers.', 'kind'),
  opportune_decisions_total: counter('Decisions, by answer and stable reason.', 'action', 'reason'),
  opportune_verdicts_total: counter(
    'Verdicts of guardrails: pass, block or defer; all of a decision count.',
    'guardrail',
    'outcome',
  ),
  opportune_decision_latency_seconds: durations(
    'From the instant decided at (the event came in, or a timer was due) to the committed decision.',
    DECISION,
  ),

  // out: audit, outbox, analytics
  opportune_audit_broken: gauge('1 where a chain of decisions or seals does not go on: act now.'),
  opportune_audit_last_seal_timestamp_seconds: moment('When the last seal was written.'),
  opportune_audit_sealed_records_total: counter('Audit records that the last seal covers.'),
  opportune_outbox_failing: gauge('1 while messages cannot be written.'),
  opportune_outbox_messages_total: counter('Messages written.'),
  opportune_analytics_up: gauge('1 while queries are answered.'),
  opportune_analytics_restarts_total: counter(
    'Times that the process of analytics was started again.',
  ),
  opportune_analytics_lag_records: gauge('Records that the log has and the tables lack.'),
  opportune_analytics_last_load_timestamp_seconds: moment('When records were loaded last.'),
  opportune_analytics_loaded_records_total: counter('Records loaded.'),
  opportune_analytics_loaded_rows_total: counter('Rows loaded.'),
  opportune_analytics_rejected_rows_total: counter('Records and rows that could not be loaded.'),
  opportune_analytics_missed_records_total: counter(
    'Offsets that retention took before they were loaded.',
  ),
  opportune_analytics_repaired_blocks_total: counter('Blocks completed after a crash or error.'),
  opportune_analytics_resident_memory_bytes: bytes('Memory of the process of analytics.'),

  // server
  opportune_http_requests_total: counter('Requests.', 'method', 'route', 'status'),
  opportune_http_request_duration_seconds: durations('Time to answer.', REQUEST, 'route'),
  opportune_http_rate_limited_total: counter('Requests refused for coming too fast.'),
} as const satisfies Record<string, MetricDeclaration>

export type MetricName = keyof typeof METRICS

export type NameOf<T extends MetricDeclaration['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never
}[MetricName]

export type LabelsOf<N extends MetricName> = Readonly<
  Record<(typeof METRICS)[N]['labels'][number], string>
>
