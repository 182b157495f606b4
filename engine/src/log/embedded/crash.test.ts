import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findError } from '../../errors.ts'
import type { LogBatch, LogReader } from '../port.ts'
import { Prng } from '../simulated/prng.ts'
import { type EmbeddedLog, openEmbeddedLog } from './open.ts'
import { openEmbeddedLogReadOnly } from './read-only.ts'

const program = (name: string): string =>
  fileURLToPath(new URL(`./${name}.child.ts`, import.meta.url))
const NODE = ['--conditions=source', '--import', 'tsx']

const scratch = (): string => mkdtempSync(join(tmpdir(), 'opportune-crash-'))

async function startWriter(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...NODE, program('writer'), directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  expect(String(first)).toContain('ready')
  return child
}

/** The epochs of a partition, checking that each is whole and that no offset is missing. */
async function epochsOf(reader: LogReader, partition: number): Promise<number> {
  let records = 0
  const where = { topic: 'out', partition }
  for (;;) {
    const batch = await reader.read(where, records, { maxRecords: 1_000, maxBytes: 1e8 })
    if (batch === undefined) break
    for (let i = 0; i < batch.length; i++, records++) checkRecord(batch, i, records)
  }
  expect(records % 3).toBe(0)
  return records / 3
}

function checkRecord(batch: LogBatch, index: number, record: number): void {
  const epoch = Math.floor(record / 3)
  const size = [undefined, 1 + ((epoch * 7919) % 60_000), 0][record % 3]
  const same =
    batch.offset(index) === record &&
    String(Buffer.from(batch.key(index) ?? [])) === `${epoch}` &&
    batch.value(index)?.byteLength === size
  // One assertion a record would take longer than the kills.
  if (!same) expect.fail(`record ${record} is not the one that epoch ${epoch} wrote`)
}

async function committedEpochs(log: EmbeddedLog): Promise<number> {
  const member = await log.member({ group: 'g', id: 'm' })
  const position = (await member.committed([{ topic: 'in', partition: 0 }])).get('in/0')
  if (position !== undefined) expect(position.metadata).toBe(`${position.offset - 1}`)
  return position?.offset ?? 0
}

describe('a process that is killed', () => {
  test('[L2] [SYS-1] leaves whole epochs and the position that belongs to them, every time', async () => {
    const directory = scratch()
    const prng = new Prng(20261122)
    let before = 0
    let child: ChildProcess | undefined
    try {
      for (let kill = 0; kill < 4; kill++) {
        child = await startWriter(directory)
        if (kill === 0) await checkBesides(directory, child)
        await new Promise((resolve) => setTimeout(resolve, 10 + prng.below(120)))
        child.kill('SIGKILL')
        await once(child, 'exit')
        const log = await openEmbeddedLog({ directory })
        const epochs = await committedEpochs(log)
        // On a busy machine a process may be killed before its first commit; none may take one back.
        expect(epochs).toBeGreaterThanOrEqual(before)
        const reader = log.reader()
        expect(await epochsOf(reader, 0)).toBe(epochs)
        expect(await epochsOf(reader, 1)).toBe(epochs)
        before = epochs
        await log.close()
      }
      expect(before).toBeGreaterThan(0)
    } finally {
      child?.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    }
  }, 20_000)

  /** While the writer lives: it owns the directory, and another process may read along. */
  async function checkBesides(directory: string, child: ChildProcess): Promise<void> {
    const refused = await openEmbeddedLog({ directory }).catch((error: unknown) => findError(error))
    expect(refused).toMatchObject({ code: 'log_owned', details: { pid: child.pid } })
    const shared = await openEmbeddedLogReadOnly(directory, { pollMs: 5 })
    try {
      expect((await shared.topics()).map((topic) => topic.name).sort()).toEqual(['in', 'out'])
      const reader = shared.reader()
      for (let look = 0; look < 3; look++) {
        await new Promise<void>((resolve) => {
          const stop = shared.onAppend(['out'], () => {
            stop()
            resolve()
          })
        })
        const before = (await shared.bounds([{ topic: 'out', partition: 0 }]))[0]?.end ?? 0
        expect(before).toBeGreaterThan(0)
        expect((await epochsOf(reader, 0)) * 3).toBeGreaterThanOrEqual(before)
      }
    } finally {
      await shared.close()
    }
  }
})

test('a full disk fails one commit with log_full, half-writes nothing and leaves the log readable', async () => {
  const directory = scratch()
  try {
    // 8 MiB a file, in blocks of 512 bytes as POSIX counts them.
    const child = spawn(
      'sh',
      [
        '-c',
        'ulimit -f 16384; exec "$@"',
        'sh',
        process.execPath,
        ...NODE,
        program('filler'),
        directory,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TSX_DISABLE_CACHE: '1' } },
    )
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await once(child, 'close')
    const report = JSON.parse(output) as { code: string; epochs: number }
    expect(report.epochs).toBeGreaterThan(10)
    expect(report).toEqual({
      code: 'log_full',
      epochs: report.epochs,
      ends: [report.epochs, report.epochs],
      readable: report.epochs * 2,
      position: report.epochs,
    })
    const log = await openEmbeddedLog({ directory, durability: 'os' })
    const offset = await log.appender().append('a', 1, [{ key: null, value: Buffer.from('on') }])
    expect(offset).toBe(report.epochs)
    await log.close()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}, 20_000)
