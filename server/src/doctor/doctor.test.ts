import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type Check, reportOf } from './check.ts'
import { dataDirectoryChecks, fileSystemCheck, spaceCheck, syncCheck } from './data-directory.ts'
import {
  clockCheck,
  filesCheck,
  hasSimd,
  machineChecks,
  memoryCheck,
  nodeCheck,
  simdCheck,
  timeZoneCheck,
} from './machine.ts'
import { packageChecks, probe } from './packages.ts'
import { portCheck } from './port.ts'
import { reportText } from './report.ts'

const GIB = 2 ** 30
const root = mkdtempSync(join(tmpdir(), 'opportune-doctor-test-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const byId = (checks: readonly Check[]): Record<string, Check> =>
  Object.fromEntries(checks.map((check) => [check.id, check]))

test('what is not well says what that costs and how to mend it', () => {
  const unwell = [
    nodeCheck('20.18.9'),
    memoryCheck(2 * GIB, GIB),
    filesCheck(1_024),
    simdCheck(false),
    clockCheck(0, Date.UTC(2026, 10, 1)),
    timeZoneCheck(() => '02'),
    timeZoneCheck(() => {
      throw new RangeError('no such zone')
    }),
    spaceCheck(0.5 * GIB),
    fileSystemCheck(0x6969),
    syncCheck([30, 40, 50]),
  ]
  for (const check of unwell) {
    expect(['warning', 'missing']).toContain(check.status)
    expect(check.cost).toMatch(/\.$/)
    expect(check.fix?.length).toBeGreaterThan(0)
  }
})

test('boundaries', () => {
  expect(['20.19.0', '22.0.0', '24.1.0'].map((v) => nodeCheck(v).status)).toEqual([
    'ok',
    'ok',
    'ok',
  ])
  expect(nodeCheck('18.20.4').status).toBe('missing')
  expect(spaceCheck(5 * GIB).status).toBe('ok')
  expect(spaceCheck(GIB).status).toBe('warning')
  expect(spaceCheck(GIB - 1).status).toBe('missing')
  expect(filesCheck(Number.POSITIVE_INFINITY).status).toBe('ok')
  expect(filesCheck(null).status).toBe('note')
  expect(syncCheck([1, 1, 500]).status).toBe('ok')
  // statfs gives the number signed on some systems.
  expect(fileSystemCheck(0xff534d42 | 0)).toMatchObject({ status: 'missing', found: 'CIFS' })
  expect(fileSystemCheck(0x01021994).status).toBe('warning')
})

test('this machine runs the tests, so it can run the product', () => {
  expect(reportOf(machineChecks()).ok).toBe(true)
  expect(hasSimd()).toBe(true)
  expect(hasSimd(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 99))).toBe(false)
})

describe('native packages', () => {
  const gone = async () => ({ ok: false as const, why: 'not installed' })

  test('only the log\u2019s is always required; ClickHouse is where no server is named', async () => {
    const alone = byId(await packageChecks(undefined, gone))
    const required = Object.values(alone).filter((check) => check.required)
    expect(required.map((check) => check.id)).toEqual(['lmdb', 'chdb'])
    const served = byId(await packageChecks('http://clickhouse:8123', gone))
    expect(served['chdb']?.required).toBe(false)
    for (const check of Object.values(alone)) expect(check.fix?.length).toBeGreaterThan(0)
  })

  test('the commands name the versions that the package asks for', async () => {
    const { kafka, 'tfjs-node': tfjs } = byId(await packageChecks(undefined, gone))
    expect(kafka?.fix?.at(-1)).toMatch(/@confluentinc\/kafka-javascript@\d+\.\d+\.\d+$/)
    expect(tfjs?.fix?.join('\n')).toMatch(/@tensorflow\/tfjs-node@\d+\.\d+\.\d+$/m)
  })

  test('a package that is not there, and one that kills its process', async () => {
    expect(await probe("await import('no-such-package-of-ours')")).toEqual({
      ok: false,
      why: 'not installed',
    })
    expect(await probe("throw new RangeError('too much')")).toEqual({ ok: false, why: 'too much' })
    expect(await probe("process.kill(process.pid, 'SIGKILL')")).toEqual({
      ok: false,
      why: 'SIGKILL',
    })
    expect(await probe('console.log(1)')).toEqual({ ok: true, said: '1' })
  })
})

describe('the data directory', () => {
  test('that is to be made is looked at where it will be, and not made', async () => {
    const checks = byId(await dataDirectoryChecks(join(root, 'to', 'be')))
    expect(checks['data-directory']).toMatchObject({ status: 'ok' })
    expect(checks['data-directory']?.found).toContain(`is to be made in ${root}`)
    expect(checks['disk-sync']?.found).toMatch(/^\d+\.\d ms to sync/)
    expect(checks['log']).toMatchObject({ status: 'note', found: 'none yet' })
    expect(readdirSync(root)).toEqual([])
  })

  test('with a log that is damaged: told before anything starts on it', async () => {
    const directory = join(root, 'damaged')
    mkdirSync(join(directory, 'log'), { recursive: true })
    writeFileSync(join(directory, 'log', 'data.mdb'), Buffer.alloc(8_192, 7))
    const checks = await dataDirectoryChecks(directory)
    expect(byId(checks)['log']).toMatchObject({ status: 'missing', required: true })
    expect(byId(checks)['log']?.found).toMatch(/^log_corrupt: /)
    expect(reportOf(checks).ok).toBe(false)
  })
})

test('a port: free, or held by another program', async () => {
  const server = createServer((socket) => socket.destroy())
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    }),
  )
  expect(await portCheck('127.0.0.1', port)).toMatchObject({
    status: 'warning',
    found: 'another program listens there',
  })
  await new Promise((resolve) => server.close(resolve))
  expect(await portCheck('127.0.0.1', port)).toMatchObject({ status: 'ok', found: 'free' })
  expect((await portCheck('192.0.2.1', 8_080)).status).toBe('warning')
})

test('the report: one line a check, costs and steps below, the verdict last', () => {
  const report = reportOf([
    { id: 'a', title: 'first', status: 'ok', required: true, found: '1.0' },
    {
      id: 'b',
      title: 'the second',
      status: 'missing',
      required: false,
      found: 'not installed',
      cost: 'It is slower.',
      fix: ['do this', 'then that'],
    },
    { id: 'c', title: 'third', status: 'missing', required: true, found: 'none' },
  ])
  expect(report.ok).toBe(false)
  expect(reportText(report)).toBe(`ok        first       1.0
missing   the second  not installed (optional)
          cost: It is slower.
          add:  do this
                then that
missing   third       none

Required and missing: third.
`)
})
