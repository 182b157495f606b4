/** `opportune query`: SQL that reads, on the analytics tables; printed, or put into a file. */
import { type Command, Option } from 'commander'
import { type Call, declare, type Outcome, type Session, UsageError } from '../command.ts'
import { type DataOptions, integer, pair, sourceOptions } from '../options.ts'
import { ROW_FORMATS, type RowFormat, rowsText } from '../render/rows.ts'
import { printable, table } from '../text.ts'

interface QueryOptions extends DataOptions {
  readonly param?: Readonly<Record<string, string>>
  readonly format: RowFormat | 'arrow'
  readonly out?: string
  readonly maxRows: number
}

export function addQuery(program: Command, session: Session): void {
  declare<QueryOptions>(program, session, {
    name: 'query',
    arguments: [['<sql>', 'one statement that reads']],
    summary: 'Ask ClickHouse: events, sessions, profiles, decisions, verdicts.',
    description:
      "With --format arrow --out FILE the answer becomes an Arrow file with ClickHouse's own types, which pandas, polars, DuckDB and R read as it is. It is the whole answer: one with more rows than a query may return is refused, not cut.",
    examples: [
      './bin/opportune query "select action, count() from decisions group by action"',
      './bin/opportune query "select * from decisions where customer_id = {who:String}" --param who=u:13089 --format csv',
      './bin/opportune query "select * from profiles" --format arrow --out profiles.arrow',
    ],
    options: [
      new Option(
        '--param <name=value>',
        'a value for {name:Type} in the SQL; may be repeated',
      ).argParser(pair),
      new Option('--format <name>', 'the form of the rows')
        .choices([...ROW_FORMATS, 'arrow'])
        .default('table'),
      new Option('--out <file>', 'put them into this file, which is replaced as a whole'),
      new Option('--max-rows <number>', 'the most rows; not for arrow')
        .argParser(integer(1, 10_000))
        .default(1_000),
      ...sourceOptions(),
    ],
    run: (call) => (call.options.format === 'arrow' ? intoArrow(call) : intoRows(call)),
  })
}

async function intoRows(call: Call<QueryOptions>): Promise<Outcome> {
  const { options, io, progress } = call
  const [sql = ''] = call.args
  const { withBackend } = await import('../backend/open.ts')
  progress({ label: 'asking ClickHouse', done: 0, total: 0 })
  const { param: params = {}, maxRows, format, out } = options
  const result = await withBackend(options, io, (b) => b.query({ sql, params, maxRows }))
  const text = rowsText(result, format === 'arrow' ? 'table' : format)
  if (out === undefined) return { json: result, text }
  const { replaceFile } = await import('../replace-file.ts')
  await replaceFile(out, Buffer.from(text))
  const { columns, rows, truncated } = result
  const more = truncated ? ', and there are more (--max-rows)' : ''
  return {
    json: { file: out, rows: rows.length, truncated, columns },
    text: `${printable(out)}: ${rows.length} rows${more}\n`,
  }
}

async function intoArrow(call: Call<QueryOptions>): Promise<Outcome> {
  const { options, io, progress } = call
  const [sql = ''] = call.args
  const { param: params = {}, out } = options
  if (out === undefined) throw new UsageError('--format arrow goes with --out FILE')
  const { withBackend } = await import('../backend/open.ts')
  progress({ label: 'asking ClickHouse', done: 0, total: 0 })
  const file = await withBackend(options, io, (b) => b.queryArrow({ sql, params }))
  const { arrowSummary } = await import('../render/arrow.ts')
  // Read before it is kept: what came over a network may have been cut.
  const { rows, columns } = arrowSummary(file)
  const { replaceFile } = await import('../replace-file.ts')
  await replaceFile(out, file)
  const names = table(
    [{ name: 'column' }, { name: 'type' }],
    columns.map(({ name, type }) => [name, type]),
  )
  return {
    json: { file: out, bytes: file.length, rows, columns },
    text: `${names}${printable(out)}: ${rows} rows, ${file.length} bytes\n`,
  }
}
