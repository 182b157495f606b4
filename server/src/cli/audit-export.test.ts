import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findError, openEmbeddedLog, openEmbeddedLogReadOnly } from '#engine'
import {
  auditRecords,
  type Decision,
  decisionChain,
  openSigningKey,
  readExport,
  startSealer,
} from '#sinks'
import { verifyAudit } from './audit.ts'
import { MemoryIo } from './io.fixture.ts'
import { runCli } from './run.ts'

const START = Date.UTC(2026, 10, 2)
const MINUTE = 60_000
const PARTITIONS = 2
/** Records of a chain between two seals; the last ones are not sealed. */
const STRETCHES = [10, 10, 10]
const UNSEALED = 3
const PER_CHAIN = 33

let root = ''
let data = ''
let key = ''
let outside = ''

const at = (seq: number): string => new Date(START + seq * MINUTE).toISOString()

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'opportune-export-'))
  data = join(root, 'data')
  mkdirSync(data)
  key = join(data, 'keys', 'audit.pem.pub')
  outside = join(root, 'seals.ndjson')
  const log = await openEmbeddedLog({ directory: join(data, 'log'), durability: 'os' })
  await log.ensureTopics([{ name: 'decisions', partitions: PARTITIONS, cleanup: 'delete' }])
  const sealer = await startSealer({
    log,
    key: openSigningKey({ file: join(data, 'keys', 'audit.pem') }),
    outsideFile: outside,
    now: () => START,
  })
  const heads = Array.from({ length: PARTITIONS }, (_, p) =>
    decisionChain.initial(`decisions/${p}`),
  )
  const appender = log.appender()
  const write = async (count: number, from: number): Promise<void> => {
    for (let partition = 0; partition < PARTITIONS; partition++)
      for (let seq = from; seq < from + count; seq++) {
        const decision = { timestamp: START + seq * MINUTE, continues: null } as Decision
        const bytes = Buffer.from(JSON.stringify({ ...decision, note: `n\u00fcmber ${seq}\n` }))
        const linked = decisionChain.next(heads[partition], decision, {
          now: decision.timestamp,
          bytes,
        })
        heads[partition] = linked.state
        await appender.append('decisions', partition, [{ key: null, value: linked.bytes }])
      }
  }
  let written = 0
  for (const count of STRETCHES) {
    await write(count, written)
    written += count
    await sealer.seal()
  }
  await sealer.stop()
  await write(UNSEALED, written)
  await appender.close()
  await log.close()
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function cli(...words: string[]) {
  const io = new MemoryIo()
  const code = await runCli(words, io)
  return { code, out: io.out.text, err: io.err.text }
}

let number = 0
const newFile = (): string => join(root, `export-${number++}`)

async function exported(...range: string[]): Promise<{ file: string; bytes: Buffer }> {
  const file = newFile()
  const { code, err } = await cli('audit', 'export', '--data', data, '--out', file, ...range)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return { file, bytes: readFileSync(file) }
}

const verifyFile = (file: string, over: { seals?: string } = {}) =>
  verifyAudit({ directory: join(root, 'nowhere'), file, keys: [key], ...over })

async function storedRecords() {
  const log = await openEmbeddedLogReadOnly(join(data, 'log'))
  const found = []
  for await (const { bytes, ...place } of auditRecords(log))
    found.push({ ...place, bytes: Buffer.from(bytes) })
  await log.close()
  return found
}

/** The file with other bytes; what a forger would also do: the digest fits again. */
async function altered(change: (text: string) => string): Promise<string> {
  const { bytes } = await exported()
  const file = newFile()
  const text = change(bytes.toString('latin1'))
  const body = text.slice(0, text.lastIndexOf('sha256 '))
  const digest = createHash('sha256').update(body, 'latin1').digest('hex')
  writeFileSync(file, `${body}sha256 ${digest}\n`, 'latin1')
  return file
}

/** The lines of a record: what announces it and its bytes. */
const recordAt = (chain: string, offset: number): RegExp =>
  new RegExp(`record ${chain} ${offset} \\d+\\n.*\\n`)
const recordOf = (text: string, chain: string, offset: number): string =>
  recordAt(chain, offset).exec(text)?.[0] ?? ''

describe('[AUD-4] an export', () => {
  test('holds the stored bytes, and any copy of it verifies with nothing but the public key', async () => {
    const { file } = await exported()
    const result = await verifyFile(file)
    expect(result).toMatchObject({
      ok: true,
      records: PARTITIONS * PER_CHAIN,
      seals: { trusted: STRETCHES.length, fault: null },
      export: { intact: true },
    })
    expect(result.chains.map((it) => it.sealedTo)).toEqual([29, 29])
    const log = await verifyAudit({ directory: data })
    expect(result.chains).toEqual(log.chains)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const copied = []
    for await (const part of readExport(file)) if (part.kind === 'record') copied.push(part.record)
    expect(copied).toEqual(await storedRecords())
    expect(await verifyFile(file, { seals: outside })).toMatchObject({
      ok: true,
      seals: { outside: true },
    })
  })

  test('into a directory gets a name; onto a file that exists it is refused', async () => {
    const directory = join(root, 'archive')
    mkdirSync(directory)
    const words = ['audit', 'export', '--data', data, '--out']
    const { out } = await cli(...words, directory, '--json')
    const { file } = JSON.parse(out) as { file: string }
    expect(file).toBe(join(directory, 'decisions-20261122T090000.audit'))
    const again = await cli(...words, file)
    expect(again.code).toBe(2)
    expect(again.err).toMatch(/^audit_export_exists: /)
    expect((await verifyFile(file)).ok).toBe(true)
  })

  test('of a range reaches to the seals around it and verifies alone', async () => {
    const { file } = await exported('--from', at(13), '--to', at(16))
    const result = await verifyFile(file)
    expect(result).toMatchObject({ ok: true, records: 2 * 10 })
    expect(result.chains.map((it) => it.sealedTo)).toEqual([19, 19])
    expect((await verifyFile(file, { seals: outside })).ok).toBe(true)
    const tail = await exported('--from', at(31))
    expect(await verifyFile(tail.file)).toMatchObject({ ok: true, records: 2 * UNSEALED })
    const none = await exported('--from', at(500))
    expect(await verifyFile(none.file)).toMatchObject({ ok: true, records: 0, chains: [] })
  })

  test('whose key is not trusted proves nothing', async () => {
    const { file } = await exported()
    const stranger = join(root, 'stranger.pem')
    openSigningKey({ file: stranger })
    const result = await verifyAudit({ directory: data, file, keys: [`${stranger}.pub`] })
    expect(result).toMatchObject({ ok: false, seals: { trusted: 0 } })
  })
})

describe('[AUD-2] [AUD-4] an export that was tampered with', () => {
  const faultOf = async (file: string, over: { seals?: string } = {}) => {
    const { ok, faults } = await verifyFile(file, over)
    expect(ok).toBe(false)
    return faults.map(({ chain, seq, kind }) => ({ chain, seq, kind }))
  }

  test('a record that was changed in place', async () => {
    const file = await altered((text) => text.replace('mber 17', 'mber 71'))
    expect(await faultOf(file)).toEqual([{ chain: 'decisions/0', seq: 17, kind: 'unreadable' }])
  })

  test('a record that was dropped', async () => {
    const file = await altered((text) => text.replace(recordAt('decisions/1', 12), ''))
    expect(await faultOf(file)).toEqual([{ chain: 'decisions/1', seq: 12, kind: 'removed' }])
  })

  test('a record that was put in', async () => {
    const file = await altered((text) =>
      text.replace(recordAt('decisions/1', 12), (one) => one + one),
    )
    expect(await faultOf(file)).toEqual([{ chain: 'decisions/1', seq: 12, kind: 'inserted' }])
  })

  test('two records that were swapped', async () => {
    const file = await altered((text) => {
      const two = recordOf(text, 'decisions/0', 5) + recordOf(text, 'decisions/0', 6)
      const turned = recordOf(text, 'decisions/0', 6) + recordOf(text, 'decisions/0', 5)
      return text.replace(two, turned)
    })
    expect(await faultOf(file)).toEqual([{ chain: 'decisions/0', seq: 5, kind: 'reordered' }])
  })

  test('an end that was cut off, sealed or not', async () => {
    const cut = (from: number) =>
      altered((text) => {
        for (let offset = from; offset < PER_CHAIN; offset++)
          text = text.replace(recordAt('decisions/0', offset), '')
        return text
      })
    expect(await faultOf(await cut(25))).toEqual([
      { chain: 'decisions/0', seq: 25, kind: 'truncated' },
    ])
    expect(await faultOf(await cut(31))).toEqual([
      { chain: 'decisions/0', seq: 31, kind: 'truncated' },
    ])
  })

  test('a chain that is gone as a whole', async () => {
    const file = await altered((text) => text.replaceAll(/record decisions\/1 .*\n.*\n/g, ''))
    expect(await faultOf(file)).toEqual([{ chain: 'decisions/1', seq: 0, kind: 'truncated' }])
  })

  test('a beginning that was cut off, with a manifest that says it was never asked for', async () => {
    const file = await altered((text) => {
      let left = text
      for (let offset = 0; offset < 4; offset++)
        left = left.replace(recordAt('decisions/0', offset), '')
      const prev = /"prev":"(\w+)"/.exec(recordOf(left, 'decisions/0', 4))?.[1] ?? ''
      const first = /"chain":"decisions\/0","records":33,"first":\{"seq":0,"prev":"0+"\}/
      const claim = `"chain":"decisions/0","records":29,"first":{"seq":4,"prev":"${prev}"}`
      return resized(left.replace(first, claim))
    })
    expect(await faultOf(file)).toEqual([{ chain: 'decisions/0', seq: 3, kind: 'removed' }])
  })

  test('an end that was cut off, manifest and all: what is left is an export of less, sealed to where it says', async () => {
    const file = await altered((text) => {
      let left = text
      for (let offset = 25; offset < PER_CHAIN; offset++)
        left = left.replace(recordAt('decisions/0', offset), '')
      const hash = /"x":"(\w+)"/.exec(recordOf(left, 'decisions/0', 24))?.[1] ?? ''
      const last = /("chain":"decisions\/0".*?"last":)\{"seq":32,"hash":"\w+"\}/
      return resized(left.replace(last, `$1{"seq":24,"hash":"${hash}"}`))
    })
    // Nothing in it is false; that more was asked for, only who asked can tell.
    const { ok, chains } = await verifyFile(file)
    expect({ ok, sealedTo: chains[0]?.sealedTo }).toEqual({ ok: true, sealedTo: 19 })
  })

  test('any flipped bit, wherever it is', async () => {
    const { bytes } = await exported('--from', at(13), '--to', at(14))
    const file = newFile()
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
        const damaged = Buffer.from(bytes)
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
        writeFileSync(file, damaged)
        const told = await verifyFile(file).then(
          ({ ok }) => (ok ? 'ok' : 'fault'),
          (error: unknown) => findError(error)?.code,
        )
        expect(told).toMatch(/^(fault|audit_export_invalid)$/)
      }),
      { numRuns: 150 },
    )
  })

  test('a file that was cut off anywhere, or is something else, is no export', async () => {
    const { bytes } = await exported('--from', at(13), '--to', at(14))
    const file = newFile()
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 2), async (length) => {
        writeFileSync(file, bytes.subarray(0, length))
        const error = await verifyFile(file).catch(findError)
        expect(error).toMatchObject({ code: 'audit_export_invalid', class: 'input' })
      }),
      { numRuns: 60 },
    )
    const { code, err } = await cli('audit', 'verify', '--file', key, '--key', key)
    expect(code).toBe(2)
    expect(err).toMatch(/^audit_export_invalid: /)
    const missing = await cli('audit', 'verify', '--file', join(root, 'none'), '--key', key)
    expect(missing.err).toMatch(/^audit_copy_unreadable: /)
  })

  test('the command says where and ends with 1', async () => {
    const file = await altered((text) => text.replace('mber 17', 'mber 71'))
    const { code, out } = await cli('audit', 'verify', '--file', file, '--key', key)
    expect(code).toBe(1)
    expect(out).toMatch(/^FAULT decisions\/0 record 17 \(offset 17\): unreadable, /m)
    expect(out).toMatch(/\nNOT ok\n$/)
  })
})

/** With the length of the manifest that it has now. */
const resized = (text: string): string =>
  text.replace(/manifest \d+\n(.*)\n/, (_, json: string) => `manifest ${json.length}\n${json}\n`)
