import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareStored } from './key-bytes.ts'
import type { StoredEntry } from './port.ts'
import { openSavepoint, writeSavepoint } from './savepoint.ts'

const HEADER = { topology: 'f00d', meta: { epochs: { 'inbox/0': 7 } } }

const entries = (count: number, size: number): StoredEntry[] =>
  Array.from({ length: count }, (_, n): StoredEntry => {
    return [n % 2 ? 'a' : '~timers', n % 256, `kéy${n}`, new Uint8Array(size).fill(n)]
  }).sort(compareStored)

async function all(source: AsyncIterable<StoredEntry>): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const [slot, group, key, value] of source)
    rows.push([slot, group, key, Buffer.from(value).toString('hex')])
  return rows
}
const plain = (rows: readonly StoredEntry[]): unknown[] =>
  rows.map(([slot, group, key, value]) => [slot, group, key, Buffer.from(value).toString('hex')])

describe('savepoint', () => {
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'opportune-savepoint-'))
  })
  afterAll(() => rm(directory, { recursive: true }))
  const path = (name: string): string => join(directory, name)

  test('[SYS-4] comes back as it was written: header, entries, over many blocks', async () => {
    const rows = entries(3_000, 300)
    const written = await writeSavepoint(path('many'), HEADER, [rows.values()])
    const savepoint = await openSavepoint(path('many'), 'f00d')
    expect(savepoint.header).toEqual(HEADER)
    expect(savepoint.entries).toBe(3_000)
    expect(savepoint.sha256).toBe(written.sha256)
    expect(savepoint.bytes).toBe(written.bytes)
    expect(await all(savepoint.read())).toEqual(plain(rows))
  })

  test('[SYS-4] the same state gives the same bytes on any number of tasks', async () => {
    const rows = entries(500, 50)
    const one = await writeSavepoint(path('one'), HEADER, [rows.values()])
    const three = [0, 1, 2].map((task) => rows.filter((_, n) => n % 3 === task).values())
    expect((await writeSavepoint(path('three'), HEADER, three)).sha256).toBe(one.sha256)
  })

  test('of nothing at all is a savepoint, too', async () => {
    await writeSavepoint(path('none'), HEADER, [])
    expect(await all((await openSavepoint(path('none'))).read())).toEqual([])
  })

  test('cut anywhere, it is refused before anything is read from it', async () => {
    await writeSavepoint(path('whole'), HEADER, [entries(20, 30).values()])
    const whole = await readFile(path('whole'))
    for (let length = 0; length < whole.length; length += length < 16 ? 1 : 13) {
      await writeFile(path('cut'), whole.subarray(0, length))
      await expect(openSavepoint(path('cut'))).rejects.toThrow('savepoint_corrupt')
    }
  })

  test('altered anywhere, it is refused', async () => {
    await writeSavepoint(path('sound'), HEADER, [entries(20, 30).values()])
    const sound = await readFile(path('sound'))
    const flip = fc.record({ at: fc.nat(sound.length - 1), bit: fc.nat(7) })
    await fc.assert(
      fc.asyncProperty(flip, async ({ at, bit }) => {
        const altered = Buffer.from(sound)
        altered[at] = (altered[at] as number) ^ (1 << bit)
        await writeFile(path('altered'), altered)
        await expect(openSavepoint(path('altered'))).rejects.toThrow(
          at < 8 ? 'savepoint_mismatch' : 'savepoint_corrupt',
        )
      }),
    )
  })

  test('of another topology, format or kind of file is a mismatch', async () => {
    await writeSavepoint(path('ours'), HEADER, [])
    await expect(openSavepoint(path('ours'), 'beef')).rejects.toThrow('savepoint_mismatch')
    await writeFile(path('text'), 'hello, this is a text file and no savepoint, however long it is')
    await expect(openSavepoint(path('text'))).rejects.toThrow('savepoint_mismatch')
  })

  test('a failure while writing leaves neither file nor open source', async () => {
    let closed = false
    function* failing(): Generator<StoredEntry> {
      try {
        yield ['a', 0, 'k', new Uint8Array(1)]
        throw new Error('source failed')
      } finally {
        closed = true
      }
    }
    await expect(writeSavepoint(path('failed'), HEADER, [failing()])).rejects.toThrow('source')
    expect((await readdir(directory)).filter((name) => name.startsWith('failed'))).toEqual([])
    expect(closed).toBe(true)
  })
})
