/**
 * What an import reader yields: events in the shape of the tracking API, or rejections as data.
 *
 * I1 Every row of a file is in exactly one record: part of a call, or of a rejection that keeps its
 *    bytes and line. Only blank lines and the header are in none.
 * I2 The same file gives the same records with the same message ids in the same order, whatever the
 *    machine's zone, locale or memory; so importing twice is recognised as duplicates.
 * I3 Calls of the tabular formats come in order of time, equal times in file order; ndjson keeps the
 *    order of the file. Rejections come in file order; in sorted formats all of them come first.
 * I4 Memory is bounded by the format's limits, not by the size of the file.
 */

/** A tracking call whose fields nobody has checked yet; validation is the router's, for every source alike. */
export type ImportedCall = Readonly<Record<string, unknown>>

/** A call of a tabular reader before its time is known, which a rebase may still move. */
export type UntimedCall = {
  readonly type: 'track'
  readonly event: string
  /** Derived from the row, never random. */
  readonly messageId: string
  readonly properties: Readonly<Record<string, unknown>>
  readonly context?: Readonly<Record<string, unknown>>
} & ({ readonly userId: string } | { readonly anonymousId: string })

/** The calls that the tabular readers make. */
export type TrackCall = UntimedCall & {
  /** ISO 8601, UTC. */
  readonly timestamp: string
}

export type RejectionCode =
  | 'not_utf8'
  | 'not_json'
  | 'not_an_object'
  | 'too_large'
  | 'too_deep'
  | 'unclosed_quote'
  | 'wrong_columns'
  | 'bad_number'
  | 'bad_time'
  | 'missing_id'
  | 'unknown_event'

export interface AcceptedRecord {
  readonly kind: 'call'
  /** Line of the file, from 1, where the record (or the first row that makes it up) begins. */
  readonly line: number
  readonly call: ImportedCall
}

export interface RejectedRecord {
  readonly kind: 'rejected'
  readonly line: number
  readonly code: RejectionCode
  /** The original bytes without the line end; of a record that is too large, the beginning. */
  readonly bytes: Uint8Array
  /** Length of the whole record in bytes. */
  readonly size: number
}

export type ImportRecord = AcceptedRecord | RejectedRecord

/** Records in groups, so that an await is not paid for each. */
export type RecordBatches = AsyncGenerator<readonly ImportRecord[], void, undefined>

export const BATCH_RECORDS = 512

export const rejection = (
  line: number,
  code: RejectionCode,
  bytes: Uint8Array,
  size = bytes.length,
): RejectedRecord => ({ kind: 'rejected', line, code, bytes, size })
