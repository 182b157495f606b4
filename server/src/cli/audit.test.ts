import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findError, openEmbeddedLog } from '#engine'
import { openSigningKey, startSealer } from '#sinks'
import { auditText, verifyAudit } from './audit.ts'
import { MONDAY, makeShop, type Shop } from './backend/shop.fixture.ts'
import { MemoryIo } from './io.fixture.ts'
import { runCli } from './run.ts'

let shop: Shop
let outside = ''
let publicKey = ''

beforeAll(async () => {
  shop = await makeShop()
  outside = join(shop.directory, 'elsewhere.ndjson')
  const file = join(shop.directory, 'keys', 'audit.pem')
  publicKey = `${file}.pub`
  const log = await openEmbeddedLog({ directory: join(shop.directory, 'log') })
  const key = openSigningKey({ file })
  const sealer = await startSealer({ log, key, outsideFile: outside, now: () => MONDAY })
  await sealer.seal()
  await sealer.stop()
  await log.close()
})
afterAll(() => shop.remove())

const given = () => ({ directory: shop.directory, seals: outside, keys: [publicKey] })

describe('[AUD-2] audit verify', () => {
  test('every record stands and is sealed; where the seals came from is said', async () => {
    const own = await verifyAudit({ directory: shop.directory })
    expect(own).toMatchObject({ ok: true, seals: { outside: false, fault: null } })
    expect(own.records).toBeGreaterThan(1)
    expect(
      own.chains.every(
        ({ records, sealedTo }) => sealedTo === (records === 0 ? null : records - 1),
      ),
    ).toBe(true)
    expect(auditText(own)).toMatch(/from the log itself, which shows accidents only/)
    expect(auditText(own)).toMatch(/\nok\n$/)
    const copied = await verifyAudit(given())
    expect(copied).toEqual({ ...own, seals: { ...own.seals, outside: true } })
  })

  test('a seal that was altered, or signed with a key that is not trusted', async () => {
    const altered = join(shop.directory, 'altered.ndjson')
    writeFileSync(altered, readFileSync(outside, 'utf8').replace('"number":0', '"number":1'))
    const result = await verifyAudit({ ...given(), seals: altered })
    expect(result).toMatchObject({ ok: false, seals: { trusted: 0, fault: { number: 0 } } })
    expect(auditText(result)).toMatch(/^SEAL 0: /m)
    const { file } = { file: join(shop.directory, 'stranger.pem') }
    openSigningKey({ file })
    const stranger = await verifyAudit({ ...given(), keys: [`${file}.pub`] })
    expect(stranger.seals.fault?.what).toMatch(/not trusted/)
  })

  test('a file that cannot be read is bad input', async () => {
    for (const wrong of [{ seals: 'no-such-file' }, { keys: ['no-such-file'] }]) {
      const error = await verifyAudit({ ...given(), ...wrong }).catch(findError)
      expect(error).toMatchObject({ code: 'audit_copy_unreadable', class: 'input' })
    }
  })

  test('a record that was put in is named; exit code 1, on both forms of output', async () => {
    const forged = join(shop.directory, 'forged.ndjson')
    copyFileSync(outside, forged)
    const log = await openEmbeddedLog({ directory: join(shop.directory, 'log') })
    const appender = log.appender()
    await appender.append('decisions', 0, [
      { key: null, value: Buffer.from('{"h":{},"b":"","x":""}') },
    ])
    await appender.close()
    await log.close()
    const result = await verifyAudit({ ...given(), seals: forged })
    expect(result.ok).toBe(false)
    expect(result.faults).toMatchObject([{ chain: 'decisions/0', kind: 'unreadable' }])
    const words = [
      'audit',
      'verify',
      '--data',
      shop.directory,
      '--seals',
      forged,
      '--key',
      publicKey,
    ]
    const text = new MemoryIo()
    expect(await runCli(words, text)).toBe(1)
    expect(text.out.text).toMatch(/^FAULT decisions\/0 record \d+ \(offset \d+\): unreadable, /m)
    const json = new MemoryIo()
    expect(await runCli([...words, '--json'], json)).toBe(1)
    expect(JSON.parse(json.out.text)).toMatchObject({ ok: false })
  })
})
