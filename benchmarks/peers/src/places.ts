/** Where things lie: scripts beside this folder, what is built in .cache/peers, data of a run on a tmpfs. */
import { mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PEERS = fileURLToPath(new URL('..', import.meta.url))
export const PROJECT = fileURLToPath(new URL('../../..', import.meta.url))
const BUILT = join(PROJECT, '.cache', 'peers')
const SHARED_MEMORY = '/dev/shm'
/** Input, output, inner topics and changelogs of one run, with room to spare. */
const BYTES_PER_EVENT = 2_000

/** Class path of what Maven built of a module. */
export const classPath = (module: string): string => join(BUILT, module, 'lib', '*')

export const scriptOf = (name: string): string => join(PEERS, `${name}.sh`)

/** A new directory: in memory where there is room, so that no disk takes part in the figures. */
export function dataDirectory(events: number): string {
  const parent = freeBytes(SHARED_MEMORY) > events * BYTES_PER_EVENT ? SHARED_MEMORY : tmpdir()
  return mkdtempSync(join(parent, 'opportune-peers-'))
}

function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    return 0
  }
}
