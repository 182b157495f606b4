/**
 * Import formats: files of other systems as tracking calls.
 *
 *   const reader = openImport('shop.csv.gz', { format: 'online-retail' })
 *   for await (const records of reader.records()) ...
 */
import { readDiginetica } from './diginetica.ts'
import { type ImportInput, type ImportProgress, importInput } from './input.ts'
import { readNdjson } from './ndjson.ts'
import { readOnlineRetail } from './online-retail.ts'
import type { Rebase } from './rebase.ts'
import type { RecordBatches } from './records.ts'
import { readRees46 } from './rees46.ts'

export type { ImportProgress } from './input.ts'
export type { Rebase } from './rebase.ts'
export type {
  AcceptedRecord,
  ImportedCall,
  ImportRecord,
  RecordBatches,
  RejectedRecord,
  RejectionCode,
} from './records.ts'

export const IMPORT_FORMATS = ['online-retail', 'rees46', 'diginetica', 'ndjson'] as const

export type ImportFormat = (typeof IMPORT_FORMATS)[number]

const READERS: Readonly<Record<ImportFormat, (input: ImportInput) => RecordBatches>> = {
  'online-retail': readOnlineRetail,
  rees46: readRees46,
  diginetica: readDiginetica,
  ndjson: readNdjson,
}

export interface ImportOptions {
  readonly format: ImportFormat
  /** Moves all times by whole days so that the last event falls on a date. */
  readonly rebase?: Rebase
}

export interface ImportReader {
  /** Kept up to date while records are read; the object stays the same. */
  readonly progress: Readonly<ImportProgress>
  /**
   * The file's records, in groups of a few hundred. To be read once.
   * @throws import_unreadable, import_wrong_header, import_corrupt, import_too_large
   */
  records(): RecordBatches
}

async function* counted(batches: RecordBatches, progress: ImportProgress): RecordBatches {
  for await (const batch of batches) {
    progress.records += batch.length
    yield batch
  }
}

/** Opens a file for import; nothing is read before `records` is iterated. Gzip is recognised. */
export function openImport(path: string, options: ImportOptions): ImportReader {
  const input = importInput(path, options.rebase)
  return {
    progress: input.progress,
    records: () => counted(READERS[options.format](input), input.progress),
  }
}
