/** `opportune restore`: a new data directory from a savepoint, on any number of partitions. */
import { type Command, Option } from 'commander'
import type { Restored } from '../../savepoint/index.ts'
import { declare, type Session } from '../command.ts'
import { integer } from '../options.ts'
import { printable } from '../text.ts'
import { packageVersion } from '../version.ts'

interface RestoreOptions {
  readonly into: string
  readonly partitions: number
  readonly from?: string
}

export function addRestore(program: Command, session: Session): void {
  declare<RestoreOptions>(program, session, {
    name: 'restore',
    arguments: [['<savepoint>', 'the file that `savepoint` wrote']],
    summary: 'Make a new data directory from a savepoint, on any number of partitions.',
    description:
      'Customers, timers, definitions, models, credentials and calls not yet processed go along. What was written (decisions, analytics, seals) stays in the old directory, and what it decided after the savepoint is decided again. Stop the old server first; it is not changed.',
    examples: [
      './bin/opportune restore data/savepoints/monday.savepoint --into data-8 --partitions 8',
      './bin/opportune restore monday.savepoint --from data --into data-8 --partitions 8 --json',
    ],
    options: [
      new Option('--into <dir>', 'the new data directory').makeOptionMandatory(),
      new Option('--partitions <number>', 'partitions of the customer inbox from now on')
        .argParser(integer(1, 256))
        .makeOptionMandatory(),
      new Option('--from <dir>', 'the data directory it was taken of; else the one it lies in'),
    ],
    async run({ options, args, progress }) {
      const { restoreSavepoint } = await import('../../savepoint/index.ts')
      progress({ label: 'restoring the savepoint', done: 0, total: 0 })
      const restored = await restoreSavepoint({
        savepoint: args[0] ?? '',
        into: options.into,
        partitions: options.partitions,
        from: options.from ?? null,
        build: packageVersion(),
      })
      return { json: restored, text: textOf(restored) }
    },
  })
}

function textOf(restored: Restored): string {
  const { into, from, partitions, entries, carried, stages } = restored
  const moved = stages
    .filter((stage) => stage.partitions !== stage.partitions_before)
    .map((s) => `  ${s.stage}: ${s.partitions_before} -> ${s.partitions} partitions\n`)
  return [
    `${printable(into)}: ${entries} state values, ${carried} calls and controls not yet processed\n`,
    ...moved,
    `${printable(from)} keeps what was written so far; its chain of decisions ends there.\n`,
    `Next: ./bin/opportune start --data ${printable(into)} --partitions ${partitions}\n`,
  ].join('')
}
