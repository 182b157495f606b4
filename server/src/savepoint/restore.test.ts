import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { activateDirectory } from '../app/activate.ts'
import { App } from '../app/app.ts'
import { MemoryIo } from '../cli/io.fixture.ts'
import { runCli } from '../cli/run.ts'
import { packagePath } from '../package-root.ts'
import { takeSavepoint } from './index.ts'

const NOW = Date.UTC(2026, 10, 20, 9)
const USERS = 23
let root = ''
let old = ''
let savepoint = ''
let profiles: unknown[] = []

const open = (directory: string, partitions: number): Promise<App> =>
  App.open({
    directory,
    log: { kind: 'embedded', durability: 'os' },
    partitions,
    build: '0.1.0',
    now: () => NOW,
  })

const calls = (from: number, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i
    return Buffer.from(
      JSON.stringify({
        type: 'track',
        event: n % 7 === 0 ? 'Order Completed' : 'Product Viewed',
        messageId: `m${n}`,
        userId: `u${n % USERS}`,
        properties: { product_id: `p${n % 5}`, order_id: `o${n}`, total: 10 + n },
      }),
    )
  })

const profilesOf = (app: App): unknown[] =>
  Array.from({ length: USERS }, (_, n) => app.customer(`u${n}`))

async function restore(...words: string[]) {
  const io = new MemoryIo()
  const code = await runCli(['restore', ...words], io)
  return { code, out: io.out.text, err: io.err.text }
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'opportune-restore-'))
  old = join(root, 'data')
  const app = await open(old, 4)
  app.run()
  await activateDirectory(app, packagePath('examples/shop'))
  await app.ingest(calls(0, 200), NOW)
  await app.settled()
  savepoint = (await takeSavepoint(app, null)).path
  await app.ingest(calls(200, 100), NOW)
  await app.settled()
  profiles = profilesOf(app)
  await app.stop()
  writeFileSync(join(old, 'credentials.json'), '{}')
  mkdirSync(join(old, 'keys'))
  writeFileSync(join(old, 'keys', 'audit.pem'), 'key')
}, 60_000)

afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('restore', () => {
  test.each([1, 7])(
    '[V3] every customer goes on where they were, on %i partitions instead of 4',
    async (partitions) => {
      const into = join(root, `data-${partitions}`)
      const { code, out, err } = await restore(
        savepoint,
        '--into',
        into,
        '--partitions',
        `${partitions}`,
      )
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(out).toContain(`customer-inbox: 4 -> ${partitions} partitions`)
      expect(out).toContain(`start --data ${into} --partitions ${partitions}`)
      expect(readFileSync(join(into, 'keys', 'audit.pem'), 'utf8')).toBe('key')
      expect(existsSync(join(into, 'credentials.json'))).toBe(true)
      const app = await open(into, partitions)
      expect(app.shared('definitions')).toBeDefined()
      app.run()
      // The calls that came after the savepoint are processed here again.
      await app.settled()
      expect(profilesOf(app)).toEqual(profiles)
      // A call that both directories had is still known.
      await app.ingest(calls(0, 1), NOW)
      await app.settled()
      expect(profilesOf(app)).toEqual(profiles)
      await app.stop()
    },
    30_000,
  )

  test('a directory that is in use, and an old one that runs, are refused', async () => {
    const words = [savepoint, '--partitions', '2', '--json', '--into']
    const used = await restore(...words, old)
    expect([used.code, JSON.parse(used.err).code]).toEqual([1, 'savepoint_target_used'])
    const app = await open(old, 4)
    const owned = await restore(...words, join(root, 'new'))
    await app.stop()
    expect([owned.code, JSON.parse(owned.err).code]).toEqual([1, 'log_owned'])
    const nowhere = await restore(...words, join(root, 'new'), '--from', join(root, 'nowhere'))
    expect(JSON.parse(nowhere.err).code).toBe('log_missing')
    expect(readdirSync(root).filter((name) => name.startsWith('new'))).toEqual([])
  }, 30_000)

  test('a first import that is not done is refused', async () => {
    const path = join(old, 'import.json')
    writeFileSync(path, '{"state":"under way"}')
    const words = [savepoint, '--partitions', '2', '--json', '--into', join(root, 'new')]
    const { err } = await restore(...words)
    rmSync(path)
    expect(JSON.parse(err).code).toBe('savepoint_unsettled')
  })
})
