/** `opportune apply`: definitions checked, then put in force as a whole, or refused as a whole. */
import { type Command, Option } from 'commander'
import type { DefinitionProblem } from '../../http/views.ts'
import { declare, type Outcome, type Session } from '../command.ts'
import { DetailedError } from '../failure.ts'
import { type DataOptions, sourceOptions } from '../options.ts'
import { printable } from '../text.ts'

interface ApplyOptions extends DataOptions {
  readonly dryRun?: true
}

export function addApply(program: Command, session: Session): void {
  declare<ApplyOptions>(program, session, {
    name: 'apply',
    arguments: [['<dir>', 'a directory of YAML files']],
    summary: 'Put definitions in force: triggers, campaigns, caps, quiet hours, channels.',
    description:
      'All of the directory or nothing of it: a wrong definition is named with file, line, path and reason, and those in force stay.',
    examples: [
      './bin/opportune apply examples/shop',
      './bin/opportune apply examples/shop --dry-run',
    ],
    options: [new Option('--dry-run', 'only check them'), ...sourceOptions()],
    async run({ options, args: [directory = '.'], io }) {
      const { definitionFiles } = await import('../../app/activate.ts')
      const files = definitionFiles(directory)
      if (options.dryRun) return check(files)
      const { withBackend } = await import('../backend/open.ts')
      const answer = await withBackend(options, io, (backend) => backend.applyDefinitions(files))
      if (!answer.ok) throw await refused(answer.problems)
      const { version, changed } = answer
      const done = changed ? 'is in force from the next record on' : 'was in force already'
      return { json: { version, changed }, text: `definition set ${version} ${done}\n` }
    },
  })
}

async function check(
  files: readonly { readonly path: string; readonly text: string }[],
): Promise<Outcome> {
  const { readApplied } = await import('../../app/activate.ts')
  const read = readApplied(files)
  if (!read.ok) throw await refused(read.problems)
  const { version } = read.set
  return {
    json: { version, checked: files.length },
    text: `${files.length} files are right; they make the set ${version}\n`,
  }
}

async function refused(problems: readonly DefinitionProblem[]): Promise<DetailedError> {
  const { OpportuneError } = await import('#engine')
  const count =
    problems.length === 1 ? 'There is 1 problem.' : `There are ${problems.length} problems.`
  return new DetailedError(
    new OpportuneError('definitions_refused', count),
    { problems },
    problems.map(({ file, line, path, reason }) =>
      printable(`${file}:${line}${path === '' ? '' : ` ${path}`}: ${reason}`),
    ),
  )
}
