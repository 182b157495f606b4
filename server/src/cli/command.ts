/**
 * How every command is declared, so that all of them look and end alike: a description, an example
 * in its help, `--json`, and a handler that returns what is to be said instead of saying it.
 *
 * Nothing here may import a layer: declarations are loaded for `--help` and `--version`, handlers
 * import what they need when they run.
 */
import { Argument, Command, Option } from 'commander'
import type { CliIo } from './io.ts'
import { Progress, type ProgressState } from './progress.ts'

export interface Outcome {
  /** The result for machines: one line of JSON. */
  readonly json: unknown
  /** The same for people; lines ending in a line feed, or nothing. */
  readonly text: string
  /** 1: the command ran, and its finding is bad. */
  readonly exitCode?: 0 | 1
}

/** One run of the command line. */
export class Session {
  readonly io: CliIo
  exitCode: 0 | 1 = 0

  constructor(io: CliIo) {
    this.io = io
  }
}

/** What a handler gets. */
export interface Call<O> {
  readonly io: CliIo
  readonly options: O
  /** The command's arguments, checked by their declaration. */
  readonly args: readonly string[]
  readonly json: boolean
  /** Shown on a terminal once it has taken 2 s; taken away when the handler ends. */
  readonly progress: (state: ProgressState) => void
  /** Takes the bar away, where the command goes on without one. */
  readonly progressDone: () => void
  /** A line for people, while the command goes on; with --json it goes nowhere. */
  readonly say: (line: string) => void
}

export interface CommandSpec<O> {
  /** As typed: `dlq list` stands under its parent as `list`. */
  readonly name: string
  /** In commander's words: `<file>` is required, `[id]` is not. */
  readonly arguments?: readonly (readonly [syntax: string, description: string])[]
  readonly summary: string
  /** More than the summary, where there is more to know before running it. */
  readonly description?: string
  /** Whole command lines. */
  readonly examples: readonly string[]
  readonly options?: readonly Option[]
  readonly run: (call: Call<O>) => Promise<Outcome>
}

/** Marks what a person typed wrongly beyond what a declaration can say; ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Adds a command to its parent. */
export function declare<O>(parent: Command, session: Session, spec: CommandSpec<O>): void {
  const command = parent
    .command(spec.name)
    .summary(spec.summary)
    .description([spec.summary, spec.description ?? []].flat().join('\n\n'))
  for (const [syntax, description] of spec.arguments ?? [])
    command.addArgument(new Argument(syntax, description))
  for (const option of spec.options ?? []) command.addOption(option)
  command
    .addOption(new Option('--json', 'print the result as one line of JSON'))
    .addOption(new Option('--debug', 'print stacks of errors').hideHelp())
    .addHelpText('after', examplesOf(spec.examples))
    .action(() => runCommand(command, session, spec))
}

/** A command that only has commands of its own. */
export function group(parent: Command, name: string, summary: string): Command {
  return parent.command(name).summary(summary).description(summary)
}

export const examplesOf = (examples: readonly string[]): string =>
  `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`

async function runCommand<O>(
  command: Command,
  session: Session,
  spec: CommandSpec<O>,
): Promise<void> {
  const { io } = session
  const options = command.opts<O & { readonly json?: boolean }>()
  const json = options.json === true
  const progress = new Progress(io.err, io.monotonic)
  const call: Call<O> = {
    io,
    options,
    args: command.processedArgs.filter((arg) => typeof arg === 'string'),
    json,
    progress: (state) => progress.update(state),
    progressDone: () => progress.end(),
    say(line) {
      if (json) return
      progress.clear()
      io.out.write(`${line}\n`)
    },
  }
  try {
    const outcome = await spec.run(call)
    progress.end()
    io.out.write(json ? `${JSON.stringify(outcome.json)}\n` : outcome.text)
    session.exitCode = outcome.exitCode ?? 0
  } finally {
    progress.end()
  }
}
