/** `opportune savepoint`: all state and positions in one file. */
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { type DataOptions, sourceOptions } from '../options.ts'
import { printable, time } from '../text.ts'

interface SavepointOptions extends DataOptions {
  readonly out?: string
}

export function addSavepoint(program: Command, session: Session): void {
  declare<SavepointOptions>(program, session, {
    name: 'savepoint',
    summary: 'Write all state and positions into one file.',
    description:
      'A running server goes on meanwhile. Start from it elsewhere, on another number of partitions, or verify with `replay --from`.',
    examples: ['./bin/opportune savepoint', './bin/opportune savepoint --out monday.savepoint'],
    options: [
      new Option('--out <file>', 'where it goes; else into the data directory'),
      ...sourceOptions(),
    ],
    async run({ options, io, progress }) {
      const { withBackend } = await import('../backend/open.ts')
      progress({ label: 'writing the savepoint', done: 0, total: 0 })
      const made = await withBackend(options, io, (b) => b.savepoint(options.out ?? null))
      return { json: made, text: `${printable(made.path)} (${made.id}, taken ${time(made.at)})\n` }
    },
  })
}
