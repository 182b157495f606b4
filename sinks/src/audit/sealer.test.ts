import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createSimulatedLog,
  type EventLog,
  findError,
  type LogAppender,
  OpportuneError,
} from '#engine'
import { chainBytes } from './chains.fixture.ts'
import { openSigningKey, readPublicKey } from './keys.ts'
import { readSealFile } from './outside-copy.ts'
import { auditRecords, filterRecords } from './read.ts'
import { decodeSeal, encodeSeal, type Seal, signSeal, verifySeals } from './seal.ts'
import { SEALS, sealLines } from './seal-topic.ts'
import { type Sealer, startSealer } from './sealer.ts'
import { verifyChains } from './verify.ts'

const HOUR = 3_600_000
let directory = ''
let clock = 0

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'opportune-seals-'))
  clock = Date.UTC(2026, 10, 20, 12)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const copyFile = (): string => join(directory, 'outside', 'seals.ndjson')
const signingKey = (name = 'seal.key') => openSigningKey({ file: join(directory, name) })
const publicKey = () => readPublicKey(readFileSync(join(directory, 'seal.key.pub'), 'utf8'))

async function logWithDecisions(): Promise<EventLog> {
  const log = createSimulatedLog({ now: () => clock })
  await log.ensureTopics([{ name: 'decisions', partitions: 2, cleanup: 'delete' }])
  return log
}

async function append(
  log: EventLog,
  partition: number,
  range: readonly [number, number],
): Promise<void> {
  const bytes = chainBytes(`decisions/${partition}`, range[1]).slice(range[0])
  const records = bytes.map((value) => ({ key: null, value }))
  await log.appender().append('decisions', partition, records)
}

const start = (log: EventLog): Promise<Sealer> =>
  startSealer({
    log,
    key: signingKey(),
    outsideFile: copyFile(),
    now: () => clock,
    everyMs: HOUR,
  })

const topicLines = (log: EventLog): Promise<readonly string[]> => sealLines(log, log.reader(), 0)

async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** The same log with another way to append; its methods live on a prototype. */
const withAppender = (log: EventLog, appender: () => LogAppender): EventLog => ({
  kind: log.kind,
  ensureTopics: (specs) => log.ensureTopics(specs),
  topics: () => log.topics(),
  bounds: (partitions) => log.bounds(partitions),
  member: (options) => log.member(options),
  reader: () => log.reader(),
  onAppend: (topics, listener) => log.onAppend(topics, listener),
  close: () => log.close(),
  appender,
})

const codeOf = (error: unknown): string | undefined => findError(error)?.code

describe('the sealer', () => {
  test('[AUD-2] seals every chain, in the log and outside, and the seals verify', async () => {
    const log = await logWithDecisions()
    await append(log, 0, [0, 5])
    const sealer = await start(log)
    expect((await sealer.seal())?.heads.map((head) => [head.chain, head.seq])).toEqual([
      ['decisions/0', 4],
    ])
    await append(log, 1, [0, 3])
    await append(log, 0, [5, 600])
    await sealer.seal()
    expect(sealer.status()).toMatchObject({ state: 'sealing', lastSeal: 1, sealedRecords: 603 })
    await sealer.stop()

    const outside = readSealFile(copyFile())
    expect(await topicLines(log)).toEqual(outside)
    const { seals, fault } = verifySeals(outside, [publicKey()])
    expect(fault).toBeUndefined()
    const sealed = seals.flatMap((seal) => seal.heads)
    const { chains, faults } = await verifyChains(auditRecords(log), sealed)
    expect(faults).toEqual([])
    expect(chains.map((chain) => chain.sealedTo)).toEqual([599, 2])
  })

  test('[AUD-2] writes a seal at least every minute, and none in between when nothing is new', async () => {
    const log = await logWithDecisions()
    const sealer = await start(log)
    expect(await sealer.seal()).toBeUndefined()
    await append(log, 0, [0, 1])
    expect(await sealer.seal()).toBeDefined()
    clock += 59_999
    expect(await sealer.seal()).toBeUndefined()
    clock += 1
    expect((await sealer.seal())?.number).toBe(1)
    await sealer.stop()
  })

  test('[AUD-2] goes on after a crash: numbers, links and the copy', async () => {
    const log = await logWithDecisions()
    await append(log, 0, [0, 4])
    const first = await start(log)
    await first.seal()
    await append(log, 0, [4, 6])
    await first.seal()
    await first.stop()
    // The crash came after the topic had the second seal and cut its line in the copy.
    const [one, two] = readSealFile(copyFile())
    writeFileSync(copyFile(), `${one}\n${two?.slice(0, 40)}`)

    await append(log, 0, [6, 9])
    const second = await start(log)
    expect(readSealFile(copyFile())).toEqual([one, two])
    expect((await second.seal())?.number).toBe(2)
    await second.stop()
    expect(verifySeals(readSealFile(copyFile()), [publicKey()]).fault).toBeUndefined()
  })

  test('[AUD-2] after an append whose outcome is unknown no seal comes twice or is lost', async () => {
    for (const arrives of [true, false]) {
      rmSync(join(directory, 'outside'), { recursive: true, force: true })
      const log = await logWithDecisions()
      await append(log, 0, [0, 2])
      let failures = 1
      const appender = (): LogAppender => {
        const real = log.appender()
        return {
          close: () => real.close(),
          append: async (topic, partition, records) => {
            if (failures-- <= 0) return real.append(topic, partition, records)
            if (arrives) await real.append(topic, partition, records)
            throw new OpportuneError('log_commit_unknown', 'The answer was lost.')
          },
        }
      }
      const sealer = await start(withAppender(log, appender))
      expect(codeOf(await sealer.seal().catch((error: unknown) => error))).toBe(
        'log_commit_unknown',
      )
      await append(log, 0, [2, 4])
      await sealer.seal()
      await sealer.stop()
      expect(readSealFile(copyFile())).toEqual(await topicLines(log))
      expect(readSealFile(copyFile())).toHaveLength(arrives ? 2 : 1)
      expect(verifySeals(await topicLines(log), [publicKey()]).fault).toBeUndefined()
    }
  })

  test('[AUD-2] finds the last seal among many', async () => {
    const log = await logWithDecisions()
    const sealer = await start(log)
    for (let n = 0; n < 40; n++) {
      await append(log, 0, [n, n + 1])
      await sealer.seal()
    }
    await sealer.stop()
    rmSync(copyFile())
    const again = await start(log)
    expect(again.status().lastSeal).toBe(39)
    await again.stop()
    expect(readSealFile(copyFile())).toHaveLength(40)
  })

  test('[AUD-2] does not seal a chain that does not go on', async () => {
    const log = await logWithDecisions()
    await append(log, 0, [0, 3])
    const sealer = await start(log)
    await sealer.seal()
    await append(log, 0, [4, 6])
    expect(codeOf(await sealer.seal().catch((error: unknown) => error))).toBe('audit_broken')
    expect(sealer.status()).toMatchObject({ state: 'broken', lastSeal: 0 })
    expect(sealer.status().reason).toContain('decisions/0 breaks at record 3')
    await sealer.stop()
    expect(await topicLines(log)).toHaveLength(1)
  })

  test('[AUD-2] refuses a log that has lost seals its copy knows, or has others', async () => {
    const log = await logWithDecisions()
    await append(log, 0, [0, 3])
    const sealer = await start(log)
    await sealer.seal()
    await sealer.stop()
    const fresh = await logWithDecisions()
    expect(codeOf(await start(fresh).catch((error: unknown) => error))).toBe('audit_broken')

    await append(fresh, 0, [0, 2])
    const elsewhere = await startSealer({
      log: fresh,
      key: signingKey(),
      outsideFile: join(directory, 'other'),
      now: () => clock,
    })
    await elsewhere.seal()
    await elsewhere.stop()
    expect(codeOf(await start(fresh).catch((error: unknown) => error))).toBe('audit_broken')
  })
})

describe('seals that were tampered with', () => {
  async function threeSeals(): Promise<readonly string[]> {
    const log = await logWithDecisions()
    const sealer = await start(log)
    for (let n = 1; n <= 3; n++) {
      await append(log, 0, [n * 2 - 2, n * 2])
      await sealer.seal()
    }
    await sealer.stop()
    return readSealFile(copyFile())
  }

  const faultOf = (lines: readonly string[]) => verifySeals(lines, [publicKey()]).fault

  test('[AUD-2] changed, removed, swapped or repeated: the first bad one is named', async () => {
    const lines = await threeSeals()
    const [a, b, c] = lines as [string, string, string]
    const changed = encodeSeal({ ...decodeSeal(b), at: clock + 1 })
    expect(faultOf([a, changed, c])).toEqual({ number: 1, what: 'its signature does not fit' })
    expect(faultOf([a, c])).toMatchObject({ number: 1 })
    expect(faultOf([b, c])).toMatchObject({ number: 0 })
    expect(faultOf([a, c, b])).toMatchObject({ number: 1 })
    expect(faultOf([a, b, b])).toMatchObject({ number: 2 })
    expect(faultOf([a, `${b} `, c])).toMatchObject({ number: 1 })
    expect(faultOf([])).toBeUndefined()
  })

  test('[AUD-2] signed anew with another key: named, and the key with it', async () => {
    const lines = await threeSeals()
    const other = signingKey('other.key')
    const again = (seal: Seal, prev: string): string =>
      encodeSeal(signSeal({ ...seal, prev }, other))
    const [a, b] = lines.map(decodeSeal) as [Seal, Seal]
    expect(faultOf([lines[0] as string, again(b, b.prev)])?.what).toContain(other.id)
    expect(faultOf([again(a, a.prev)])).toMatchObject({ number: 0 })
    // A key id that lies does not help.
    const lying = encodeSeal({ ...signSeal({ ...b, prev: b.prev }, other), key: a.key })
    expect(faultOf([lines[0] as string, lying])?.what).toBe('its signature does not fit')
  })

  test('[AUD-2] whoever holds the key cannot take a chain back unseen', async () => {
    const [a, b] = (await threeSeals()).map(decodeSeal) as [Seal, Seal]
    const back = signSeal(
      { ...b, heads: [{ ...(a.heads[0] as Seal['heads'][0]), seq: 0 }] },
      signingKey(),
    )
    expect(faultOf([encodeSeal(a), encodeSeal(back)])?.what).toBe('the chain decisions/0 goes back')
  })
})

describe('the signing key', () => {
  test('[AUD-2] is made once, for its owner alone, and refused where others may read it', () => {
    const first = signingKey()
    expect(statSync(join(directory, 'seal.key')).mode & 0o777).toBe(0o600)
    expect(signingKey().id).toBe(first.id)
    expect(signingKey('other.key').id).not.toBe(first.id)
    const pem = readFileSync(join(directory, 'seal.key'), 'utf8')
    expect(openSigningKey({ file: join(directory, 'none'), pem }).id).toBe(first.id)
    writeFileSync(join(directory, 'open.key'), pem, { mode: 0o644 })
    expect(() => signingKey('open.key')).toThrow(/audit_key_unusable: Others may read/)
    writeFileSync(join(directory, 'bad.key'), 'no key', { mode: 0o600 })
    expect(() => signingKey('bad.key')).toThrow(/audit_key_unusable: No Ed25519 key/)
  })
})

describe('exports', () => {
  test('[AUD-4] by customer, period and rule; the bytes stay as stored', async () => {
    const log = await logWithDecisions()
    await append(log, 0, [0, 21])
    const all = await collect(auditRecords(log))
    const ids = async (filter: Parameters<typeof filterRecords>[1]): Promise<readonly number[]> =>
      (await collect(filterRecords(auditRecords(log), filter))).map((it) => it.offset)
    expect(all).toHaveLength(21)
    expect(await ids({ customer: 'u:3' })).toEqual([3, 10, 17])
    expect(await ids({ customer: 'u:3', from: clock + 10_000 })).toEqual([10, 17])
    expect(await ids({ to: clock + 2_000, rule: 'FAT-2' })).toEqual([0, 1])
    expect(await ids({ rule: 'TIM-3' })).toEqual([])
  })
})

test('[AUD-2] a topic without seals has no last one', async () => {
  const log = await logWithDecisions()
  await log.ensureTopics([{ name: SEALS, partitions: 1, cleanup: 'delete' }])
  expect(await topicLines(log)).toEqual([])
})
