/** `opportune bench`: measures; never a test. */
import { type Command, Option } from 'commander'
import { declare, group, type Session, UsageError } from '../command.ts'
import { integer } from '../options.ts'
import { figuresText } from '../render/figures.ts'

interface QueryBenchOptions {
  readonly events: number
  readonly seed: number
  readonly log: 'memory' | 'embedded'
  readonly durability: 'disk' | 'os'
  readonly runs: number
  readonly query?: string
}

interface PipelineOptions {
  readonly customers: number
  readonly events: number
  readonly rate: number
  readonly seed: number
}

const events = (): Option =>
  new Option('--events <number>', 'how many').argParser(integer(1)).default(1_000_000)
const seed = (): Option =>
  new Option('--seed <number>', 'the same seed gives the same events')
    .argParser(integer(0))
    .default(1)
const log = (): Option =>
  new Option('--log <kind>', 'where topics are kept')
    .choices(['memory', 'embedded'])
    .default('memory')

/** Whether there is such a query is asked in `run`: --help should not load the benchmarks. */
const query = (): Option =>
  new Option('--query <name>', 'only this one, such as q5; default: every query')

export function addBench(program: Command, session: Session): void {
  const bench = group(program, 'bench', 'Measure speed and memory on this machine.')
  for (const [suite, summary, own] of [
    ['ysb', 'The Yahoo streaming benchmark: views per campaign and window.', []],
    ['nexmark', 'Queries of the Nexmark benchmark: an auction site.', [query()]],
  ] as const)
    declare<QueryBenchOptions>(bench, session, {
      name: suite,
      summary,
      description:
        'Events per second, CPU, memory, and the ratio to a bare loop of the same run; the hash of the results is compared with that of an oracle. Exit code 1 where it differs.',
      examples: [`./bin/opportune bench ${suite} --events 1000000 --seed 1 --log memory --json`],
      options: [
        ...own,
        events(),
        seed(),
        log(),
        new Option('--durability <kind>', 'of an embedded log: disk, one sync an epoch; or os')
          .choices(['disk', 'os'])
          .default('disk'),
        new Option('--runs <number>', 'measured pairs of engine and bare loop')
          .argParser(integer(1, 100))
          .default(3),
      ],
      async run({ options, progress }) {
        const { benchCommand, queriesOf } = await import('#benchmarks')
        const { query: only, ...rest } = options
        const queries = queriesOf(suite).filter((name) => only === undefined || name === only)
        if (queries.length === 0)
          throw new UsageError(`There is no query '${only}', only ${queriesOf(suite).join(', ')}.`)
        const report = await benchCommand(queries, rest, ({ query, done, of }) =>
          progress({ label: query, done, total: of }),
        )
        const right = report.queries.every((query) => query.hash_ok)
        return { json: report, text: figuresText(report), exitCode: right ? 0 : 1 }
      },
    })
  declare<PipelineOptions>(bench, session, {
    name: 'pipeline',
    summary:
      'The whole path on a generated clickstream: most events per second, then latency at a rate.',
    description: 'Open loop: an event that has to wait counts from when it should have been sent.',
    examples: [
      './bin/opportune bench pipeline --customers 100000 --events 500000 --rate 10000 --json',
    ],
    options: [
      new Option('--customers <number>', 'how many are in state')
        .argParser(integer(1))
        .default(10_000),
      events(),
      new Option('--rate <number>', 'events per second while latency is measured')
        .argParser(integer(1))
        .default(10_000),
      seed(),
    ],
    async run({ options, progress }) {
      const { benchPipeline } = await import('../../bench/pipeline.ts')
      const result = await benchPipeline(options, progress)
      return { json: result, text: figuresText(result) }
    },
  })
}
