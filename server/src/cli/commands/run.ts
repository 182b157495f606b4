/** `opportune run`: several processes of this machine on one log on Kafka, until they are told to stop. */
import { hostname } from 'node:os'
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { dataOption, integer, webAddress } from '../options.ts'
import { type KafkaCliOptions, kafkaOptions } from './kafka-options.ts'

interface RunOptions extends KafkaCliOptions {
  readonly log: 'kafka'
  readonly workers: number
  readonly data: string
  readonly port: number
  readonly host: string
  readonly partitions: number
  readonly clickhouseUrl?: string
}

export function addRun(program: Command, session: Session): void {
  declare<RunOptions>(program, session, {
    name: 'run',
    summary: 'Run several workers of this machine on one log on Kafka.',
    description:
      'Each worker is a process with an instance name, a state and an HTTP port of its own; one that dies is started again. The same command on further machines adds theirs (docs/running-on-kafka.md). SIGHUP replaces the workers one after the other.',
    examples: [
      './bin/opportune run --log kafka --brokers localhost:9092 --workers 3',
      './bin/opportune run --brokers kafka-1:9092 --workers 2 --instance west --no-duties',
    ],
    options: [
      new Option('--workers <number>', 'processes on this machine')
        .argParser(integer(1, 64))
        .default(2),
      new Option('--log <kind>', 'the event log').choices(['kafka']).default('kafka'),
      dataOption(),
      new Option(
        '--port <number>',
        'the first worker\u2019s port for HTTP, the others follow; 0: free ones',
      )
        .argParser(integer(0, 65_000))
        .default(8080),
      new Option('--host <address>', 'the address to listen on').default('127.0.0.1'),
      // Kafka shares out the partitions of all topics by number, whatever they hold: of few, one
      // worker may get all that matter.
      new Option('--partitions <number>', 'partitions of the customer inbox, for a new log')
        .argParser(integer(1, 256))
        .default(12),
      new Option('--clickhouse-url <address>', 'a ClickHouse server instead of the embedded one')
        .env('OPPORTUNE_CLICKHOUSE_URL')
        .argParser(webAddress),
      ...kafkaOptions(),
    ],
    async run({ options, io, say }) {
      const { kafkaSettings } = await import('../../cluster/kafka-settings.ts')
      const { Supervisor } = await import('../../cluster/supervisor.ts')
      const { workers, data: directory, port, duties, instance = hostname() } = options
      // Wrong settings are told once, and not by each worker.
      kafkaSettings({ ...options, instance }, io.env)
      const supervisor = new Supervisor({
        workers,
        directory,
        instance,
        port,
        duties,
        args: argsOf(options),
        out: say,
      })
      const stops: Promise<void>[] = []
      const off = io.onStopRequest(() => {
        if (stops.length > 0) process.exit(1)
        say('stopping')
        stops.push(supervisor.stop())
      })
      const roll = (): void => void supervisor.roll()
      process.on('SIGHUP', roll)
      try {
        supervisor.start()
        await supervisor.done
        await Promise.all(stops)
      } finally {
        process.off('SIGHUP', roll)
        off()
      }
      return { json: { stopped: true }, text: 'stopped\n' }
    },
  })
}

function argsOf(options: RunOptions): readonly string[] {
  const given: readonly (readonly [string, string | undefined])[] = [
    ['--host', options.host],
    ['--partitions', String(options.partitions)],
    ['--brokers', options.brokers],
    ['--prefix', options.prefix],
    ['--events-topic', options.eventsTopic],
    ['--clickhouse-url', options.clickhouseUrl],
  ]
  return given.flatMap(([name, value]) => (value === undefined ? [] : [name, value]))
}
