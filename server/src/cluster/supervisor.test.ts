import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { Supervisor, type SupervisorOptions } from './supervisor.ts'

const PROGRAM = {
  file: fileURLToPath(new URL('./supervisor.child.ts', import.meta.url)),
  execArgv: ['--import', createRequire(import.meta.url).resolve('tsx')],
}

let root = ''
let supervisor: Supervisor | null = null
const said: string[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'opportune-run-'))
  said.length = 0
})
afterEach(async () => {
  await supervisor?.stop()
  rmSync(root, { recursive: true, force: true })
})

function supervise(behaviour: string, over: Partial<SupervisorOptions> = {}): Supervisor {
  supervisor = new Supervisor({
    workers: 2,
    directory: root,
    instance: 'w',
    port: 0,
    duties: true,
    args: [behaviour, join(root, 'notes')],
    out: (line) => said.push(line),
    program: PROGRAM,
    pauseMs: 10,
    ...over,
  })
  supervisor.start()
  return supervisor
}

const notes = (): readonly string[] =>
  readFileSync(join(root, 'notes'), 'utf8').split('\n').slice(0, -1)
const pids = (of: string): readonly number[] =>
  notes().flatMap((line) => (line.startsWith(`${of} start`) ? [Number(line.split(' ')[2])] : []))

describe('several workers of one machine', () => {
  test('[S1] have names and duties of their own; one that is killed comes back under its name', async () => {
    const workers = supervise('works')
    await workers.ready()
    expect(notes().filter((line) => line.endsWith(' duties'))).toHaveLength(1)
    const [first = 0] = pids('w-1')
    process.kill(first, 'SIGKILL')
    await expect.poll(() => pids('w-1').length, { timeout: 10_000 }).toBe(2)
    expect(pids('w-0')).toHaveLength(1)
    expect(said).toContain('w-1 ended with SIGKILL; started again in 0.01 s')
  })

  test('[S2] one that never gets ready is given up, and with it the others are stopped', async () => {
    const workers = supervise('fails', { workers: 1 })
    const error = await workers.done.then(
      () => null,
      (cause: unknown) => findError(cause),
    )
    expect(error?.code).toBe('worker_gave_up')
    expect(error?.message).toMatch(/w-0 ended 5 times before it was ready, last with code 3/)
    expect(pids('w-0')).toHaveLength(5)
  })

  test('[S3] stopping waits for them, and kills what does not end', async () => {
    const orderly = supervise('works')
    await orderly.ready()
    await orderly.stop()
    await orderly.done
    expect(notes().filter((line) => line.endsWith('stop'))).toHaveLength(2)
    rmSync(join(root, 'notes'))
    const hung = supervise('hangs', { workers: 1, stopMs: 50 })
    await hung.ready()
    await hung.stop()
    const [pid = 0] = pids('w-0')
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })

  test('[S4] [SYS-6] replaced one after the other, each when the one before is ready', async () => {
    const workers = supervise('works')
    await workers.ready()
    await workers.roll()
    const order = notes()
      .slice(2)
      .map((line) => line.split(' ').slice(0, 2).join(' '))
    expect(order).toEqual(['w-0 stop', 'w-0 start', 'w-1 stop', 'w-1 start'])
  })

  test('[S3] [S4] stopped while one is being replaced, none is left behind', async () => {
    const workers = supervise('works')
    await workers.ready()
    const rolled = workers.roll()
    await workers.stop()
    await rolled
    await workers.done
    for (const pid of [...pids('w-0'), ...pids('w-1')])
      expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })
})
