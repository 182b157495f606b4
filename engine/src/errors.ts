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
  // engine: frames and codecs
  frame_corrupt: entry('fatal', 'An internal frame does not decode.', 'The topic was written by something else or the disk lies; restore from a savepoint.'),
  frame_version: entry('refused', 'A frame was written by a newer release.', 'Upgrade this process.'),
  // engine: state
  state_vanished: entry('refused', 'State exists for an operator that the topology no longer has.', 'Bring the operator back, or drop its state on purpose with --drop-state ID.'),
  state_version: entry('refused', 'Stored state has a version without a migration.', 'Add the migration, or drop the state on purpose.'),
  state_mismatch: entry('fatal', 'The changelog and the committed position disagree.', 'Restore from a savepoint; report how it came about.'),
  state_corrupt: entry('fatal', 'A stored state value does not decode.', 'Wipe the state directory: it is rebuilt from the changelog.'),
  state_too_large: entry('input', 'One key holds more state than the limit.', 'Bound the state of the operator named.'),
  state_key_invalid: entry('input', 'A key is empty, longer than 1,024 bytes or not well-formed Unicode.', 'Give the record a key that is; the record is kept as a dead letter.'),
  state_full: entry('fatal', 'The disk that holds the state is full.', 'Free space; what the checkpoint lacks is in the changelog.'),
  savepoint_corrupt: entry('refused', 'A savepoint is truncated or was altered.', 'Use another copy or an earlier savepoint.'),
  // engine: windows
  window_invalid: entry('refused', 'A window is declared with a size, slide, gap or lateness it cannot have.', 'Correct the declaration; all of them are whole milliseconds.'),
  // engine: runtime
  task_not_here: entry('refused', 'This process does not own the partition asked for.', 'Ask the process that does; /v1/members names it.'),
  operator_failed: entry('input', 'An operator threw; its record went to the dead letters.', 'Read the dead letter, fix the operator, redrive.'),
  savepoint_mismatch: entry('refused', 'A savepoint belongs to another topology or format.', 'Use the release that wrote it, or migrate.'),
  replay_diverged: entry('refused', 'A replay gave other bytes than the recorded run.', 'Compare the builds; within one build this is a bug.'),
  // operators: ingest
  event_without_id: entry('fatal', 'An event without any id got past validation.', 'This is a bug: report it.'),
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
  model_data_unreadable: entry('input', 'A training file cannot be read or unpacked.', 'Check the path and that the file is a CSV, plain or gzip.'),
  model_data_header: entry('input', 'A training file lacks a column.', 'Add the column named in the message to the first line.'),
  model_data_row: entry('input', 'A row of a training file has a value outside its domain.', 'Correct the line named in the message.'),
  model_data_thin: entry('input', 'A training file has too few rows in some arm or outcome.', 'Collect more randomised data before training.'),
  model_training_diverged: entry('input', 'Training ended with weights that are not finite.', 'Lower the learning rate.'),
  model_backend_missing: entry('fatal', 'No tensor backend could be loaded.', 'Reinstall dependencies; the wasm or the cpu backend must load.'),
  // server: imports
  import_unreadable: entry('input', 'An import file cannot be read.', 'Check that the path names a readable file that is not cut off.'),
  import_wrong_header: entry('input', 'The columns of an import file are not those of the format named.', 'Choose the format that fits the file, or rename the columns.'),
  import_corrupt: entry('input', 'A packed data file does not decode.', 'Fetch the file again; it is incomplete or of another release.'),
  import_too_large: entry('input', 'An import file has more rows than the format can hold.', 'Split the file by date and import the parts in order.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

/** The one error type that Opportune throws. `code` is stable; `message` is for people. */
export class OpportuneError extends Error {
  readonly code: ErrorCode
  /** Small facts that help to act on it; never personal data. */
  readonly details: Readonly<Record<string, string | number | boolean>>

  constructor(
    code: ErrorCode,
    what: string,
    details: Readonly<Record<string, string | number | boolean>> = {},
    cause?: unknown,
  ) {
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
  for (let e = error, hops = 0; e instanceof Error && hops < 16; e = e.cause, hops++)
    if (e instanceof OpportuneError) return e
  return undefined
}

/** Asserts what only a bug can break. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}
