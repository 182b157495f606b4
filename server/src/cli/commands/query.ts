/** `opportune query`: SQL that reads, on the analytics tables. */
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { type DataOptions, integer, pair, sourceOptions } from '../options.ts'
import { ROW_FORMATS, type RowFormat, rowsText } from '../render/rows.ts'

interface QueryOptions extends DataOptions {
  readonly param?: Readonly<Record<string, string>>
  readonly format: RowFormat
  readonly maxRows: number
}

export function addQuery(program: Command, session: Session): void {
  declare<QueryOptions>(program, session, {
    name: 'query',
    arguments: [['<sql>', 'one statement that reads']],
    summary: 'Ask ClickHouse: events, sessions, profiles, decisions, verdicts.',
    examples: [
      './bin/opportune query "select action, count() from decisions group by action"',
      './bin/opportune query "select * from decisions where customer_id = {who:String}" --param who=u:13089 --format csv',
    ],
    options: [
      new Option(
        '--param <name=value>',
        'a value for {name:Type} in the SQL; may be repeated',
      ).argParser(pair),
      new Option('--format <name>', 'how to print rows').choices(ROW_FORMATS).default('table'),
      new Option('--max-rows <number>', 'the most rows to print')
        .argParser(integer(1, 10_000))
        .default(1_000),
      ...sourceOptions(),
    ],
    async run({ options, args: [sql = ''], io, progress }) {
      const { withBackend } = await import('../backend/open.ts')
      progress({ label: 'asking ClickHouse', done: 0, total: 0 })
      const { param: params = {}, maxRows, format } = options
      const result = await withBackend(options, io, (b) => b.query({ sql, params, maxRows }))
      return { json: result, text: rowsText(result, format) }
    },
  })
}
