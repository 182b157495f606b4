/** `opportune start`: the product, until it is told to stop. */
import { type Command, Option } from 'commander'
import { type Call, declare, type Session } from '../command.ts'
import { dataOption, dropStateOption, integer, webAddress } from '../options.ts'
import { type KafkaCliOptions, kafkaOptions } from './kafka-options.ts'

interface StartOptions extends KafkaCliOptions {
  readonly log: 'embedded' | 'kafka'
  readonly data: string
  readonly shared?: string
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
      './bin/opportune start --log kafka --brokers kafka-1:9092,kafka-2:9092',
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
      new Option('--log <kind>', 'the event log: in the data directory, or on Kafka')
        .choices(['embedded', 'kafka'])
        .env('OPPORTUNE_LOG')
        .default('embedded'),
      ...kafkaOptions(),
      new Option(
        '--shared <dir>',
        'where keys, seals and outbox lie, for a worker of run',
      ).hideHelp(),
    ],
    async run(call) {
      const { io, say, options } = call
      const running = options.log === 'kafka' ? await onKafka(call) : await embedded(call)
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

/** How long a worker whose supervisor is gone may take to stop. */
const ORPHAN_MS = 30_000

interface Running {
  readonly done: Promise<void>
  stop(): Promise<void>
}

async function embedded({
  options,
  say,
  progress,
  progressDone,
}: Call<StartOptions>): Promise<Running> {
  const { startCommand } = await import('../../start/start.ts')
  const { data: directory, port, host, durability, partitions } = options
  const { clickhouseUrl, dropState } = options
  return startCommand(
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
}

async function onKafka({ options, say, io }: Call<StartOptions>): Promise<Running> {
  const { kafkaSettings } = await import('../../cluster/kafka-settings.ts')
  const { startNode } = await import('../../cluster/node.ts')
  const { data: directory, port, host, partitions, duties, shared = directory } = options
  const running = await startNode(
    {
      directory,
      shared,
      log: kafkaSettings(options, io.env),
      port,
      host,
      partitions,
      duties,
      clickhouseUrl: options.clickhouseUrl,
      dropState: options.dropState,
    },
    say,
  )
  // A supervisor waits for it; and without one, another would soon start a worker of this name.
  void running.ready.then(() => process.send?.('ready'))
  process.once('disconnect', () => {
    void running.stop()
    // Without a broker stopping takes as long as that is away; nothing committed is lost by leaving.
    setTimeout(() => process.exit(1), ORPHAN_MS).unref()
  })
  return running
}
