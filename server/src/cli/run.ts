/** Runs one command line from its words to its exit code. Never throws. */
import { CommanderError } from 'commander'
import { createProgram } from '../program.ts'
import { Session } from './command.ts'
import { failureJson, failureOf, failureText } from './failure.ts'
import type { CliIo } from './io.ts'

/** @param words without node and the script */
export async function runCli(words: readonly string[], io: CliIo): Promise<0 | 1 | 2> {
  const session = new Session(io)
  try {
    await createProgram(session).parseAsync([...words], { from: 'user' })
    return session.exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    // Without a command commander has written the help already.
    if (error instanceof CommanderError && error.code === 'commander.help') return 2
    const failure = await failureOf(error)
    io.err.write(words.includes('--json') ? failureJson(failure) : failureText(failure, error))
    if (words.includes('--debug') && error instanceof Error) io.err.write(`${stackOf(error)}\n`)
    return failure.exitCode
  }
}

function stackOf(error: Error): string {
  const stacks: string[] = []
  for (let e: unknown = error; e instanceof Error && stacks.length < 8; e = e.cause)
    stacks.push(e.stack ?? e.message)
  return stacks.join('\ncaused by ')
}
