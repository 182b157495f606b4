/**
 * Verifying the audit of a data directory or of an export: the seals first, then every chain against
 * them.
 *
 * A seal proves only what its own file and key cannot be made to say. So seals and keys may come from
 * outside, and the result says which were used.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OpportuneError, openEmbeddedLogReadOnly, type ReadOnlyLog } from '#engine'
import {
  type AuditFault,
  auditRecords,
  type ExportManifest,
  readExport,
  readPublicKey,
  readSealFile,
  SEALS,
  type SealedHead,
  type SealFault,
  type StoredRecord,
  type Verification,
  type VerifiedChain,
  type VerifiedSeals,
  verifyChains,
  verifySeals,
} from '#sinks'
import { readValues } from '../app/read-topic.ts'
import { time } from './text.ts'

export interface AuditOptions {
  readonly directory: string
  /** A copy of the seals, one a line; absent: those of the log. */
  readonly seals?: string
  /** Files of trusted public keys; absent: the directory's own. */
  readonly keys?: readonly string[]
  /** An export to verify instead of the directory's log. */
  readonly file?: string
  readonly onProgress?: (records: number) => void
}

export interface AuditResult {
  readonly ok: boolean
  readonly records: number
  readonly chains: readonly VerifiedChain[]
  readonly faults: readonly AuditFault[]
  readonly seals: {
    /** Whether they came from outside the log: else they show accidents only. */
    readonly outside: boolean
    readonly trusted: number
    /** ms since 1970 of the last trusted one. */
    readonly last_at: number | null
    readonly fault: SealFault | null
  }
  /** Of an export. */
  readonly export: {
    /** ms since 1970. */
    readonly exported_at: number
    /** Whether the file's digest fits it. */
    readonly intact: boolean
  } | null
}

/** Where the sealer keeps the public half of its key. */
const OWN_KEY = join('keys', 'audit.pem.pub')
const EVERY = 1_000

/** @throws log_missing, log_corrupt, audit_key_unusable, audit_copy_unreadable, audit_export_invalid */
export function verifyAudit(options: AuditOptions): Promise<AuditResult> {
  return options.file === undefined ? verifyLog(options) : verifyExport(options, options.file)
}

async function verifyLog(options: AuditOptions): Promise<AuditResult> {
  const log = await openEmbeddedLogReadOnly(join(options.directory, 'log'))
  try {
    const lines = options.seals === undefined ? await ownSeals(log) : outsideSeals(options.seals)
    const sealed = verifySeals(lines, lines.length === 0 ? [] : trustedKeys(options))
    const records = counted(auditRecords(log), options.onProgress)
    const checked = await verifyChains(records, headsOf(sealed))
    return resultOf(options, sealed, checked)
  } finally {
    await log.close()
  }
}

/** Twice through the file: what it says of itself stands behind its records. */
async function verifyExport(options: AuditOptions, file: string): Promise<AuditResult> {
  const { manifest, intact } = await manifestOf(file)
  const own = options.seals === undefined
  const lines = own ? manifest.seals : outsideSeals(options.seals)
  const keys = lines.length === 0 ? [] : trustedKeys(options)
  const sealed = verifySeals(lines, keys, own ? 'part' : 'first')
  const records = counted(recordsIn(file), options.onProgress)
  const checked = await verifyChains(records, headsOf(sealed), manifest.chains)
  const result = resultOf(options, sealed, checked)
  const { exported_at } = manifest
  return { ...result, ok: result.ok && intact, export: { exported_at, intact } }
}

// Every trusted seal counts, not only the last: a chain rewritten in between shows in those before.
const headsOf = ({ seals }: VerifiedSeals): readonly SealedHead[] =>
  seals.flatMap((seal) => seal.heads)

function resultOf(
  options: AuditOptions,
  { seals, fault }: VerifiedSeals,
  { chains, faults }: Verification,
): AuditResult {
  return {
    ok: faults.length === 0 && fault === undefined,
    records: chains.reduce((sum, chain) => sum + chain.records, 0),
    chains,
    faults,
    seals: {
      outside: options.seals !== undefined,
      trusted: seals.length,
      last_at: seals.at(-1)?.at ?? null,
      fault: fault ?? null,
    },
    export: null,
  }
}

async function manifestOf(
  file: string,
): Promise<{ readonly manifest: ExportManifest; readonly intact: boolean }> {
  let manifest: ExportManifest | undefined
  let intact = false
  for await (const part of exportParts(file))
    if (part.kind === 'manifest') manifest = part.manifest
    else if (part.kind === 'end') intact = part.intact
  if (manifest !== undefined) return { manifest, intact }
  throw new OpportuneError('audit_export_invalid', `'${file}' has no manifest.`)
}

async function* recordsIn(file: string): AsyncGenerator<StoredRecord> {
  for await (const part of exportParts(file)) if (part.kind === 'record') yield part.record
}

async function* exportParts(file: string): ReturnType<typeof readExport> {
  try {
    yield* readExport(file)
  } catch (error) {
    if (error instanceof OpportuneError) throw error
    throw new OpportuneError('audit_copy_unreadable', `'${file}' cannot be read.`, {}, error)
  }
}

/** All seals of the log, the first one first. */
export async function ownSeals(log: ReadOnlyLog): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const value of readValues(log, SEALS)) lines.push(Buffer.from(value).toString('utf8'))
  return lines
}

function outsideSeals(file: string): readonly string[] {
  try {
    return readSealFile(file)
  } catch (error) {
    throw new OpportuneError('audit_copy_unreadable', `'${file}' cannot be read.`, {}, error)
  }
}

function trustedKeys({ directory, keys }: AuditOptions) {
  return (keys ?? [join(directory, OWN_KEY)]).map((file) => {
    let pem: string
    try {
      pem = readFileSync(file, 'utf8')
    } catch (error) {
      throw new OpportuneError(
        'audit_copy_unreadable',
        `The public key '${file}' cannot be read.`,
        {},
        error,
      )
    }
    return readPublicKey(pem)
  })
}

async function* counted(
  records: AsyncIterable<StoredRecord>,
  onProgress: (records: number) => void = () => {},
): AsyncGenerator<StoredRecord> {
  let count = 0
  for await (const record of records) {
    count++
    if (count % EVERY === 0) onProgress(count)
    yield record
  }
}

export function auditText(result: AuditResult): string {
  const { seals } = result
  const origin = seals.outside
    ? 'from the copy given'
    : result.export === null
      ? 'from the log itself, which shows accidents only'
      : 'from the export itself, signed with a key given'
  const lines = [
    `${result.records} records in ${result.chains.length} chains stand as they were written`,
    ...result.chains.map(({ chain, records, sealedTo }) => {
      const sealed = sealedTo === null ? 'none sealed' : `sealed up to record ${sealedTo}`
      return `  ${chain}: ${records} records, ${sealed}`
    }),
    seals.trusted === 0
      ? 'no trusted seals: a cut or rewritten end would not show'
      : `${seals.trusted} seals ${origin}; the last of ${time(seals.last_at ?? 0)}`,
    ...(seals.fault === null ? [] : [`SEAL ${seals.fault.number}: ${seals.fault.what}`]),
    ...result.faults.map(
      ({ chain, seq, offset, kind, what }) =>
        `FAULT ${chain} record ${seq}${offset === null ? '' : ` (offset ${offset})`}: ${kind}, ${what}`,
    ),
    ...(result.export?.intact === false ? ['DIGEST: the file is not as it was written'] : []),
    result.ok ? 'ok' : 'NOT ok',
  ]
  return `${lines.join('\n')}\n`
}
