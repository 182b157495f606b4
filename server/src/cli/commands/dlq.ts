/** `opportune dlq`: records that were refused, and their way back. */
import { type Command, Option } from 'commander'
import type { DeadLetter } from '../../http/views.ts'
import type { Backend } from '../backend/port.ts'
import { declare, group, type Session, UsageError } from '../command.ts'
import { type DataOptions, integer, sourceOptions } from '../options.ts'
import { table, time } from '../text.ts'

interface ListOptions extends DataOptions {
  readonly code?: string
  readonly limit: number
}

interface RedriveOptions extends DataOptions {
  readonly id?: readonly string[]
  readonly code?: string
  readonly limit: number
}

/** What the API gives on one page. */
const PAGE = 500

export function addDlq(program: Command, session: Session): void {
  const dlq = group(program, 'dlq', 'Records that were refused: list them, send them again.')
  declare<ListOptions>(dlq, session, {
    name: 'list',
    summary: 'List dead letters, newest first, with the reason for each.',
    description: 'With --json each has its original bytes (base64), which may be personal data.',
    examples: [
      './bin/opportune dlq list',
      './bin/opportune dlq list --code invalid_json --limit 10 --json',
    ],
    options: [
      new Option('--code <code>', 'only those refused for this reason'),
      new Option('--limit <number>', 'how many').argParser(integer(1, 100_000)).default(20),
      ...sourceOptions(),
    ],
    async run({ options, io }) {
      const { withBackend } = await import('../backend/open.ts')
      const { limit, code = null } = options
      const found = await withBackend(options, io, (b) => firstLetters(b, limit, code))
      return { json: { dead_letters: found }, text: lettersText(found) }
    },
  })
  declare<RedriveOptions>(dlq, session, {
    name: 'redrive',
    summary: 'Send dead letters through the router again, after their cause was mended.',
    description:
      'What is refused again becomes a dead letter again; what was counted before is not counted twice.',
    examples: [
      './bin/opportune dlq redrive --id 0-17 0-21',
      './bin/opportune dlq redrive --code operator_failed',
    ],
    options: [
      new Option('--id <id...>', 'these').conflicts('code'),
      new Option('--code <code>', 'the latest of this code'),
      new Option('--limit <number>', 'with --code: how many at most')
        .argParser(integer(1, 10_000))
        .default(10_000),
      ...sourceOptions(),
    ],
    async run({ options, io }) {
      const { id: ids, code, limit } = options
      if (ids === undefined && code === undefined) throw new UsageError('--id or --code is missing')
      const { withBackend } = await import('../backend/open.ts')
      const what = ids === undefined ? { code: code ?? '', limit } : { ids }
      const result = await withBackend(options, io, (backend) => backend.redrive(what))
      const { redriven, unknown } = result
      const none = unknown.map((one) => `no dead letter, or none that is an event: ${one}\n`)
      // Naming what is not there is bad input, though the others were sent.
      return {
        json: result,
        text: `${redriven} sent again\n${none.join('')}`,
        exitCode: unknown.length > 0 ? 1 : 0,
      }
    },
  })
}

async function firstLetters(
  backend: Backend,
  limit: number,
  code: string | null,
): Promise<readonly DeadLetter[]> {
  const found: DeadLetter[] = []
  for (let cursor: string | null = null; ; ) {
    const page = await backend.deadLetters({
      limit: Math.min(PAGE, limit - found.length),
      cursor,
      code,
    })
    found.push(...page.dead_letters)
    cursor = page.next_cursor
    if (cursor === null || found.length >= limit) return found
  }
}

function lettersText(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'no dead letters\n'
  const names = ['id', 'time', 'code', 'detail', 'from', 'bytes']
  return table(
    names.map((name) => ({
      name,
      right: name === 'bytes',
      ...(name === 'detail' ? { most: 60 } : {}),
    })),
    letters.map(({ id, at, code, detail, source, size }) => [
      id,
      time(at),
      code,
      detail,
      `${source.topic}/${source.partition}@${source.offset}`,
      String(size),
    ]),
  )
}
