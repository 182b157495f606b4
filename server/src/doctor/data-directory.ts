/**
 * The data directory, or the place where it would be made: whose it is, what it is on, how fast it
 * syncs, whether the log in it can be read. Nothing is left behind, and nothing is created where the
 * directory does not exist but one probe file beside its future place.
 */
import { constants } from 'node:fs'
import { access, lstat, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Check } from './check.ts'
import { gib } from './machine.ts'

const GIB = 2 ** 30
const LEAST_FREE = 1 * GIB
const COMFORTABLE_FREE = 5 * GIB
const SYNCS = 20
/** Above it an epoch's commit, which waits for one sync, cannot keep the latency that is promised. */
const SLOW_SYNC_MS = 20
/** Entries looked at for the size; a directory of ours has a few hundred. */
const MAX_ENTRIES = 50_000

export async function dataDirectoryChecks(directory: string): Promise<readonly Check[]> {
  const path = resolve(directory)
  const place = await nearest(path)
  const writable = await writableCheck(path, place)
  return [
    writable,
    spaceCheck(await freeBytes(place)),
    fileSystemCheck((await statfs(place)).type),
    ...(writable.status === 'missing' ? [] : [syncCheck(await syncTimes(place))]),
    await logCheck(path),
  ]
}

/** The directory itself, or the nearest one above it that exists. */
async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found?.isDirectory() === true || dirname(at) === at) return at
  }
}

async function writableCheck(path: string, place: string): Promise<Check> {
  const basics = { id: 'data-directory', title: 'data directory', required: true }
  const { uid } = await stat(place)
  const own = process.getuid?.()
  const whose = own === undefined || uid === own ? 'ours' : `of user ${uid}, we are ${own}`
  const is =
    place === path
      ? `${path}, ${whose}, ${gib(await sizeOf(path))}`
      : `${path} is to be made in ${place}, ${whose}`
  if (await canWrite(place)) return { ...basics, status: 'ok', found: is }
  return {
    ...basics,
    status: 'missing',
    found: `${is}, cannot be written`,
    cost: 'The server cannot start on it.',
    fix: [
      `sudo chown -R "$(id -un)" ${place}`,
      'or choose another: ./bin/opportune start --data DIR',
    ],
  }
}

const canWrite = (place: string): Promise<boolean> =>
  access(place, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )

/** Bytes of all files below, as far as they may be seen. */
async function sizeOf(path: string): Promise<number> {
  let bytes = 0
  let entries = 0
  const waiting = [path]
  for (let at = waiting.pop(); at !== undefined && entries < MAX_ENTRIES; at = waiting.pop())
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      entries++
      const full = join(at, entry.name)
      if (entry.isDirectory()) waiting.push(full)
      // Blocks, not length: LMDB's files are sparse.
      else
        bytes += await lstat(full).then(
          (s) => s.blocks * 512,
          () => 0,
        )
    }
  return bytes
}

async function freeBytes(place: string): Promise<number> {
  const { bavail, bsize } = await statfs(place)
  return bavail * bsize
}

export function spaceCheck(free: number): Check {
  const basics = { id: 'disk-space', title: 'free disk', required: true, found: gib(free) }
  if (free >= COMFORTABLE_FREE) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: free >= LEAST_FREE ? 'warning' : 'missing',
    cost: 'The example shop with its analytics takes about 1 GiB; when the disk is full the server stops, losing nothing.',
    fix: ['Free space, or choose another directory: ./bin/opportune start --data DIR'],
  }
}

/** Magic numbers of statfs(2). */
const MEMORY_BACKED = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
])
const REMOTE = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9P'],
])

export function fileSystemCheck(type: number): Check {
  const basics = { id: 'file-system', title: 'file system', required: true }
  const remote = REMOTE.get(type >>> 0)
  const memory = MEMORY_BACKED.get(type >>> 0)
  if (remote !== undefined)
    return {
      ...basics,
      status: 'missing',
      found: remote,
      cost: 'LMDB maps its file and locks it, which a shared file system does not do reliably: data would be damaged.',
      fix: ['Choose a directory on a disk of this machine: ./bin/opportune start --data DIR'],
    }
  if (memory === undefined)
    return { ...basics, status: 'ok', found: `local (type 0x${(type >>> 0).toString(16)})` }
  return {
    ...basics,
    status: 'warning',
    found: `${memory}, in memory`,
    cost: 'Everything is lost when the machine restarts.',
  }
}

/** ms that each of some small writes took to reach the disk. */
async function syncTimes(place: string): Promise<readonly number[]> {
  const path = join(place, `.opportune-doctor-${process.pid}`)
  const times: number[] = []
  const file = await open(path, 'wx')
  try {
    const page = Buffer.alloc(4_096, 1)
    for (let i = 0; i < SYNCS; i++) {
      const started = performance.now()
      await file.write(page, 0, page.length, i * page.length)
      await file.sync()
      times.push(performance.now() - started)
    }
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
  return times
}

export function syncCheck(times: readonly number[]): Check {
  const sorted = [...times].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const found = `${median.toFixed(1)} ms to sync a page (median of ${times.length}; at most ${(sorted.at(-1) ?? 0).toFixed(1)})`
  const basics = { id: 'disk-sync', title: 'disk sync', required: false, found }
  if (median <= SLOW_SYNC_MS) return { ...basics, status: 'ok' }
  return {
    ...basics,
    status: 'warning',
    cost: 'Each epoch waits for one sync: decisions are late by that much.',
    fix: [
      'Use a faster disk, or give up surviving a power cut: ./bin/opportune start --durability os',
    ],
  }
}

async function logCheck(directory: string): Promise<Check> {
  const basics = { id: 'log', title: 'event log', required: true }
  const engine = await loadEngine()
  if (engine === null)
    return { ...basics, status: 'note', found: 'not looked at: the engine does not load' }
  const { findError, openEmbeddedLogReadOnly } = engine
  try {
    const log = await openEmbeddedLogReadOnly(join(directory, 'log'))
    const topics = (await log.topics()).length
    await log.close()
    return { ...basics, status: 'ok', found: `reads, ${topics} topics` }
  } catch (error) {
    const known = findError(error)
    if (known?.code === 'log_missing') return { ...basics, status: 'note', found: 'none yet' }
    return {
      ...basics,
      status: 'missing',
      found: known?.message ?? 'cannot be opened',
      cost: 'The server does not start on it.',
      fix: ['Make a copy of the directory first; then restore a savepoint or a backup.'],
    }
  }
}

/** On demand: without LMDB's binary the engine does not load, which is what the doctor is asked about. */
const loadEngine = (): Promise<typeof import('#engine') | null> =>
  import('#engine').catch(() => null)
