-- The tables that topics are loaded into. Every row carries the partition and offset of the record it
-- came from (the topic follows from the table), so that a range of offsets can be counted, removed and
-- loaded again. All of them are plain MergeTree tables: engines that drop or sum rows in the
-- background would make that count wrong. They are not partitioned: one insert is then one part, which
-- is there as a whole or not at all. Instants are UTC; JSON columns hold JSON text.

CREATE TABLE loads
(
  block UInt64 COMMENT 'Number of the block, 1, 2, ...; a block is complete before the next is recorded',
  topic LowCardinality(String) COMMENT 'Topic that was read',
  log_partition UInt16 COMMENT 'Partition that was read',
  from_offset UInt64 COMMENT 'First offset of the range',
  to_offset UInt64 COMMENT 'Offset after the range: where the next one starts',
  row_counts Map(String, UInt64) COMMENT 'Rows the range gives, by table',
  attempt UInt32 COMMENT 'Grows where a range was read again and gave other rows (compaction)',
  recorded_at DateTime64(3, 'UTC') COMMENT 'Written before the first row of the block'
)
ENGINE = ReplacingMergeTree(attempt)
ORDER BY (block, topic, log_partition)
COMMENT 'Ranges of offsets, recorded before their rows are inserted';

CREATE TABLE rejected_rows
(
  topic LowCardinality(String) COMMENT 'Topic of the record',
  log_partition UInt16,
  log_offset UInt64,
  target LowCardinality(String) COMMENT 'Table that refused the row; empty: the record did not read',
  reason String COMMENT 'Why',
  bytes String COMMENT 'The record, base64' CODEC(ZSTD(1)),
  rejected_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, log_partition, log_offset)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Records and rows that could not be loaded; they never hold up the others';

CREATE TABLE events
(
  customer_id String COMMENT 'u: and the user id, or a: and the anonymous id',
  type LowCardinality(String) COMMENT 'track, identify, page, screen, group or alias',
  name LowCardinality(String) COMMENT 'Event name; of a page or screen its name',
  message_id String COMMENT 'Message id of the producer',
  user_id Nullable(String) COMMENT 'As sent',
  anonymous_id Nullable(String) COMMENT 'As sent',
  occurred_at DateTime64(3, 'UTC') COMMENT 'Event time, corrected for clock skew' CODEC(Delta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') COMMENT 'Arrival' CODEC(Delta, ZSTD(1)),
  late_ms UInt64 COMMENT 'Arrival less event time, in ms',
  mode LowCardinality(String) COMMENT 'history (import) or live',
  order_kind LowCardinality(String) COMMENT 'completed, refunded, cancelled; empty: no order event',
  order_id String COMMENT 'Order id; empty: no order event',
  amount Nullable(Decimal(18, 4)) COMMENT 'Completed: net revenue. Refunded: given back, null: all of it (shop currency)',
  properties String COMMENT 'JSON as sent; JSONExtract* reads it' CODEC(ZSTD(1)),
  traits String COMMENT 'JSON as sent' CODEC(ZSTD(1)),
  context String COMMENT 'JSON, the parts that operators use' CODEC(ZSTD(1)),
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4,
  INDEX by_customer customer_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (name, occurred_at, customer_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Accepted events, once each (topic activity)';

CREATE TABLE sessions
(
  customer_id String,
  started_at DateTime64(3, 'UTC') COMMENT 'First activity',
  ended_at DateTime64(3, 'UTC') COMMENT 'Last activity',
  duration_s Float64 COMMENT 'Seconds from the first to the last',
  events UInt32 COMMENT 'Activities',
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4,
  INDEX by_customer customer_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (started_at, customer_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Closed sessions (topic sessions)';

CREATE TABLE profiles
(
  customer_id String,
  as_of DateTime64(3, 'UTC') COMMENT 'Task time that the figures hold for',
  cause LowCardinality(String) COMMENT 'Why the snapshot was written',
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (customer_id, as_of, log_offset)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Snapshots (topic profiles); the other columns follow from the profile schema; see profiles_current';

CREATE TABLE triggers
(
  customer_id String,
  kind LowCardinality(String) COMMENT 'What happened',
  definition LowCardinality(String) COMMENT 'The definition that asked for it',
  cause String COMMENT 'Names the cause: one trigger per cause',
  occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened',
  facts String COMMENT 'JSON' CODEC(ZSTD(1)),
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4,
  INDEX by_customer customer_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (kind, occurred_at, customer_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Triggers (topic triggers)';

CREATE TABLE decisions
(
  decision_id String,
  decided_at DateTime64(3, 'UTC') COMMENT 'Task time' CODEC(Delta, ZSTD(1)),
  customer_id String,
  agent LowCardinality(String),
  action LowCardinality(String) COMMENT 'send, defer, block or nothing',
  reason LowCardinality(String) COMMENT 'Stable code',
  trigger_kind LowCardinality(String),
  trigger_definition LowCardinality(String),
  trigger_cause String,
  trigger_at DateTime64(3, 'UTC'),
  trigger_facts String COMMENT 'JSON' CODEC(ZSTD(1)),
  campaign LowCardinality(String) COMMENT 'Of the chosen candidate; empty: none',
  channel LowCardinality(String) COMMENT 'Of the chosen candidate; empty: none',
  intervention LowCardinality(String) COMMENT 'Of the chosen candidate; empty: none',
  template LowCardinality(String) COMMENT 'Of the chosen candidate; empty: none',
  arm LowCardinality(String) COMMENT 'Model arm behind the score; empty: not scored',
  effect Nullable(Float64) COMMENT 'Expected effect, in probability',
  effect_sd Nullable(Float64) COMMENT 'Its standard deviation',
  confidence_score Nullable(Float64),
  execution_status LowCardinality(String),
  deferred_until Nullable(DateTime64(3, 'UTC')),
  continues String COMMENT 'Decision that this one continues; empty: none',
  rejected String COMMENT 'JSON: the other candidates, each with why it lost' CODEC(ZSTD(1)),
  inputs String COMMENT 'JSON: feature values' CODEC(ZSTD(1)),
  definitions_version LowCardinality(String),
  model_version LowCardinality(String),
  cut_points_version LowCardinality(String),
  chain_seq UInt64 COMMENT 'Place in the audit chain of its partition',
  record_hash String COMMENT 'Hash of the audit record',
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4,
  INDEX by_id decision_id TYPE bloom_filter(0.01) GRANULARITY 4,
  INDEX by_customer customer_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (decided_at, decision_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Decisions (topic decisions, which is also the audit trail)';

CREATE TABLE verdicts
(
  decision_id String,
  decided_at DateTime64(3, 'UTC'),
  customer_id String,
  position UInt8 COMMENT 'Order in which the guardrails were asked, from 0',
  guardrail LowCardinality(String),
  rule LowCardinality(String) COMMENT 'Rule id of the requirement',
  outcome LowCardinality(String) COMMENT 'pass, block or defer',
  reason LowCardinality(String) COMMENT 'Stable code; empty where it passed',
  until Nullable(DateTime64(3, 'UTC')) COMMENT 'Not before; where it deferred',
  evidence String COMMENT 'JSON' CODEC(ZSTD(1)),
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (guardrail, outcome, decided_at, decision_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Every answer of every guardrail (topic decisions)';

CREATE TABLE identities
(
  id String COMMENT 'The id that belongs to the target',
  target String COMMENT 'Resolve at query time: several hops are possible',
  since DateTime64(3, 'UTC'),
  cause LowCardinality(String) COMMENT 'linked, repointed or opened',
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (id, since)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Which id belongs to which (topic identities)';

CREATE TABLE dead_letters
(
  code LowCardinality(String) COMMENT 'Stable code',
  reason String COMMENT 'For people',
  refused_by LowCardinality(String) COMMENT 'Stage or operator',
  source_topic LowCardinality(String) COMMENT 'Where the record stood',
  source_partition UInt16,
  source_offset UInt64,
  occurred_at DateTime64(3, 'UTC') COMMENT 'Time of the record',
  size UInt64 COMMENT 'Bytes of the record; the bytes themselves stay in the topic',
  log_partition UInt16,
  log_offset UInt64,
  INDEX by_offset log_offset TYPE minmax GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (code, occurred_at)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What could not be processed, and why (topic dead-letters)';
