/**
 * What a producer, an operator or a disk may get wrong, each tried on the whole product: a stable code
 * that says what to do, and nothing lost: read = accepted + duplicates + rejected.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS, findError } from '#engine'
import {
  activateDirectory,
  activateModelFile,
  applyDefinitions,
  definitionFiles,
} from './app/activate.ts'
import { App } from './app/app.ts'
import { readValues } from './app/read-topic.ts'
import { TOPICS } from './app/topology.ts'
import { BAD_RECORDS, NOW, ODD_RECORDS } from './bad-input.fixture.ts'
import { MemoryIo } from './cli/io.fixture.ts'
import { runCli } from './cli/run.ts'
import { packagePath } from './package-root.ts'
import { replay } from './replay/replay.ts'
import { type RunSummary, summarise } from './replay/summary.ts'
import { outcomeOf, plannedDirectory, startServer, starvedServer } from './start/start.fixture.ts'

const SHOP = packagePath('examples/shop')
const MODEL = packagePath('examples/models/hillstrom-visit.json')

let root = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'opportune-bad-input-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function withApp<T>(name: string, use: (app: App) => Promise<T>): Promise<T> {
  const app = await App.open({
    directory: join(root, name),
    log: { kind: 'embedded', durability: 'os' },
    partitions: 2,
    build: 'test',
    now: () => NOW,
  })
  try {
    app.run()
    await activateDirectory(app, SHOP)
    await app.settled()
    return await use(app)
  } finally {
    await app.stop()
  }
}

const rejections = ({ rejected }: RunSummary): number =>
  Object.values(rejected).reduce((sum, n) => sum + n, 0)

async function cli(...words: string[]) {
  const io = new MemoryIo()
  const code = await runCli(words, io)
  return { code, out: io.out.text, err: io.err.text }
}

const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => findError(error)?.code,
  )

describe('records on the topic', () => {
  test.each(BAD_RECORDS.map((it) => [it.name, it] as const))(
    '[ING-4] %s: a dead letter with its code and its bytes, and the next record is taken',
    async (name, { bytes, code }) => {
      const good = '{"type":"track","event":"Product Viewed","userId":"ann","messageId":"good"}'
      const summary = await withApp(`one-${name}`, async (app) => {
        await app.ingest([bytes, Buffer.from(good)], NOW)
        await app.settled()
        expect(app.failure).toBeNull()
        const [letter] = await letters(app)
        expect(letter).toMatchObject({ code, bytes: bytes.toString('base64') })
        return summarise(app.log)
      })
      expect(summary).toMatchObject({ accepted: 1, duplicates: 0, rejected: { [code]: 1 } })
    },
    15_000,
  )

  test('[ING-4] what only looks wrong is taken, and believed no more than it deserves', async () => {
    await withApp('odd', async (app) => {
      await app.ingest(
        ODD_RECORDS.map((it) => it.bytes),
        NOW,
      )
      await app.settled()
      const summary = await summarise(app.log)
      expect(summary).toMatchObject({ accepted: ODD_RECORDS.length, rejected: {} })
      expect(app.customer('ann')?.key).toBe('u:ann')
      expect(app.customer('eve')).toBeNull()
      const untouched: Record<string, unknown> = {}
      expect(untouched['admin']).toBeUndefined()
      // Money has bounds of its own: neither of the two orders makes her rich or poor.
      const { orders } = app.customer('ann')?.profile ?? {}
      for (const { revenue } of orders?.recent ?? []) {
        expect(Number.isSafeInteger(revenue)).toBe(true)
        expect(revenue).toBeGreaterThanOrEqual(0)
      }
    })
  })

  test('[ING-4] all of it at once adds up, whatever the slices and partitions', async () => {
    const file = join(root, 'all.ndjson')
    const lines = [...BAD_RECORDS, ...ODD_RECORDS, ...ODD_RECORDS].map((it) => it.bytes)
    // An empty line is no record, in a file.
    const said = lines.filter((it) => it.length > 0)
    const tooLong = Buffer.from(`{"type":"track","event":"X","userId":"${'x'.repeat(2 << 20)}"}`)
    writeFileSync(file, Buffer.concat([...said, tooLong].flatMap((it) => [it, Buffer.from('\n')])))
    const run = (partitions: number, batch: number) =>
      replay({ file, format: 'ndjson', definitions: SHOP, model: null, partitions, batch })
    const whole = await run(1, 1_000)
    expect(whole.read).toBe(said.length + 1)
    expect(whole.read).toBe(whole.accepted + whole.duplicates + rejections(whole))
    expect(whole).toMatchObject({ accepted: ODD_RECORDS.length, duplicates: ODD_RECORDS.length })
    const { output_hash, rejected } = await run(4, 1)
    expect({ output_hash, rejected }).toEqual({
      output_hash: whole.output_hash,
      rejected: whole.rejected,
    })
  }, 30_000)

  test('[ING-4] [ING-6] a record too large for the log is refused before it is taken', async () => {
    await withApp('large', async (app) => {
      expect(await codeOf(app.ingest([Buffer.alloc(2 << 20, 'x')], NOW))).toBe(
        'log_record_too_large',
      )
      // Below the log's limit, and above it as the dead letter that it becomes: still kept.
      const bad = Buffer.from(`{"type":"track","event":"${'x'.repeat(1_000_000)}"}`)
      await app.ingest([bad], NOW)
      await app.settled()
      expect(app.failure).toBeNull()
      expect(rejections(await summarise(app.log))).toBe(1)
    })
  })
})

async function letters(app: App): Promise<readonly { code: string; bytes: string }[]> {
  const found = []
  for await (const value of readValues(app.log, TOPICS.deadLetters))
    found.push(JSON.parse(Buffer.from(value).toString('utf8')) as { code: string; bytes: string })
  return found
}

describe('dead letters after a fix', () => {
  test('[ING-4] are listed, sent again, and counted once', async () => {
    const name = 'fixed'
    const data = join(root, name)
    await withApp(name, async (app) => {
      // What an earlier release refused and this one takes.
      const bytes = Buffer.from('{"type":"track","event":"X","userId":"ann","messageId":"m1"}')
      const letter = {
        code: 'timestamp_invalid',
        reason: 'was not understood',
        by: 'validate',
        topic: TOPICS.events,
        partition: 0,
        offset: 0,
        at: NOW,
        bytes: bytes.toString('base64'),
      }
      const appender = app.log.appender()
      await appender.append(TOPICS.deadLetters, 0, [
        { key: null, value: Buffer.from(JSON.stringify(letter)) },
      ])
      await appender.close()
      await app.ingest([Buffer.from('still not JSON')], NOW)
      await app.settled()
    })
    const listed = await cli('dlq', 'list', '--data', data, '--json')
    expect(listed.code).toBe(0)
    expect(listed.out).toContain('timestamp_invalid')
    expect(listed.out).toContain('invalid_json')
    for (let twice = 0; twice < 2; twice++) {
      const again = await cli(
        'dlq',
        'redrive',
        '--code',
        'timestamp_invalid',
        '--data',
        data,
        '--json',
      )
      expect(JSON.parse(again.out)).toMatchObject({ redriven: 1 })
    }
    const summary = await withApp(name, async (app) => {
      await app.settled()
      return summarise(app.log)
    })
    expect(summary).toMatchObject({ accepted: 1, duplicates: 1 })
  }, 20_000)
})

describe('definitions and models', () => {
  test.each([
    ['not YAML', 'kind: [campaign'],
    ['an unknown kind', 'kind: spell\nid: x\nspec: {}\n'],
    [
      'a trigger that is not there',
      'kind: campaign\nid: c\nspec: { title: C, triggers: [nowhere], topic: marketing, value: 1, actions: [] }\n',
    ],
  ])('[TRG-1] %s is refused with file, line and reason; what runs stays', async (name, text) => {
    await withApp(`definitions-${name}`, async (app) => {
      const before = app.shared('definitions')
      const applied = await applyDefinitions(app, [{ path: 'shop.yaml', text }])
      expect(applied.ok).toBe(false)
      if (applied.ok) return
      const [first] = applied.problems
      expect(first).toMatchObject({ file: expect.any(String), line: expect.any(Number) })
      expect(first?.reason).not.toBe('')
      await app.settled()
      expect(app.shared('definitions')).toBe(before)
    })
  })

  test.each([
    ['no text at all', ''],
    ['only comments', '# triggers: later\n\n---\n# and caps\n'],
  ])('[CFG-1] a file with %s is refused by name; what runs stays', async (name, text) => {
    const directory = join(root, `emptied-${name}`)
    cpSync(SHOP, directory, { recursive: true })
    writeFileSync(join(directory, 'triggers.yaml'), text)
    await withApp(`emptied-app-${name}`, async (app) => {
      const before = app.shared('definitions')
      const problem = { file: 'triggers.yaml', line: 1, path: '' }
      const applied = await applyDefinitions(app, definitionFiles(directory))
      expect(applied.ok ? [] : applied.problems[0]).toMatchObject(problem)
      expect(await codeOf(activateDirectory(app, directory))).toBe('definitions_refused')
      await app.settled()
      expect(app.shared('definitions')).toBe(before)
    })
    const { code, err } = await cli('apply', directory, '--dry-run')
    expect(code).toBe(2)
    expect(err).toMatch(/^definitions_refused: [^]*^triggers\.yaml:1: there is no document/m)
  })

  test('[CFG-1] a directory without files is not the empty set', async () => {
    const directory = join(root, 'no-definitions')
    mkdirSync(directory)
    await withApp('no-definitions-app', async (app) => {
      const before = app.shared('definitions')
      expect(await codeOf(activateDirectory(app, directory))).toBe('definitions_unreadable')
      expect(app.shared('definitions')).toBe(before)
    })
    const { code, err } = await cli('apply', directory, '--dry-run')
    expect(code).toBe(2)
    expect(err).toMatch(/^definitions_unreadable: /)
  })

  test('[TRG-1] on the command line: exit code 2, and where', async () => {
    const directory = join(root, 'wrong-shop')
    mkdirSync(directory)
    writeFileSync(join(directory, 'shop.yaml'), 'kind: campaign\nid: c\nspec: { colour: red }\n')
    const { code, err } = await cli('apply', directory, '--dry-run')
    expect(code).toBe(2)
    expect(err).toMatch(/^definitions_refused: /)
    expect(err).toMatch(/shop\.yaml:\d+/)
  })

  const whole = readFileSync(MODEL, 'utf8')
  test.each([
    ['truncated', whole.slice(0, whole.length / 2), 'model_truncated'],
    ['altered', whole.replace(/"version": "..../, '"version": "0000'), 'model_corrupt'],
    ['of something else', '{"hello":"world"}', 'model_foreign'],
    ['an image', 'GIF89a', 'model_foreign'],
  ])(
    '[MOD-1] an artefact that is %s is refused; scoring goes on with the one before',
    async (name, text, code) => {
      const file = join(root, `model-${name}.json`)
      writeFileSync(file, text)
      await withApp(`model-${name}`, async (app) => {
        await activateModelFile(app, MODEL)
        await app.settled()
        const before = app.shared('active-model')
        expect(await codeOf(activateModelFile(app, file))).toBe(code)
        await app.settled()
        expect(app.shared('active-model')).toBe(before)
      })
    },
  )
})

describe('disks', () => {
  test('[SYS-3] a full one ends the process with log_full; with room again it goes on, and nothing is lost', async () => {
    const whole = plannedDirectory(root, 'roomy')
    const roomy = await startServer(whole)
    await roomy.ready
    await roomy.stop()
    const data = plannedDirectory(root, 'cramped')
    // 1.5 MiB: enough to begin with, too little for the import.
    expect(await starvedServer(data, 3_072)).toBe('log_full')
    expect(ERRORS.log_full.remedy).toContain('Free space')
    const server = await startServer(data)
    await server.ready
    await server.stop()
    expect(await outcomeOf(data)).toEqual(await outcomeOf(whole))
  }, 60_000)
})
