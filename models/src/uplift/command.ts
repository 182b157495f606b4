/**
 * `opportune train uplift`, without the command line: reads the trial, trains, writes the artefact.
 * Prints nothing; the caller shows progress and the report.
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { OpportuneError } from '#engine'
import type { BackendName } from '../backend.ts'
import { type UpliftArtefact, writeArtefact } from './artefact.ts'
import { HILLSTROM_RULES, type HillstromOutcome, readHillstrom } from './hillstrom.ts'
import { type TrainProgress, trainUplift } from './train.ts'

export interface TrainCommandOptions {
  /** The trial as CSV or Arrow, plain or gzip. */
  readonly data: string
  /** Where the artefact goes; replaced atomically, untouched when training fails. */
  readonly out: string
  /** ISO 8601 in UTC. */
  readonly createdAt: string
  readonly id?: string
  readonly outcome?: HillstromOutcome
  readonly seed?: number
  readonly epochs?: number
  /** Knuth folds to evaluate on; all ten by default, none to skip the evaluation. */
  readonly folds?: readonly number[]
  readonly backend?: BackendName
  readonly onProgress?: (progress: TrainProgress) => void
}

export interface TrainCommandResult {
  readonly artefact: UpliftArtefact
  readonly bytes: number
}

/**
 * Trains on a file and writes the artefact. Throws `model_data_*` for bad data,
 * `model_training_diverged`, `model_backend_missing`, and the file system's own error when `out`
 * cannot be written.
 */
export async function trainCommand(options: TrainCommandOptions): Promise<TrainCommandResult> {
  const outcome = options.outcome ?? 'visit'
  const data = readHillstrom(await load(options.data), outcome)
  const { epochs, folds, backend, onProgress } = options
  const { artefact } = await trainUplift({
    data,
    id: options.id ?? `hillstrom-${outcome}`,
    createdAt: options.createdAt,
    about: aboutHillstrom(outcome),
    seed: options.seed ?? 1,
    rules: HILLSTROM_RULES,
    ...(epochs === undefined ? {} : { epochs }),
    ...(folds === undefined ? {} : { folds }),
    ...(backend === undefined ? {} : { backend }),
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  const bytes = writeArtefact(artefact)
  await replaceFile(options.out, bytes)
  return { artefact, bytes: bytes.length }
}

async function load(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new OpportuneError(
      'model_data_unreadable',
      'The training file cannot be read.',
      {},
      error,
    )
  }
}

/** Readers see the old file or the new one, never half of it. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.tmp`
  try {
    const file = await open(draft, 'w')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

function aboutHillstrom(outcome: HillstromOutcome): UpliftArtefact['about'] {
  return {
    is:
      `Effect of one merchandise e-mail (men's or women's) against none on P(${outcome} within two ` +
      'weeks), learned from a randomised campaign of 2008 among customers of a US clothing shop who had ' +
      'bought within twelve months.',
    isNot:
      "Not the effect of this shop's messages: other customers, other content, another decade. A " +
      'placeholder prior until the shop has randomised data of its own. Not valid for customers ' +
      'without a purchase in the last twelve months.',
  }
}
