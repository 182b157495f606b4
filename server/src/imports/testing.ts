/** Helpers of the import tests: files from text, and everything a reader yields. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImportFormat, type ImportOptions, type ImportRecord, openImport } from './index.ts'

/** Runs `use` with the path of a temporary file of this content. */
export async function withFile<T>(
  content: string | Uint8Array,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'opportune-test-'))
  try {
    const path = join(directory, 'input')
    await writeFile(path, content)
    return await use(path)
  } finally {
    await rm(directory, { recursive: true })
  }
}

export async function allRecords(path: string, options: ImportOptions): Promise<ImportRecord[]> {
  const records: ImportRecord[] = []
  for await (const batch of openImport(path, options).records()) records.push(...batch)
  return records
}

export const recordsOf = (
  format: ImportFormat,
  content: string | Uint8Array,
  options?: Pick<ImportOptions, 'rebase'>,
): Promise<ImportRecord[]> => withFile(content, (path) => allRecords(path, { format, ...options }))

/** What the reader made of each record, in brief: the call, or the code of the rejection and its line. */
export const outcomes = (records: readonly ImportRecord[]): unknown[] =>
  records.map((r) => (r.kind === 'call' ? r.call : `${r.code} at ${r.line}`))

export async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
