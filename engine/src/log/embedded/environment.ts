/**
 * The LMDB environment of a log: opening it, and turning its errors into ours.
 *
 * With `durability: 'disk'` LMDB syncs the data pages and then writes the meta page through a descriptor
 * opened with O_DSYNC before `transact` returns or `transactAside` resolves; overlapping sync is off
 * because it would let them do so before that.
 */
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { OpportuneError } from '../../errors.ts'
import { inspectDataFile } from './data-file.ts'
import { decodeJson, encodeJson, FORMAT_VERSION, formatKey, type MetaKey } from './layout.ts'

const DATA_FILE = 'data.mdb'

export interface Environment {
  readonly directory: string
  readonly root: RootDatabase<Buffer, MetaKey>
  readonly meta: Database<Buffer, MetaKey>
  readonly records: Database<Buffer, Buffer>
}

export interface EnvironmentOptions {
  readonly directory: string
  readonly durability?: 'disk' | 'os'
  /** Bytes of address space to start with; LMDB takes more as the log grows. */
  readonly mapSize?: number
  readonly readOnly?: boolean
}

/** @throws log_corrupt, log_missing (read only), log_full, frame_version */
export function openEnvironment(options: EnvironmentOptions): Environment {
  const { directory, readOnly = false } = options
  try {
    if (!readOnly) mkdirSync(directory, { recursive: true })
    const found = inspectDataFile(join(directory, DATA_FILE))
    if (found === 'absent' && readOnly)
      throw new OpportuneError('log_missing', 'A log is only read where one was written.')
    const root = open<Buffer, MetaKey>({
      path: directory,
      noSubdir: false,
      maxDbs: 4,
      encoding: 'binary',
      overlappingSync: false,
      // A batch would have a promise of its own, which nobody awaits: it failing would end the process.
      eventTurnBatching: false,
      noSync: options.durability === 'os',
      readOnly,
      ...(options.mapSize === undefined ? {} : { mapSize: options.mapSize }),
    })
    const meta = root.openDB<Buffer, MetaKey>({ name: 'meta', encoding: 'binary' })
    const records = root.openDB<Buffer, Buffer>({
      name: 'records',
      encoding: 'binary',
      keyEncoding: 'binary',
    })
    const environment = { directory, root, meta, records }
    checkFormat(environment, readOnly)
    return environment
  } catch (error) {
    throw translate(error, directory, 0)
  }
}

function checkFormat(environment: Environment, readOnly: boolean): void {
  const stored = environment.meta.getBinary(formatKey)
  if (stored === undefined) {
    if (!readOnly)
      environment.root.transactionSync(() =>
        environment.meta.putSync(formatKey, encodeJson({ version: FORMAT_VERSION })),
      )
    return
  }
  const { version } = decodeJson<{ version: number }>(stored)
  if (version > FORMAT_VERSION)
    throw new OpportuneError('frame_version', 'The data directory is of a later version.', {
      version,
    })
}

/**
 * Runs `change` in one write transaction; when it throws, nothing of it took place.
 * @param bytes about how much it writes, to tell a full disk from a broken one
 * @throws log_full, log_corrupt, log_commit_unknown
 */
export function transact(environment: Environment, bytes: number, change: () => void): void {
  try {
    environment.root.transactionSync(change)
  } catch (error) {
    throw translate(error, environment.directory, bytes)
  }
}

/**
 * The same, with `change` run on this thread once LMDB's own has the write lock, and committed on that:
 * this thread neither waits for the lock nor for the disk.
 * @param bytes asked only after a failure
 */
export async function transactAside(
  environment: Environment,
  bytes: () => number,
  change: () => void,
): Promise<void> {
  try {
    // A child, because of the parent what was put before an error would stay.
    await environment.root.childTransaction(change)
  } catch (error) {
    throw translate(await causeOf(error), environment.directory, bytes())
  }
}

/** lmdb tells why a commit failed through a promise of its own. */
async function causeOf(error: unknown): Promise<unknown> {
  return error instanceof Error && 'commitError' in error
    ? await Promise.resolve(error.commitError).catch((reason: unknown) => reason)
    : error
}

/** LMDB's own codes, and errno where the system refused. */
const MAP_FULL = -30792
const DISK_CODES = new Set<unknown>([27, 28, 122, 'EFBIG', 'ENOSPC', 'EDQUOT', MAP_FULL])
const CORRUPT_CODES = new Set<unknown>([-30797, -30796, -30795, -30794, -30793])
const EIO = 5

export function translate(error: unknown, directory: string, bytes: number): unknown {
  if (error instanceof OpportuneError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (DISK_CODES.has(code) || (code === EIO && diskRefuses(directory, bytes)))
    return new OpportuneError(
      'log_full',
      'A commit found no room; it did not take place.',
      {},
      error,
    )
  if (CORRUPT_CODES.has(code))
    return new OpportuneError('log_corrupt', 'LMDB finds its file damaged.', {}, error)
  if (code === EIO)
    return new OpportuneError('log_commit_unknown', 'The disk failed during a commit.', {}, error)
  return error
}

const PROBE_BYTES = 1 << 20

/**
 * LMDB reports a write that was cut short as an I/O error, whatever the reason. Whether the disk or a
 * size limit was in the way shows when a file of the same size as the log's is written beside it.
 */
function diskRefuses(directory: string, bytes: number): boolean {
  const path = join(directory, `probe-${process.pid}.tmp`)
  try {
    const { size } = statSync(join(directory, DATA_FILE))
    const wanted = Buffer.alloc(Math.min(Math.max(bytes, 4096), PROBE_BYTES))
    const file = openSync(path, 'w')
    try {
      return writeSync(file, wanted, 0, wanted.length, size) < wanted.length
    } finally {
      closeSync(file)
    }
  } catch (error) {
    return DISK_CODES.has((error as NodeJS.ErrnoException).code)
  } finally {
    rmSync(path, { force: true })
  }
}
