/** A server of its own on a data directory and a small import, for tests; and one in another process. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openEmbeddedLogReadOnly } from '#engine'
import { packagePath } from '../package-root.ts'
import { type RunSummary, summarise } from '../replay/summary.ts'
import type { DemoFile } from './demo.ts'
import { type Running, type StartOptions, startCommand } from './start.ts'

const SMALL_DEMO: readonly DemoFile[] = [
  { path: packagePath('examples/data/rees46-2019-oct-sample.csv.gz'), format: 'rees46' },
]

export const serverOptions = (
  directory: string,
  over: Partial<StartOptions> = {},
): StartOptions => ({
  directory,
  port: 0,
  host: '127.0.0.1',
  import: true,
  durability: 'disk',
  partitions: 2,
  demo: SMALL_DEMO,
  ...over,
})

export interface Server extends Running {
  /** What it said on the terminal. */
  readonly said: readonly string[]
}

/** @param onProgress called while the import is under way */
export async function startServer(
  directory: string,
  over: Partial<StartOptions> = {},
  onProgress: () => void = () => {},
): Promise<Server> {
  const said: string[] = []
  const running = await startCommand(serverOptions(directory, over), {
    out: (line) => said.push(line),
    progress: { update: onProgress, done() {} },
  })
  return { ...running, said }
}

/** Imports end on the date of this instant, whenever a test runs. */
const END_AT = Date.UTC(2026, 10, 20, 12)

/** A new data directory whose import has been planned, so that two of them come to the same. */
export function plannedDirectory(root: string, name: string): string {
  const directory = join(root, name)
  mkdirSync(directory)
  const plan = { endAt: END_AT, state: 'under way' }
  writeFileSync(join(directory, 'import.json'), JSON.stringify(plan))
  return directory
}

export const planOf = (directory: string): unknown =>
  JSON.parse(readFileSync(join(directory, 'import.json'), 'utf8'))

/** What the topics of a directory hold; its server has to be stopped. */
export async function outcomeOf(directory: string): Promise<RunSummary> {
  const log = await openEmbeddedLogReadOnly(join(directory, 'log'))
  try {
    return await summarise(log)
  } finally {
    await log.close()
  }
}

const CHILD = fileURLToPath(new URL('./start.child.ts', import.meta.url))

const NODE = ['--conditions=source', '--import', createRequire(import.meta.url).resolve('tsx')]

/** The same server in a process of its own, which tells `progress` and `ready`. */
export const forkServer = (directory: string): ChildProcess =>
  fork(CHILD, [directory], { execArgv: NODE, stdio: 'ignore' })

/**
 * The same where no file may grow beyond a size, as on a full disk.
 * @param blocks of 512 bytes
 * @returns the code of what it died of
 */
export async function starvedServer(directory: string, blocks: number): Promise<string> {
  const limited = ['-c', `ulimit -f ${blocks}; exec "$@"`, 'sh']
  const child = spawn('sh', [...limited, process.execPath, ...NODE, CHILD, directory], {
    stdio: ['ignore', 'pipe', 'ignore'],
    // Its cache is a file as well.
    env: { ...process.env, TSX_DISABLE_CACHE: '1' },
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await once(child, 'close')
  return said.trim()
}
