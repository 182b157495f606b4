import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findError } from '../../errors.ts'
import {
  append,
  join as joinGroup,
  NO_LIMIT,
  readAll,
  record,
  topic,
  tp,
} from '../conformance/harness.ts'
import { type EmbeddedLog, openEmbeddedLog } from './open.ts'
import { openEmbeddedLogReadOnly } from './read-only.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-open-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const open = (where = directory): Promise<EmbeddedLog> =>
  openEmbeddedLog({ directory: where, durability: 'os', tailBytes: 0 })

async function codeOfOpening(where = directory): Promise<string | undefined> {
  try {
    await (await open(where)).close()
    return undefined
  } catch (error) {
    return findError(error)?.code
  }
}

describe('one owner per directory', () => {
  test('a second open in the same process is refused and names the owner', async () => {
    const log = await open()
    const error = await open().catch((e: unknown) => findError(e))
    expect(error).toMatchObject({ code: 'log_owned', details: { pid: process.pid } })
    await log.ensureTopics([topic('a')])
    await append(log, tp('a'), 'still mine')
    await log.close()
    expect(await codeOfOpening()).toBeUndefined()
    expect(readdirSync(directory).sort()).toEqual(['data.mdb', 'lock.mdb'])
  })

  test('of many that open at once exactly one becomes the owner', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => open()))
    const logs = results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []))
    expect(logs).toHaveLength(1)
    for (const log of logs) await log.close()
  })

  test('[L3] an owner whose socket was removed and who was replaced can commit nothing more', async () => {
    const former = await open()
    await former.ensureTopics([topic('a')])
    await append(former, tp('a'), 'before')
    for (const name of readdirSync(directory))
      if (name.endsWith('.sock')) rmSync(join(directory, name))
    const later = await open()
    const refused = await append(former, tp('a'), 'stale').catch((e: unknown) => findError(e)?.code)
    expect(refused).toBe('log_fenced')
    await append(later, tp('a'), 'after')
    expect(await readAll(later, tp('a'))).toEqual(['before', 'after'])
    await former.close()
    expect(await codeOfOpening()).toBe('log_owned')
    await later.close()
  })

  test('a directory with a long path can be owned too', async () => {
    const long = join(directory, 'long'.repeat(20), 'path'.repeat(20))
    mkdirSync(long, { recursive: true })
    const log = await open(long)
    expect(await codeOfOpening(long)).toBe('log_owned')
    await log.close()
  })
})

describe('what was there before', () => {
  test('topics, records, bounds and positions are there after a restart', async () => {
    const first = await open()
    await first.ensureTopics([topic('a', 2), topic('c', 1, { cleanup: 'compact', retentionMs: 5 })])
    await append(first, tp('a', 1), 'x', 'y')
    const { member } = await joinGroup(first, 'm', ['a'])
    const epoch = member.begin([{ ...tp('a', 1), offset: 1, metadata: 'größer' }])
    epoch.write('a', 0, [record('out')])
    await epoch.commit()
    const topics = await first.topics()
    const bounds = await first.bounds([tp('a'), tp('a', 1)])
    await first.close()
    const second = await open()
    expect(await second.topics()).toEqual(topics)
    expect(await second.bounds([tp('a'), tp('a', 1)])).toEqual(bounds)
    expect(await readAll(second, tp('a', 1))).toEqual(['x', 'y'])
    const again = await joinGroup(second, 'm', ['a'])
    expect((await again.member.committed([tp('a', 1)])).get('a/1')).toEqual({
      offset: 1,
      metadata: 'größer',
    })
    expect(await append(second, tp('a', 1), 'z')).toBe(2)
    await second.ensureTopics([topic('later')])
    await append(second, tp('later'), 'own')
    expect(await readAll(second, tp('later'))).toEqual(['own'])
    expect(await readAll(second, tp('a', 0))).toEqual(['out'])
    await second.close()
  })

  test('compaction bounded by its index works through a partition in several passes', async () => {
    const log = await openEmbeddedLog({
      directory,
      durability: 'os',
      compactionIndexBytes: 300,
    })
    await log.ensureTopics([topic('c', 1, { cleanup: 'compact' })])
    const appender = log.appender()
    for (let round = 0; round < 3; round++)
      for (let key = 0; key < 10; key++)
        await appender.append('c', 0, [record(`${round}`, `key-${key}`)])
    await appender.append('c', 0, [record('end', 'end')])
    const sizes: number[] = []
    for (let pass = 0; pass < 12; pass++) {
      await log.compact('c', 0)
      sizes.push((await readAll(log, tp('c'))).length)
    }
    expect(sizes[0]).toBeGreaterThan(10)
    expect(sizes).toEqual(sizes.toSorted((x, y) => y - x))
    expect(await readAll(log, tp('c'))).toEqual([...Array.from({ length: 10 }, () => '2'), 'end'])
    await log.close()
  })

  test('commits and topic changes between the steps of a compaction are not undone by it', async () => {
    const log = await open()
    await log.ensureTopics([topic('c', 1, { cleanup: 'compact' })])
    const appender = log.appender()
    for (let i = 0; i < 20; i++) await appender.append('c', 0, [record(`${i}`, 'key')])
    const pass = log.compact('c', 0)
    for (let i = 20; i < 30; i++) {
      await log.ensureTopics([topic('c', 1, { cleanup: 'compact', retentionMs: i })])
      await appender.append('c', 0, [record(`${i}`, `key-${i}`)])
    }
    expect(await pass).toBeGreaterThan(0)
    await log.close()
    const again = await open()
    const expected = ['18', ...Array.from({ length: 11 }, (_, i) => `${i + 19}`)]
    expect(await readAll(again, tp('c'))).toEqual(expected)
    expect((await again.bounds([tp('c')]))[0]).toMatchObject({ start: 0, end: 30 })
    await again.close()
  })

  test('housekeeping runs by itself after commits', async () => {
    let time = 1_750_000_000_000
    const log = await openEmbeddedLog({
      directory,
      durability: 'os',
      now: () => time,
      housekeepingMs: 100,
      compactBytes: 1,
    })
    await log.ensureTopics([
      topic('a', 1, { retentionMs: 50 }),
      topic('c', 1, { cleanup: 'compact' }),
    ])
    await append(log, tp('a'), 'old')
    const appender = log.appender()
    for (const value of ['1', '2', '3']) await appender.append('c', 0, [record(value, 'key')])
    time += 1_000
    await append(log, tp('a'), 'new')
    await expect.poll(() => readAll(log, tp('a'))).toEqual(['new'])
    await expect.poll(() => readAll(log, tp('c'))).toEqual(['2', '3'])
    await log.close()
  })
})

describe('a damaged data file', () => {
  async function sound(): Promise<string> {
    const log = await open()
    await log.ensureTopics([topic('a')])
    for (let i = 0; i < 30; i++) await append(log, tp('a'), `${i}`.padEnd(20_000, 'x'))
    await log.close()
    return join(directory, 'data.mdb')
  }

  test('that is something else is refused', async () => {
    writeFileSync(join(directory, 'data.mdb'), Buffer.alloc(50_000, 'garbage'))
    expect(await codeOfOpening()).toBe('log_corrupt')
  })

  test('that is shorter than one page is refused', async () => {
    writeFileSync(join(directory, 'data.mdb'), 'x')
    expect(await codeOfOpening()).toBe('log_corrupt')
  })

  test('that was cut off is refused', async () => {
    truncateSync(await sound(), 100_000)
    expect(await codeOfOpening()).toBe('log_corrupt')
  })

  test('with a changed byte in a record is noticed when it is read', async () => {
    const file = await sound()
    const content = readFileSync(file)
    const at = content.indexOf('17xxxx')
    content[at + 500] = 0
    writeFileSync(file, content)
    const log = await open()
    const code = await readAll(log, tp('a')).catch((e: unknown) => findError(e)?.code)
    expect(code).toBe('log_corrupt')
    await log.close()
  })

  test('is left as it is, so that a copy can be made', async () => {
    const file = await sound()
    truncateSync(file, 100_000)
    copyFileSync(file, join(directory, 'before'))
    await codeOfOpening()
    expect(readFileSync(file).equals(readFileSync(join(directory, 'before')))).toBe(true)
  })

  test('a copied directory opens, whoever owned the original', async () => {
    const log = await open()
    await log.ensureTopics([topic('a')])
    await append(log, tp('a'), 'copied')
    const copy = `${directory}-copy`
    cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    try {
      const second = await open(copy)
      expect(await readAll(second, tp('a'))).toEqual(['copied'])
      await second.close()
    } finally {
      rmSync(copy, { recursive: true, force: true })
      await log.close()
    }
  })
})

describe('read-only', () => {
  test('needs a log', async () => {
    const code = await openEmbeddedLogReadOnly(directory).catch((e: unknown) => findError(e)?.code)
    expect(code).toBe('log_missing')
  })

  test('reads what was committed, knows topics made later, and refuses after close', async () => {
    const log = await open()
    await log.ensureTopics([topic('a')])
    await append(log, tp('a'), 'x')
    await log.close()
    const shared = await openEmbeddedLogReadOnly(directory)
    expect(await readAll(shared, tp('a'))).toEqual(['x'])
    expect(await shared.bounds([tp('a')])).toEqual([{ start: 0, end: 1 }])
    const reader = shared.reader()
    const missing = await reader
      .read(tp('b'), 0, NO_LIMIT)
      .catch((e: unknown) => findError(e)?.code)
    expect(missing).toBe('log_unknown_topic')
    await shared.close()
    const closed = await shared.topics().catch((e: unknown) => findError(e)?.code)
    expect(closed).toBe('log_closed')
  })
})
