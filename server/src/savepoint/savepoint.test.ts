import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { activateDirectory } from '../app/activate.ts'
import { App } from '../app/app.ts'
import { packagePath } from '../package-root.ts'
import { takeSavepoint, verifyCommand } from './index.ts'

let directory = ''
let savepoint = ''

const open = (): Promise<App> =>
  App.open({
    directory,
    log: { kind: 'embedded', durability: 'os' },
    partitions: 4,
    build: '0.1.0',
    now: Date.now,
  })

const views = (from: number, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i
    return Buffer.from(
      JSON.stringify({
        type: 'track',
        event: n % 7 === 0 ? 'Order Completed' : 'Product Viewed',
        messageId: `m${n}`,
        userId: `u${n % 23}`,
        properties: { product_id: `p${n % 5}`, order_id: `o${n}`, total: 10 + n },
      }),
    )
  })

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-savepoint-'))
  const app = await open()
  app.run()
  await activateDirectory(app, packagePath('examples/shop'))
  await app.ingest(views(0, 200), Date.now())
  await app.settled()
  savepoint = (await takeSavepoint(app, null)).path
  await app.ingest(views(200, 300), Date.now())
  await app.settled()
  await app.stop()
}, 60_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('savepoints', () => {
  test('[SYS-4] [V2] the recorded inbox gives the recorded bytes and state', async () => {
    const result = await verifyCommand({ directory, savepoint }, () => {})
    expect(result).toMatchObject({
      different: 0,
      missing: 0,
      extra: 0,
      state_equal: true,
      differences: [],
    })
    expect(result.equal).toBe(result.outputs)
    expect(result.outputs).toBeGreaterThan(300)
  }, 30_000)

  test('[V1] the same moment gives the same bytes', async () => {
    const app = await open()
    const [a, b] = [join(directory, 'a'), join(directory, 'b')]
    const at = app.options.now
    const frozen = at()
    Object.assign(app.options, { now: () => frozen })
    await takeSavepoint(app, a)
    await takeSavepoint(app, b)
    await app.stop()
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true)
  }, 30_000)

  test('an altered or foreign file is refused with a code', async () => {
    const bytes = readFileSync(savepoint)
    const codes: (string | undefined)[] = []
    for (const change of [
      (b: Buffer) => b.subarray(0, b.length - 5),
      (b: Buffer) =>
        Buffer.concat([b.subarray(0, 900), Buffer.of((b[900] ?? 0) ^ 1), b.subarray(901)]),
      () => Buffer.from('something else'),
    ]) {
      const path = join(directory, 'altered')
      writeFileSync(path, change(bytes))
      const error = await verifyCommand({ directory, savepoint: path }, () => {}).catch(
        (e: unknown) => e,
      )
      codes.push(findError(error)?.code)
    }
    expect(codes).toEqual(['savepoint_corrupt', 'savepoint_corrupt', 'savepoint_mismatch'])
  }, 30_000)
})
