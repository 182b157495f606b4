/** `opportune start`: the product, until it is told to stop. */
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { dataOption, dropStateOption, integer, webAddress } from '../options.ts'

interface StartOptions {
  readonly data: string
  readonly port: number
  readonly host: string
  readonly import: boolean
  readonly durability: 'disk' | 'os'
  readonly partitions: number
  readonly clickhouseUrl?: string
  readonly dropState?: readonly string[]
}

export function addStart(program: Command, session: Session): void {
  declare<StartOptions>(program, session, {
    name: 'start',
    summary: 'Start the server: event log, decisions, analytics, HTTP.',
    description:
      'The first start imports a real shop (UCI Online Retail) and clickstream samples, then stays up for live events. Later starts resume where the last one was. Stop it with Ctrl-C; a second Ctrl-C does not wait.',
    examples: [
      './bin/opportune start',
      './bin/opportune start --data /srv/opportune --port 9000 --no-import',
    ],
    options: [
      dataOption(),
      new Option('--port <number>', 'the port for HTTP; 0 takes a free one')
        .argParser(integer(0, 65_535))
        .default(8080),
      new Option('--host <address>', 'the address to listen on').default('127.0.0.1'),
      new Option('--no-import', 'start empty: import neither the shop nor the samples'),
      new Option(
        '--durability <kind>',
        'disk: commits survive a power cut; os: they survive the process',
      )
        .choices(['disk', 'os'])
        .default('disk'),
      new Option(
        '--partitions <number>',
        'partitions of the customer inbox, for a new data directory',
      )
        .argParser(integer(1, 256))
        .default(4),
      new Option(
        '--clickhouse-url <address>',
        'a ClickHouse server instead of the embedded one; user and password from the environment',
      )
        .env('OPPORTUNE_CLICKHOUSE_URL')
        .argParser(webAddress),
      dropStateOption(),
    ],
    async run({ options, io, progress, progressDone, say }) {
      const { startCommand } = await import('../../start/start.ts')
      const { data: directory, port, host, durability, partitions } = options
      const { clickhouseUrl, dropState } = options
      const running = await startCommand(
        {
          directory,
          port,
          host,
          import: options.import,
          durability,
          partitions,
          ...(clickhouseUrl === undefined ? {} : { clickhouseUrl }),
          ...(dropState === undefined ? {} : { dropState }),
        },
        { out: say, progress: { update: progress, done: progressDone } },
      )
      const stops: Promise<void>[] = []
      const off = io.onStopRequest(() => {
        // Leaving at once loses nothing committed: the next start goes on from the last epoch.
        if (stops.length > 0) process.exit(1)
        say('stopping')
        stops.push(running.stop())
      })
      try {
        await running.done
        await Promise.all(stops)
      } finally {
        off()
      }
      return { json: { stopped: true }, text: 'stopped\n' }
    },
  })
}
