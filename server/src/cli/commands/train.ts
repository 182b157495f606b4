/** `opportune train uplift`: a model artefact from the data of a randomised trial. */
import { type Command, Option } from 'commander'
import { declare, group, type Session } from '../command.ts'
import { integer } from '../options.ts'
import { modelText } from '../render/model.ts'

interface TrainOptions {
  readonly data: string
  readonly out: string
  readonly id?: string
  readonly outcome: 'visit' | 'conversion'
  readonly seed: number
  readonly epochs?: number
  readonly folds: number
  readonly backend?: 'tensorflow' | 'wasm' | 'cpu'
}

const FOLDS = 10

export function addTrain(program: Command, session: Session): void {
  const train = group(program, 'train', 'Train models outside the stream.')
  declare<TrainOptions>(train, session, {
    name: 'uplift',
    summary: 'Train the uplift model on a randomised trial and write its artefact.',
    description:
      "The file has the columns of the Hillstrom trial, as CSV or (uncompressed) Arrow, plain or gzip. The artefact carries its data's fingerprint and its figures beside those of the baselines; FILE is replaced as a whole, or left alone when training fails.",
    examples: [
      './bin/opportune train uplift --data examples/models/data/hillstrom.csv.gz --out model.json',
      './bin/opportune train uplift --data trial.csv --out model.json --folds 0 --json',
    ],
    options: [
      new Option('--data <file>', 'the trial').makeOptionMandatory(),
      new Option('--out <file>', 'where the artefact goes').makeOptionMandatory(),
      new Option('--id <name>', "the model's name"),
      new Option('--outcome <name>', 'what it learns to bring about')
        .choices(['visit', 'conversion'])
        .default('visit'),
      new Option('--seed <number>', 'the same seed and backend give the same weights')
        .argParser(integer(0))
        .default(1),
      new Option('--epochs <number>', 'passes over the data').argParser(integer(1, 1_000)),
      new Option('--folds <number>', 'folds to evaluate on; 0: no evaluation')
        .argParser(integer(0, FOLDS))
        .default(FOLDS),
      new Option('--backend <name>', 'what computes').choices(['tensorflow', 'wasm', 'cpu']),
    ],
    async run({ options, io, progress }) {
      const { ALL_FOLDS, trainCommand } = await import('#models')
      const { data, out, id, outcome, seed, epochs, folds, backend } = options
      const labels = { evaluate: 'evaluating', fit: 'fitting' }
      const { artefact, bytes } = await trainCommand({
        data,
        out,
        createdAt: new Date(io.now()).toISOString(),
        outcome,
        seed,
        folds: ALL_FOLDS.slice(0, folds),
        ...(id === undefined ? {} : { id }),
        ...(epochs === undefined ? {} : { epochs }),
        ...(backend === undefined ? {} : { backend }),
        onProgress: ({ stage, done, total }) => progress({ label: labels[stage], done, total }),
      })
      const { weights: _, ...told } = artefact
      return { json: { file: out, bytes, artefact: told }, text: modelText(artefact, out, bytes) }
    },
  })
}
