/** `opportune audit verify`: whether every decision stands as it was written. */
import { type Command, Option } from 'commander'
import { declare, group, type Session } from '../command.ts'
import { dataOption } from '../options.ts'

interface VerifyOptions {
  readonly data: string
  readonly seals?: string
  readonly key?: readonly string[]
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
    ],
    options: [
      dataOption(),
      new Option('--seals <file>', 'a copy of the seals, one a line'),
      new Option('--key <file...>', 'public keys that are trusted (PEM)'),
    ],
    async run({ options, progress }) {
      const { verifyAudit, auditText } = await import('../audit.ts')
      const { data: directory, seals, key: keys } = options
      const result = await verifyAudit({
        directory,
        ...(seals === undefined ? {} : { seals }),
        ...(keys === undefined ? {} : { keys }),
        onProgress: (done) => progress({ label: 'verifying', done, total: 0, unit: 'records' }),
      })
      return { json: result, text: auditText(result), exitCode: result.ok ? 0 : 1 }
    },
  })
}
