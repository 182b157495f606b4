/** `opportune audit`: whether every decision stands as it was written; copies that prove it elsewhere. */
import { type Command, Option } from 'commander'
import { declare, group, type Session } from '../command.ts'
import { dataOption, instant } from '../options.ts'

interface VerifyOptions {
  readonly data: string
  readonly seals?: string
  readonly key?: readonly string[]
  readonly file?: string
}

interface ExportOptions {
  readonly data: string
  readonly out: string
  readonly from?: number
  readonly to?: number
}

export function addAudit(program: Command, session: Session): void {
  const audit = group(program, 'audit', 'The proof of what was decided.')
  declare<VerifyOptions>(audit, session, {
    name: 'verify',
    summary: 'Check the chains of decisions and their seals; name the first bad record.',
    description:
      "Reads the data directory itself, beside a running server. The proof is as good as the copy of the seals: --seals and --key should come from a place that the operator of the log cannot write to. Without them the directory's own are used, which shows accidents only.",
    examples: [
      './bin/opportune audit verify',
      './bin/opportune audit verify --seals /mnt/elsewhere/seals.ndjson --key /mnt/elsewhere/audit.pub',
      './bin/opportune audit verify --file november.audit --key audit.pub',
    ],
    options: [
      dataOption(),
      new Option('--seals <file>', 'a copy of the seals, one a line'),
      new Option('--key <file...>', 'public keys that are trusted (PEM)'),
      new Option('--file <export>', "verify this export instead of the directory's log"),
    ],
    async run({ options, progress }) {
      const { verifyAudit, auditText } = await import('../audit.ts')
      const { data: directory, seals, key: keys, file } = options
      const result = await verifyAudit({
        directory,
        ...(seals === undefined ? {} : { seals }),
        ...(keys === undefined ? {} : { keys }),
        ...(file === undefined ? {} : { file }),
        onProgress: (done) => progress({ label: 'verifying', done, total: 0, unit: 'records' }),
      })
      return { json: result, text: auditText(result), exitCode: result.ok ? 0 : 1 }
    },
  })
  declare<ExportOptions>(audit, session, {
    name: 'export',
    summary: 'Copy decisions, byte for byte, with the seals that prove them, into one file.',
    description:
      'Reads the data directory itself, beside a running server. A range is widened to the seals around it, between which nothing can be left out unnoticed. The file holds personal data and is readable by its owner alone; whoever gets it needs only the public key to verify it.',
    examples: [
      './bin/opportune audit export --out november.audit --from 2026-11-01 --to 2026-12-01',
      './bin/opportune audit export --out /mnt/archive --json',
    ],
    options: [
      dataOption(),
      new Option(
        '--out <place>',
        'a new file, or a directory for one named after the time',
      ).makeOptionMandatory(),
      new Option('--from <time>', 'decisions of this time and later').argParser(instant),
      new Option('--to <time>', 'decisions before this time').argParser(instant),
    ],
    async run({ options, io, progress }) {
      const { exportAudit, exportText } = await import('../audit-export.ts')
      const { data: directory, out, from, to } = options
      const now = io.now()
      const result = await exportAudit({
        directory,
        out,
        now,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        onProgress: (done) => progress({ label: 'exporting', done, total: 0, unit: 'records' }),
      })
      return { json: result, text: exportText(result, now) }
    },
  })
}
