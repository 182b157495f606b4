/**
 * What is said when a command fails, and with which exit code:
 *
 *   2  bad input or usage: a word on the command line, or an error of the class `input`
 *   1  everything else
 *
 * Errors of ours are `code: what remedy`. Stacks are for --debug alone: they help whoever mends the
 * program, not whoever runs it.
 */
import { CommanderError } from 'commander'
import type { OpportuneError } from '#engine'
import { UsageError } from './command.ts'

export interface Failure {
  readonly exitCode: 1 | 2
  /** Stable; `internal` for what we do not know. */
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly remedy: string
  /** Small facts; for a refused set of definitions its `problems`. */
  readonly more: Readonly<Record<string, unknown>>
}

/** An error that has more to say than small facts: a list of problems. */
export class DetailedError extends Error {
  override readonly name = 'DetailedError'
  override readonly cause: OpportuneError
  readonly more: Readonly<Record<string, unknown>>
  /** The same for people, a line each. */
  readonly lines: readonly string[]

  constructor(
    cause: OpportuneError,
    more: Readonly<Record<string, unknown>>,
    lines: readonly string[],
  ) {
    super(cause.message)
    this.cause = cause
    this.more = more
    this.lines = lines
  }
}

export async function failureOf(error: unknown): Promise<Failure> {
  // Only now: most runs of the command line do not fail, and --help should not load the engine.
  const engine = await import('#engine').catch(() => null)
  // An installation without LMDB's binary: the first error says so, and `doctor` how to mend it.
  if (engine === null) return unknownFailure(error)
  const { ERRORS, findError, OpportuneError } = engine
  const known =
    error instanceof CommanderError || error instanceof UsageError
      ? new OpportuneError('cli_usage', sentence(error.message))
      : findError(error)
  if (known === undefined) return unknownFailure(error)
  const { means, remedy } = ERRORS[known.code]
  const said = known.message.slice(known.code.length + 2)
  return {
    exitCode: known.class === 'input' ? 2 : 1,
    code: known.code,
    title: means,
    detail: said.endsWith(remedy) ? said.slice(0, -remedy.length).trimEnd() : said,
    remedy,
    more: error instanceof DetailedError ? error.more : known.details,
  }
}

/** What the system refuses (no such file, no right to write) has a code and a sentence of its own. */
function unknownFailure(error: unknown): Failure {
  const system = error instanceof Error && 'syscall' in error && 'code' in error
  const detail = error instanceof Error ? error.message : String(error)
  return {
    exitCode: 1,
    code: system ? String(error.code) : 'internal',
    title: system ? 'The system refused.' : 'Something happened that was not foreseen.',
    detail: sentence(detail),
    remedy: system
      ? 'Mend the cause and run the same command again.'
      : 'See ./bin/opportune doctor; if that finds nothing, run it with --debug and report it.',
    more: {},
  }
}

const sentence = (text: string): string => {
  const plain = text
    .replace(/^error: /, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return /[.!?)]$/.test(plain) ? plain : `${plain}.`
}

export function failureText(failure: Failure, error: unknown): string {
  const lines = error instanceof DetailedError ? error.lines : []
  return [`${failure.code}: ${failure.detail} ${failure.remedy}`, ...lines, ''].join('\n')
}

/** In the shape of the API's problems (RFC 9457), on one line. */
export const failureJson = (failure: Failure): string =>
  `${JSON.stringify({
    type: `/docs/errors.md#${failure.code}`,
    title: failure.title,
    detail: failure.detail,
    code: failure.code,
    remedy: failure.remedy,
    ...failure.more,
  })}\n`
