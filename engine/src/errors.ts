/**
 * Every error Opportune can raise has one stable code, listed here and nowhere else.
 * `docs/errors.md` is compared with this list by a test.
 *
 * `class` says what the caller may do: `input` (the caller's data or words are wrong; name it, count
 * it, keep it), `retriable` (repeat the same call), `abortable` (abort the epoch and run it again),
 * `fatal` (drop everything uncommitted and leave the process), `refused` (a safety rule said no).
 */
export type ErrorClass = 'input' | 'retriable' | 'abortable' | 'fatal' | 'refused'

interface ErrorEntry {
  readonly class: ErrorClass
  /** What happened, in one sentence. */
  readonly means: string
  /** What the reader can do about it. */
  readonly remedy: string
}

const entry = (cls: ErrorClass, means: string, remedy: string): ErrorEntry => ({
  class: cls,
  means,
  remedy,
})

export const ERRORS = {
  // engine: topology
  topology_duplicate_id: entry('refused', 'Two operators share one id.', 'Give each operator an id of its own; the id names its state.'),
  topology_unconfigured_output: entry('refused', 'A named output leads nowhere.', 'Connect the output to a stream, a sink or `ignore()`.'),
  topology_unkeyed: entry('refused', 'A keyed operator sits on a stream without a key.', 'Put keyBy() in front of it.'),
  topology_missing_merge: entry('refused', 'An operator on a mergeable key does not say how its state merges.', "Add merge: a function, 'discard' or 'cancel'."),
  topology_undeclared_read: entry('fatal', 'An operator read state or a broadcast that it did not declare.', 'List it under reads or broadcasts.'),
  topology_cycle: entry('refused', 'Streams form a cycle outside a declared inbox.', 'Close a loop only through inbox().'),
  // engine: log
  log_owned: entry('refused', 'Another process owns this data directory.', 'Stop the other process or choose another directory.'),
  log_corrupt: entry('fatal', 'The data directory cannot be read.', 'Restore it from a savepoint or a backup; do not delete it before a copy is made.'),
  log_unknown_topic: entry('fatal', 'A topic was used before it was created.', 'Create it through ensureTopics().'),
  log_partitions_changed: entry('refused', 'A topic exists with another number of partitions.', 'Change partitions by savepoint and restore.'),
  log_offset_out_of_range: entry('fatal', 'The position asked for was removed by retention.', 'Restore from a savepoint or start from the earliest offset on purpose.'),
  log_fenced: entry('fatal', 'A newer owner has taken over.', 'Leave the process; nothing of the open epoch was committed.'),
  log_commit_unknown: entry('fatal', 'A commit timed out; whether it took place is unknown.', 'Restart: the committed position tells.'),
  log_retriable: entry('retriable', 'The log asks for the same call again.', 'Nothing: the engine repeats it.'),
  log_abortable: entry('abortable', 'The open epoch cannot be committed.', 'Nothing: the engine aborts it and runs it again.'),
  log_full: entry('fatal', 'The disk that holds the log is full.', 'Free space; the engine resumes from its last commit at the next start.'),
  log_record_too_large: entry('input', 'A record is larger than the limit.', 'Send it in parts, or raise the limit on purpose.'),
  log_closed: entry('fatal', 'The log was used after it was closed.', 'This is a bug: report it.'),
  log_missing: entry('refused', 'There is no log in this directory.', 'Start the server on it first, or give the directory of a running one.'),
  log_crashed: entry('fatal', 'The simulated log crashed on purpose.', 'Join it again, as a new process would.'),
  // engine: log, our own Kafka reader
  log_kafka_damaged: entry('fatal', 'A batch of a Kafka topic does not decode, three times over.', 'Compare the replicas of the partition; read it with the client instead, or skip the batch on purpose.'),
  log_kafka_diverged: entry('fatal', 'A Kafka partition lost committed records that had been read.', 'Restore from a savepoint taken before; forbid unclean leader elections and use acks=all with min.insync.replicas.'),
  // engine: the log on Kafka
  log_kafka_missing: entry('refused', 'The Kafka client is not installed or does not load.', 'Install it: apt-get install libsasl2-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev liblz4-dev, then CKJS_LINKING=dynamic npm install @confluentinc/kafka-javascript.'),
  log_kafka_config: entry('refused', 'A setting of the Kafka log cannot be used.', 'Correct the setting named; docs/kafka.md lists them.'),
  log_kafka_unreachable: entry('retriable', 'Kafka does not answer.', 'Check the address and that the brokers run; the log tries again by itself.'),
  log_kafka_credentials: entry('refused', 'Kafka does not accept who we say we are.', 'Check user, password, mechanism and certificates of the Kafka log.'),
  log_kafka_denied: entry('refused', 'Kafka does not allow this user to do that.', 'Grant the rights that docs/kafka.md lists.'),
  log_kafka_topic_missing: entry('refused', 'A topic is missing and may not be created from here.', 'Create it as the message says, or allow the log to create topics.'),
  log_kafka_topic_settings: entry('refused', 'A topic has settings that it must not have.', 'Alter it as the message says, or allow the log to alter topics.'),
  log_kafka_fell_back: entry('retriable', 'The fast reader met something it cannot read; the client reads instead.', 'Nothing needs to be done; docs/kafka.md says what the fast reader supports.'),
  log_kafka_unreadable: entry('fatal', 'A topic holds records that no reader here can read.', 'See the reason; the topic was written in a format or codec that is not supported.'),
  // engine: frames and codecs
  frame_corrupt: entry('fatal', 'An internal frame does not decode.', 'The topic was written by something else or the disk lies; restore from a savepoint.'),
  frame_version: entry('refused', 'A frame was written by a newer release.', 'Upgrade this process.'),
  // engine: state
  state_vanished: entry('refused', 'State exists for an operator that the topology no longer has.', 'Bring the operator back, or drop its state on purpose: --drop-state and the id in the message.'),
  state_version: entry('refused', 'Stored state has a version without a migration.', 'Add the migration, or drop the state on purpose: --drop-state and the id in the message.'),
  state_mismatch: entry('fatal', 'The changelog and the committed position disagree.', 'Restore from a savepoint; report how it came about.'),
  state_corrupt: entry('fatal', 'A stored state value does not decode.', 'Wipe the state directory: it is rebuilt from the changelog.'),
  state_too_large: entry('input', 'One key holds more state than the limit.', 'Bound the state of the operator named.'),
  state_key_invalid: entry('input', 'A key is empty, longer than 1,024 bytes or not well-formed Unicode.', 'Give the record a key that is; the record is kept as a dead letter.'),
  state_unwritable: entry('fatal', 'A checkpoint could not be written: the disk is full or failing.', 'Free space or replace the disk and restart: what the checkpoint lacks is in the changelog.'),
  savepoint_corrupt: entry('refused', 'A savepoint is truncated or was altered.', 'Use another copy or an earlier savepoint.'),
  savepoint_unsettled: entry('refused', 'Records were under way between stages when a savepoint was taken.', 'Take another when nothing is: stop what sends events, wait until the lag is 0, run savepoint again.'),
  savepoint_target_used: entry('refused', 'The place to restore a savepoint into is not empty.', 'Name a directory that does not exist yet.'),
  // engine: windows
  window_invalid: entry('refused', 'A window is declared with a size, slide, gap or lateness it cannot have.', 'Correct the declaration; all of them are whole milliseconds.'),
  // engine: joins
  join_invalid: entry('refused', 'A join is declared with options or sides it cannot have.', 'Correct the declaration: the message names the option; each side needs a key and a codec.'),
  join_overflow: entry('input', 'One key of a join holds as many records of one side as it may.', 'Raise maxPerKey of the join named, shorten its reach, or filter the side; the record is kept as a dead letter.'),
  // engine: runtime
  task_not_here: entry('refused', 'This process does not own the partition asked for.', 'Ask the process that does; /api/v1/members names it.'),
  operator_failed: entry('input', 'An operator threw; its record went to the dead letters.', 'Read the dead letter, fix the operator, redrive.'),
  savepoint_mismatch: entry('refused', 'A savepoint belongs to another topology or format.', 'Use the release that wrote it, or migrate.'),
  chaos_died: entry('fatal', 'A process under test died of something else than the kill.', 'Read the message; this is a bug: report it with the seed.'),
  replay_unfinished: entry('refused', 'The recorded run has work left to do.', 'Start it, wait until it is ready and has nothing to do, stop it, and verify again.'),
  replay_diverged: entry('refused', 'A replay gave other bytes than the recorded run.', 'Compare the builds; within one build this is a bug.'),
  // operators: ingest
  event_without_id: entry('fatal', 'An event without any id got past validation.', 'This is a bug: report it.'),
  // operators: cut points
  contribution_format: entry('input', 'A contribution to the cut points was written by an older release.', 'Nothing: every customer tells theirs anew at the next midnight.'),
  // models
  model_truncated: entry('refused', 'A model artefact ends before its content does.', 'Copy the file again; the last good model keeps serving.'),
  model_corrupt: entry('refused', 'A model artefact does not match its own checksum, or is not JSON.', 'Copy the file again, or train it anew; the last good model keeps serving.'),
  model_foreign: entry('refused', 'A file is not a model artefact of this product, or of another kind than expected.', 'Offer an artefact written by the train command of that kind.'),
  model_format_newer: entry('refused', 'A model artefact was written by a newer release.', 'Upgrade this process, or train with this release.'),
  model_schema: entry('refused', 'A model artefact is intact but lacks fields, has wrong ones, or contradicts itself.', 'Train it anew with this release; the reason names the field.'),
  model_feature_unknown: entry('refused', 'A model artefact wants a feature that this release cannot compute.', 'Upgrade this process, or train on the documented features.'),
  model_not_finite: entry('refused', 'A model artefact holds weights that are not finite numbers.', 'Train it anew with a lower learning rate.'),
  model_too_large: entry('refused', 'A model artefact is larger than the limit.', 'Train a smaller network.'),
  model_missing: entry('refused', 'No model of that id is active.', 'Activate an artefact first; until then nothing is scored.'),
  model_data_unreadable: entry('input', 'A training file cannot be read or unpacked.', 'Check the path and that the file is CSV, or Arrow without compression inside; plain or gzip.'),
  model_data_header: entry('input', 'A training file lacks a column.', 'Add the column named in the message to the first line.'),
  model_data_row: entry('input', 'A row of a training file has a value outside its domain.', 'Correct the line or row named in the message.'),
  model_data_thin: entry('input', 'A training file has too few rows in some arm or outcome.', 'Collect more randomised data before training.'),
  model_training_diverged: entry('input', 'Training ended with weights that are not finite.', 'Lower the learning rate.'),
  model_backend_missing: entry('fatal', 'No tensor backend could be loaded.', 'Reinstall dependencies; the wasm or the cpu backend must load.'),
  // sinks: audit
  audit_record_invalid: entry('input', 'A record is not an audit record as it was written.', 'Run `opportune audit verify`: it names the first bad record.'),
  audit_seal_invalid: entry('input', 'A line is not a seal as it was written.', 'Compare it with another copy of the seals.'),
  audit_broken: entry('fatal', 'A chain of decisions or seals does not go on from where it was sealed.', 'Keep a copy of the data directory, run `opportune audit verify` with the outside seals, and find out who wrote to the log.'),
  audit_key_unusable: entry('refused', 'The signing key of the seals cannot be used.', 'Give an Ed25519 key (PKCS#8, PEM) in a file of mode 600; without a file one is made.'),
  audit_export_invalid: entry('input', 'A file is not an export of the audit, or it was cut or damaged.', 'Compare it with another copy, or export it again.'),
  audit_export_exists: entry('input', 'The file that an export of the audit should go to exists.', 'Name another file: an export never replaces one.'),
  // sinks: analytics
  analytics_unavailable: entry('retriable', 'Analytics is not answering right now.', 'Repeat after a moment: its process is started again by itself; /health/ready says how it is.'),
  analytics_query_refused: entry('input', 'A query is not one that may be run: one reading statement, no files, no other servers.', 'Ask with a single SELECT, WITH, SHOW, DESCRIBE, EXISTS or EXPLAIN.'),
  analytics_query_failed: entry('input', 'ClickHouse refused a query, or it went over its limits.', 'Correct it by the reason given, or make it read or return less.'),
  analytics_migration_changed: entry('refused', 'A migration that was applied has another text now.', 'Restore the file; change tables in a new migration.'),
  analytics_migration_newer: entry('refused', 'The database was migrated by a newer release.', 'Upgrade this process, or give it a database of its own.'),
  analytics_schema_conflict: entry('refused', 'A column of the profiles table exists with another type.', 'Give the field a new name, or rebuild the profiles table from its topic.'),
  analytics_log_replaced: entry('refused', 'ClickHouse holds more records of a topic than the log has.', 'The log was replaced: give analytics a fresh directory or database; it loads everything anew.'),
  analytics_url_invalid: entry('refused', 'The ClickHouse URL cannot be used.', 'Give http(s)://host:port and put user and password into the environment.'),
  // sinks: outbox
  outbox_corrupt: entry('fatal', 'An outbox file does not read.', 'Keep a copy and restore the file; its lines say what was sent.'),
  // server: imports
  import_unreadable: entry('input', 'An import file cannot be read.', 'Check that the path names a readable file that is not cut off.'),
  import_wrong_header: entry('input', 'The columns of an import file are not those of the format named.', 'Choose the format that fits the file, or rename the columns.'),
  import_corrupt: entry('input', 'A packed data file does not decode.', 'Fetch the file again; it is incomplete or of another release.'),
  import_too_large: entry('input', 'An import file has more rows than the format can hold.', 'Split the file by date and import the parts in order.'),
  // server: several processes
  task_moving: entry('retriable', 'The partition asked for is between two owners, or its owner does not answer.', 'Repeat after the seconds in Retry-After; /api/v1/members names the owners.'),
  server_joining: entry('retriable', 'The server has not reached its log yet, or is restoring its state.', 'Repeat after the seconds in Retry-After; /health/ready says what it waits for.'),
  duties_elsewhere: entry('retriable', 'Another process loads analytics and answers queries.', 'Ask the process that /api/v1/members names for duties, or repeat when it is up.'),
  worker_gave_up: entry('fatal', 'A worker process died again and again without ever being ready.', 'Read its last words in the log above; start one alone with opportune start to see more.'),
  // server: http
  http_malformed_json: entry('input', 'The body is not UTF-8 text of one JSON value.', 'Correct the body; nothing of it was taken.'),
  http_malformed_batch: entry('input', 'A batch is not an object with a list "batch".', 'Send {"batch": [...]}; nothing of it was taken.'),
  http_body_too_large: entry('input', 'The body, or one event of a batch, is larger than the limit.', 'Send it in parts: 32 KB an event, 500 KB a batch; nothing of it was taken.'),
  http_batch_too_long: entry('input', 'A batch has more than 2,500 events.', 'Send it in parts; nothing of it was taken.'),
  http_body_corrupt: entry('input', 'A compressed body cannot be unpacked, or ended early.', 'Compress it with gzip, whole; nothing of it was taken.'),
  http_encoding: entry('input', 'The content encoding is not supported.', 'Send the body plain or with gzip.'),
  http_content_type: entry('input', 'The content type is not one that this address reads.', 'Send application/json, or what the API description names.'),
  http_not_a_cloudevent: entry('input', 'The request is not a CloudEvent in structured, binary or batched mode.', 'Set content type application/cloudevents+json, or the ce- headers specversion, id, source and type.'),
  http_invalid_request: entry('input', 'A parameter or a field of the body is missing or wrong.', 'Correct the field that the answer names; /openapi.json describes all of them.'),
  http_bad_request: entry('input', 'The request is not HTTP as this server understands it.', 'Correct the client; nothing was taken.'),
  http_not_found: entry('input', 'There is nothing at this address.', 'See /openapi.json for the addresses there are.'),
  http_method: entry('input', 'This address does not take that method.', 'Use a method that the Allow header names.'),
  http_customer_unknown: entry('input', 'No customer of that id is known here.', 'Check the id; an event of theirs must have been processed.'),
  http_decision_unknown: entry('input', 'No decision of that id is known here.', 'Check the id; decisions are listed under /api/v1/decisions.'),
  http_unauthorized: entry('refused', 'The key or token is missing, unknown or expired.', 'Send a write key (tracking) or a token (API); the data directory has both in credentials.json.'),
  http_forbidden: entry('refused', 'The token may not do this.', 'Use the operator token.'),
  http_origin: entry('refused', 'A page of another origin sent this request.', "List the page's origin under the allowed origins, if it is yours."),
  http_host: entry('refused', 'The Host header names another server.', 'Use localhost, or list the name under the allowed hosts.'),
  http_rate_limited: entry('retriable', 'A write key sent more requests than its limit.', 'Repeat after the seconds in Retry-After, or send larger batches.'),
  http_overloaded: entry('retriable', 'The server holds as much unfinished work as it may.', 'Repeat after the seconds in Retry-After.'),
  server_importing: entry('retriable', 'The first import is under way; events are taken once it is through.', 'Repeat after the seconds in Retry-After; /health/ready says when.'),
  http_closing: entry('retriable', 'The server is shutting down.', 'Repeat; the next process takes it.'),
  http_timeout: entry('retriable', 'The request was not received or answered in time.', 'Repeat it; events that are repeated with their messageId count once.'),
  http_epoch_behind: entry('retriable', 'The state has not reached the epoch asked for.', 'Repeat after the seconds in Retry-After.'),
  http_query_failed: entry('input', 'The query could not be run.', 'Correct the SQL; only reading statements are allowed.'),
  definitions_unreadable: entry('input', 'The definitions cannot be read.', 'Name a directory of YAML files that this process may read.'),
  definitions_refused: entry('input', 'The definitions are wrong; those in force stay.', 'Correct the place named and apply again.'),
  http_internal: entry('fatal', 'The server met an error it does not know.', 'Report it with the request id; the log has the place.'),
  http_auth_needed: entry('refused', 'Access without keys was asked for on an address that others can reach.', 'Bind to 127.0.0.1, or leave the keys on.'),
  http_port_in_use: entry('refused', 'Another program listens on this port.', 'Stop it, or choose another port.'),
  http_address: entry('refused', 'The address or port cannot be bound by this user on this machine.', 'Choose an address of this machine and a port above 1023.'),
  credentials_corrupt: entry('refused', 'The credentials file cannot be read.', 'Restore it, or remove it: new keys are then made, and producers need the new write key.'),
  credentials_exposed: entry('refused', 'The credentials file may be read by other users of the machine.', 'Take their rights away (chmod 600) and, if others used the machine, remove it to get new keys.'),
  // server: command line
  cli_usage: entry('input', 'A command, an argument or an option is wrong.', 'See --help of the command.'),
  server_unreachable: entry('retriable', 'No server answers at the address.', 'Check the address, and that the server runs; without --url the data directory is asked.'),
  server_foreign: entry('refused', 'What answers at the address does not speak as this release does.', 'Check the address, and that server and command line are of one release.'),
  audit_copy_unreadable: entry('input', 'The seals or the public key to verify with cannot be read.', 'Check the path; the public key stands beside the signing key, its name ending in .pub.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

/** The one error type that Opportune throws. `code` is stable; `message` is for people. */
export class OpportuneError extends Error {
  readonly code: ErrorCode
  /** Small facts that help to act on it; never personal data. */
  readonly details: Readonly<Record<string, string | number | boolean>>

  constructor(code: ErrorCode, what: string, details: Readonly<Record<string, string | number | boolean>> = {}, cause?: unknown) {
    super(`${code}: ${what} ${ERRORS[code].remedy}`, cause === undefined ? undefined : { cause })
    this.name = 'OpportuneError'
    this.code = code
    this.details = details
  }

  get class(): ErrorClass {
    return ERRORS[this.code].class
  }
}

/** The first OpportuneError among an error and its causes. */
export function findError(error: unknown): OpportuneError | undefined {
  for (let e = error, hops = 0; e instanceof Error && hops < 16; e = e.cause, hops++) if (e instanceof OpportuneError) return e
  return undefined
}

/** Asserts what only a bug can break. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}
