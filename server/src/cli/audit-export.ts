/** Writing an export of a data directory's audit: where it goes, and what is said of it. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OpportuneError, openEmbeddedLogReadOnly } from '#engine'
import { writeExport } from '#sinks'
import { ownSeals } from './audit.ts'
import { printable, time } from './text.ts'

export interface ExportRequest {
  readonly directory: string
  /** A file that does not exist, or a directory, which gets one named after the time. */
  readonly out: string
  /** Task times, ms since 1970: from inclusive, to exclusive. */
  readonly from?: number
  readonly to?: number
  /** ms since 1970. */
  readonly now: number
  readonly onProgress?: (records: number) => void
}

export interface ExportResult {
  readonly file: string
  readonly bytes: number
  readonly records: number
  readonly seals: number
  readonly chains: readonly {
    readonly chain: string
    readonly records: number
    readonly first_seq: number
    readonly last_seq: number
  }[]
}

/** @throws log_missing, log_corrupt, audit_seal_invalid, audit_export_exists */
export async function exportAudit(request: ExportRequest): Promise<ExportResult> {
  const { directory, out, from, to, now, onProgress } = request
  const file = fileFor(out, now)
  if (existsSync(file))
    throw new OpportuneError('audit_export_exists', `'${file}' is there already.`)
  const log = await openEmbeddedLogReadOnly(join(directory, 'log'))
  try {
    const { records, bytes, manifest } = await writeExport({
      log,
      file,
      seals: await ownSeals(log),
      now,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(onProgress === undefined ? {} : { onProgress }),
    })
    const chains = manifest.chains.map(({ chain, records: count, first, last }) => ({
      chain,
      records: count,
      first_seq: first.seq,
      last_seq: last.seq,
    }))
    return { file, bytes, records, seals: manifest.seals.length, chains }
  } finally {
    await log.close()
  }
}

function fileFor(out: string, now: number): string {
  const isDirectory = existsSync(out) && statSync(out).isDirectory()
  if (!isDirectory) return out
  const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return join(out, `decisions-${stamp}.audit`)
}

export function exportText(result: ExportResult, now: number): string {
  const lines = [
    `${printable(result.file)}: ${result.records} records, ${result.seals} seals, ${result.bytes} bytes, ${time(now)}`,
    ...result.chains.map(
      ({ chain, first_seq, last_seq }) => `  ${chain}: records ${first_seq} to ${last_seq}`,
    ),
    `check any copy of it: ./bin/opportune audit verify --file ${printable(result.file)} --key PUBLIC_KEY`,
  ]
  return `${lines.join('\n')}\n`
}
