/** `opportune replay`: a file through an engine of its own, or a recorded run once more. */
import { type Command, Option } from 'commander'
import type { ImportFormat } from '../../imports/index.ts'
import { type Call, declare, type Outcome, type Session, UsageError } from '../command.ts'
import { DEFAULT_DATA, dropStateOption, instant, integer } from '../options.ts'
import { replayText } from '../render/summary.ts'
import { isExact, verificationText } from '../render/verification.ts'

interface ReplayOptions {
  readonly format?: ImportFormat
  readonly partitions?: number
  readonly batch?: number
  readonly data?: string
  readonly liveFrom?: number
  readonly definitions?: string
  /** false: --no-model */
  readonly model?: string | false
  readonly from?: string
  readonly verify?: true
  readonly dropState?: readonly string[]
}

/** Not the list of the imports: that would load them for --help. A test compares the two. */
export const FORMATS = ['online-retail', 'rees46', 'diginetica', 'ndjson'] as const

export function addReplay(program: Command, session: Session): void {
  declare<ReplayOptions>(program, session, {
    name: 'replay',
    arguments: [['[file]', 'the events, plain or gzip']],
    summary: 'Run a file through a fresh engine, or verify a recorded run.',
    description:
      'With FILE: counts, and a hash of everything decided that is the same for any batch size, number of partitions, or interruption.\nWith --from SAVEPOINT --verify: runs what a data directory recorded since then again and compares byte for byte.',
    examples: [
      './bin/opportune replay events.ndjson --format ndjson --json',
      './bin/opportune replay shop.csv.gz --format online-retail --live-from 2011-11-01 --partitions 8',
      './bin/opportune replay --from monday.savepoint --verify',
    ],
    options: [
      new Option('--format <name>', 'the format of FILE').choices(FORMATS),
      new Option('--partitions <number>', 'partitions of the customer inbox').argParser(
        integer(1, 256),
      ),
      new Option('--batch <number>', 'records in a slice and in an append').argParser(
        integer(1, 1_000_000),
      ),
      new Option(
        '--data <dir>',
        "keep the engine's data here, and go on there after an interruption; with --verify: the directory that was recorded",
      ),
      new Option(
        '--live-from <time>',
        'records before this event time are history: they change state and propose nothing',
      ).argParser(instant),
      new Option('--definitions <dir>', 'the definitions in force; else those of the example shop'),
      new Option(
        '--model <file>',
        'the uplift model that scores; else the one that comes with the product',
      ),
      new Option('--no-model', "score by the channels' priors alone"),
      dropStateOption(),
      new Option('--from <savepoint>', 'a savepoint to begin at').conflicts([
        'format',
        'partitions',
        'batch',
        'liveFrom',
        'definitions',
        'model',
        'dropState',
      ]),
      new Option('--verify', 'compare with what was recorded'),
    ],
    run: (call) =>
      call.options.from === undefined ? replayFile(call) : verify(call, call.options.from),
  })
}

async function replayFile(call: Call<ReplayOptions>): Promise<Outcome> {
  const { options, progress } = call
  const [file] = call.args
  if (file === undefined) throw new UsageError('A file is missing: replay FILE --format NAME')
  if (options.format === undefined) throw new UsageError('--format is missing')
  if (options.verify) throw new UsageError('--verify goes with --from SAVEPOINT')
  const { replay } = await import('../../replay/replay.ts')
  const { packagePath } = await import('../../package-root.ts')
  const { partitions, batch, data, liveFrom, model, dropState } = options
  const result = await replay({
    file,
    format: options.format,
    definitions: options.definitions ?? packagePath('examples/shop'),
    model: model === false ? null : (model ?? packagePath('examples/models/hillstrom-visit.json')),
    ...(partitions === undefined ? {} : { partitions }),
    ...(batch === undefined ? {} : { batch }),
    ...(data === undefined ? {} : { directory: data }),
    ...(liveFrom === undefined ? {} : { liveFrom }),
    ...(dropState === undefined ? {} : { dropState }),
    onProgress: ({ records, expected = 0 }) =>
      progress({ label: 'replaying', done: records, total: expected, unit: 'events' }),
  })
  return { json: result, text: replayText(result) }
}

async function verify(call: Call<ReplayOptions>, savepoint: string): Promise<Outcome> {
  const { options, args } = call
  if (args.length > 0) throw new UsageError('FILE and --from do not go together')
  if (!options.verify) throw new UsageError('--from goes with --verify')
  const { verifyCommand } = await import('../../savepoint/index.ts')
  const result = await verifyCommand(
    { directory: options.data ?? DEFAULT_DATA, savepoint },
    call.progress,
  )
  return { json: result, text: verificationText(result), exitCode: isExact(result) ? 0 : 1 }
}
