/** One file on its way through a reader. */
import { fileChunks, type ReadProgress } from './lines.ts'
import type { Rebase } from './rebase.ts'

export interface ImportProgress extends ReadProgress {
  /** Records handed out so far. */
  records: number
  /** Calls that a sorted format has in all; absent until its file has been read to the end. */
  expected?: number
}

export interface ImportInput {
  readonly path: string
  readonly rebase: Rebase | undefined
  readonly progress: ImportProgress
  /** The file's bytes from the start, unzipped; may be called again for another pass. */
  chunks(): AsyncGenerator<Buffer>
}

export function importInput(path: string, rebase: Rebase | undefined): ImportInput {
  const progress: ImportProgress = { readBytes: 0, totalBytes: 0, records: 0 }
  return { path, rebase, progress, chunks: () => fileChunks(path, progress) }
}
