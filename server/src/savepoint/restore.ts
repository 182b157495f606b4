/**
 * `restore SAVEPOINT --into DIR --partitions N`: a new data directory that goes on from a savepoint, on
 * another number of partitions of the customer inbox.
 *
 * Every customer's state, timers, definitions and models in force, clocks, credentials and the signing key
 * go along, and so do calls that were taken in and not processed. Decisions, analytics and everything else that was written
 * stays in the old directory, whose chain of decisions ends there; the new one begins its own. The
 * directory appears under its name when it is complete, or not at all. The old one is not changed, and
 * must not run meanwhile: what it takes in later would be in neither.
 */

import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { OpportuneError, openEmbeddedLog, type Rescaled, rescale } from '#engine'
import { decisionChain } from '#sinks'
import { RECORD_BYTES } from '../app/app.ts'
import { opportune } from '../app/topology.ts'

export interface RestoreOptions {
  readonly savepoint: string
  /** Does not exist yet, or is empty. */
  readonly into: string
  readonly partitions: number
  /** The data directory that the savepoint was taken of; null: the one that it lies in. */
  readonly from: string | null
  readonly build: string
}

export interface Restored extends Rescaled {
  readonly into: string
  readonly from: string
  readonly partitions: number
}

/** Files of a data directory beside its log that belong to the installation, not to the run. */
const INSTALLATION = ['credentials.json', 'import.json', 'keys'] as const

/**
 * @throws log_missing, log_owned, savepoint_mismatch, savepoint_corrupt, savepoint_unsettled,
 *   savepoint_target_used
 */
export async function restoreSavepoint(options: RestoreOptions): Promise<Restored> {
  const { partitions, build } = options
  const [path, into] = [resolve(options.savepoint), resolve(options.into)]
  const from = resolve(options.from ?? directoryOf(path))
  if (!existsSync(join(from, 'log')))
    throw new OpportuneError(
      'log_missing',
      `There is no log in ${from}; name the directory with --from.`,
    )
  if (existsSync(into) && (await readdir(into)).length > 0)
    throw new OpportuneError('savepoint_target_used', `${into} is not empty.`)
  await requireImported(from)
  await mkdir(dirname(into), { recursive: true })
  const draft = await mkdtemp(`${into}.partial-`)
  try {
    const rescaled = await writeLog(from, draft, { path, partitions, build })
    for (const name of INSTALLATION)
      if (existsSync(join(from, name)))
        await cp(join(from, name), join(draft, name), { recursive: true })
    await rm(into, { recursive: true, force: true })
    await rename(draft, into)
    return { ...rescaled, into, from, partitions }
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

/** Where savepoints go by themselves: DIRECTORY/savepoints/NAME. */
const directoryOf = (savepoint: string): string =>
  basename(dirname(savepoint)) === 'savepoints' ? dirname(dirname(savepoint)) : dirname(savepoint)

/** A first import that is under way goes on from the topic that it wrote to, and that one stays behind. */
async function requireImported(directory: string): Promise<void> {
  const path = join(directory, 'import.json')
  if (!existsSync(path)) return
  const { state } = JSON.parse(await readFile(path, 'utf8')) as { readonly state?: string }
  if (state === 'under way')
    throw new OpportuneError(
      'savepoint_unsettled',
      `The first import into ${directory} is not done.`,
    )
}

async function writeLog(
  from: string,
  draft: string,
  what: { readonly path: string; readonly partitions: number; readonly build: string },
): Promise<Rescaled> {
  const { path, partitions, build } = what
  const plan = opportune({ partitions, live: true, decisionChain }).build()
  const options = { durability: 'disk', maxRecordBytes: RECORD_BYTES } as const
  // Owned, not only read: whoever runs on it would take in what the new directory never sees.
  const old = await openEmbeddedLog({ ...options, directory: join(from, 'log') })
  try {
    const log = await openEmbeddedLog({ ...options, directory: join(draft, 'log') })
    try {
      return await rescale({ path, plan, from: old, into: log, build })
    } finally {
      await log.close()
    }
  } finally {
    await old.close()
  }
}
