/** `opportune chaos`: kills and faults on purpose; what is left must equal an undisturbed run. */
import { type Command, Option } from 'commander'
import { type Call, declare, type Outcome, type Session, UsageError } from '../command.ts'
import { integer } from '../options.ts'
import { figuresText } from '../render/figures.ts'

interface ChaosOptions {
  readonly log?: 'embedded' | 'kafka'
  readonly simulated?: true
  readonly kills: number
  readonly seeds: number
  readonly seed: number
  readonly workers: number
}

export function addChaos(program: Command, session: Session): void {
  declare<ChaosOptions>(program, session, {
    name: 'chaos',
    summary: 'Kill the whole path at seeded moments and compare with an undisturbed run.',
    description:
      '--log embedded: a child process is killed for good at moments drawn from the seed. --log kafka: several processes on a real broker, started for it (Java 17 and Maven are needed): they are killed, frozen, cut off and scaled, and the broker is killed. --simulated: the simulated log with seeded faults, in virtual time. Exit code 1 where anything differs.',
    examples: [
      './bin/opportune chaos --log embedded --kills 200 --seed 1 --json',
      './bin/opportune chaos --log kafka --kills 200 --seed 1 --workers 3 --json',
      './bin/opportune chaos --simulated --seeds 1000 --json',
    ],
    options: [
      new Option('--log <kind>', 'the log to disturb').choices(['embedded', 'kafka']),
      new Option('--simulated', 'the simulated log').conflicts('log'),
      new Option('--kills <number>', 'with --log: how many kills; with kafka, faults of any kind')
        .argParser(integer(1, 100_000))
        .default(20),
      new Option('--seeds <number>', 'with --simulated: how many runs')
        .argParser(integer(1, 10_000_000))
        .default(100),
      new Option('--seed <number>', 'the first seed').argParser(integer(0)).default(1),
      new Option('--workers <number>', 'with --log kafka: the most that run at a time')
        .argParser(integer(2, 16))
        .default(3),
    ],
    run: chaos,
  })
}

async function chaos({ options, progress }: Call<ChaosOptions>): Promise<Outcome> {
  const { log, simulated, kills, seeds, seed, workers } = options
  if (log === undefined && simulated === undefined)
    throw new UsageError('--log embedded, --log kafka or --simulated is missing')
  const run = await import('../../chaos/index.ts')
  const killing = (done: number, total: number): void =>
    progress({ label: 'killing', done, total, unit: log === 'kafka' ? 'faults' : 'kills' })
  const simulating = (done: number, total: number): void =>
    progress({ label: 'simulating', done, total, unit: 'runs' })
  let result: object
  if (simulated) result = await run.chaosSimulated({ seeds, seed }, simulating)
  else if (log === 'embedded') result = await run.chaosEmbedded({ kills, seed }, killing)
  else {
    const reason = await run.noKafkaHere()
    if (reason !== undefined) throw new UsageError(`--log kafka needs a broker to kill: ${reason}`)
    result = await run.chaosKafka({ kills, seed, workers }, killing)
  }
  return { json: result, text: figuresText(result), exitCode: differs(result) ? 1 : 0 }
}

const MUST_BE_ZERO = ['lost', 'duplicated', 'state_mismatches', 'analytics_mismatches', 'failures']

const differs = (result: object): boolean =>
  Object.entries(result).some(
    ([name, of]) => MUST_BE_ZERO.includes(name) && (Array.isArray(of) ? of.length > 0 : of !== 0),
  )
