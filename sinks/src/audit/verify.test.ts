import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readDecision } from './chain.ts'
import { chainBytes, headAt, stored } from './chains.fixture.ts'
import { type AuditRecord, decodeRecord, encodeRecord, recordHash } from './record.ts'
import type { SealedHead } from './seal.ts'
import { type AuditFault, verifyChains } from './verify.ts'

const CHAIN = 'decisions/0'
const COUNT = 12

async function firstFault(
  bytes: readonly Uint8Array[],
  sealed: readonly SealedHead[] = [],
): Promise<Pick<AuditFault, 'seq' | 'kind' | 'offset'> | undefined> {
  const { faults } = await verifyChains(stored(CHAIN, bytes), sealed)
  expect(faults.length).toBeLessThanOrEqual(1)
  const [fault] = faults
  return fault && { seq: fault.seq, kind: fault.kind, offset: fault.offset }
}

const read = (bytes: Uint8Array | undefined): AuditRecord => {
  const record = decodeRecord(bytes ?? new Uint8Array())
  if (record === undefined) throw new Error('not a record')
  return record
}

/** The record with another body and a hash that fits it: what a forger who knows the format writes. */
function forged(
  bytes: Uint8Array | undefined,
  header: Partial<AuditRecord['header']> = {},
): Buffer {
  const record = read(bytes)
  const changed = { ...record.header, ...header }
  const body = record.body.replace('"winter"', '"summer"')
  expect(body).not.toBe(record.body)
  return encodeRecord({ header: changed, body, hash: recordHash(changed, body) })
}

/** A whole new history from `seq` on. */
function rewrittenFrom(chain: readonly Buffer[], seq: number): readonly Buffer[] {
  const kept = chain.slice(0, seq)
  let prev = seq === 0 ? read(chain[0]).header.prev : read(chain[seq - 1]).hash
  for (const bytes of chain.slice(seq)) {
    kept.push(forged(bytes, { prev }))
    prev = read(kept.at(-1)).hash
  }
  return kept
}

describe('a chain as it was written', () => {
  test('[AUD-2] verifies, sealed or not, and tells how far it is proven', async () => {
    const chain = chainBytes(CHAIN, COUNT)
    const other = chainBytes('decisions/1', 3)
    const sealed = [headAt(CHAIN, chain, 4), headAt(CHAIN, chain, 9)]
    const records = [...stored(CHAIN, chain), ...stored('decisions/1', other)]
    const { chains, faults } = await verifyChains(records, sealed)
    expect(faults).toEqual([])
    expect(chains).toEqual([
      { chain: CHAIN, records: COUNT, head: read(chain.at(-1)).hash, sealedTo: 9 },
      { chain: 'decisions/1', records: 3, head: read(other.at(-1)).hash, sealedTo: null },
    ])
  })

  test('[AUD-1] gives every decision back as it was, and points at what it continues', () => {
    const chain = chainBytes(CHAIN, 5)
    expect(readDecision(chain[4] as Buffer)).toMatchObject({
      decision_id: 'd-4',
      continues: 'd-3',
      inputs: { recency: 3, note: 'caf\u00e9 \u{1f600}' },
    })
    expect(read(chain[4]).header.refs).toEqual(['d-3'])
  })

  test('[AUD-2] headers hold no personal data', () => {
    const { header } = read(chainBytes(CHAIN, 1)[0])
    expect(Object.keys(header)).toEqual(['chain', 'seq', 'prev', 'now', 'kind', 'pid', 'refs'])
    expect(JSON.stringify(header)).not.toContain('u:0')
  })
})

describe('a chain that was tampered with', () => {
  test('[AUD-2] any flipped bit is found at its record', async () => {
    const chain = chainBytes(CHAIN, COUNT)
    const place = fc.integer({ min: 0, max: COUNT - 1 }).chain((seq) =>
      fc.record({
        seq: fc.constant(seq),
        byte: fc.integer({ min: 0, max: (chain[seq] as Buffer).length - 1 }),
        bit: fc.integer({ min: 0, max: 7 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(place, async ({ seq, byte, bit }) => {
        const bytes = chain.map((record) => Buffer.from(record))
        const record = bytes[seq] as Buffer
        record[byte] = (record[byte] as number) ^ (1 << bit)
        expect(await firstFault(bytes)).toEqual({ seq, kind: 'unreadable', offset: seq })
      }),
      { numRuns: 150 },
    )
  })

  test('[AUD-2] a respelling that means the same is found', async () => {
    const chain = [...chainBytes(CHAIN, 3)]
    chain[1] = Buffer.from(String(chain[1]).replace('"b":"{', '"b":"\\u007b'))
    expect(await firstFault(chain)).toEqual({ seq: 1, kind: 'unreadable', offset: 1 })
  })

  test('[AUD-2] a forged record with a fitting hash is named, not its honest successor', async () => {
    for (const seq of [0, 5, COUNT - 3]) {
      const chain = [...chainBytes(CHAIN, COUNT)]
      chain[seq] = forged(chain[seq])
      expect(await firstFault(chain)).toEqual({ seq, kind: 'changed', offset: seq })
    }
  })

  test('[AUD-2] a forged last record is found by the seal', async () => {
    const chain = [...chainBytes(CHAIN, COUNT)]
    const seal = headAt(CHAIN, chain, COUNT - 1)
    chain[COUNT - 1] = forged(chain[COUNT - 1])
    expect(await firstFault(chain, [seal])).toEqual({ seq: 11, kind: 'rewritten', offset: 11 })
  })

  test('[AUD-2] a removed record is named', async () => {
    for (const seq of [0, 1, 6, COUNT - 2])
      expect(await firstFault(chainBytes(CHAIN, COUNT).toSpliced(seq, 1))).toEqual({
        seq,
        kind: 'removed',
        offset: null,
      })
  })

  test('[AUD-2] two records in the wrong order are told from a removal', async () => {
    for (const seq of [0, 4, COUNT - 2]) {
      const chain = [...chainBytes(CHAIN, COUNT)]
      const [a, b] = [chain[seq] as Buffer, chain[seq + 1] as Buffer]
      chain[seq] = b
      chain[seq + 1] = a
      expect(await firstFault(chain)).toEqual({ seq, kind: 'reordered', offset: seq + 1 })
    }
  })

  test('[AUD-2] an inserted record is named, before or after the true one', async () => {
    const chain = chainBytes(CHAIN, COUNT)
    const extra = forged(chain[5])
    const after = await firstFault(chain.toSpliced(6, 0, extra))
    expect(after).toEqual({ seq: 5, kind: 'inserted', offset: 6 })
    const before = await firstFault(chain.toSpliced(5, 0, extra))
    expect(before).toEqual({ seq: 5, kind: 'inserted', offset: 5 })
    const repeated = await firstFault(chain.toSpliced(9, 0, chain[2] as Buffer))
    expect(repeated).toEqual({ seq: 2, kind: 'inserted', offset: 9 })
  })

  test('[AUD-2] a record of another chain is foreign', async () => {
    const chain = [...chainBytes(CHAIN, 4)]
    chain[2] = chainBytes('decisions/1', 3)[2] as Buffer
    expect(await firstFault(chain)).toEqual({ seq: 2, kind: 'foreign', offset: 2 })
  })

  test('[AUD-2] a cut tail is provable to the last seal, even where nothing is left', async () => {
    const chain = chainBytes(CHAIN, COUNT)
    const seals = [headAt(CHAIN, chain, 3), headAt(CHAIN, chain, 9)]
    expect(await firstFault(chain.slice(0, 7), seals)).toEqual({
      seq: 7,
      kind: 'truncated',
      offset: null,
    })
    expect(await firstFault([], seals)).toEqual({ seq: 0, kind: 'truncated', offset: null })
    expect(await firstFault(chain.slice(0, 10), seals)).toBeUndefined()
  })

  test('[AUD-2] a history written anew is found by the first seal after its start', async () => {
    const chain = chainBytes(CHAIN, COUNT)
    const seals = [2, 6, 10].map((seq) => headAt(CHAIN, chain, seq))
    const forgery = rewrittenFrom(chain, 4)
    expect(await firstFault(forgery)).toBeUndefined()
    expect(await firstFault(forgery, seals)).toEqual({ seq: 6, kind: 'rewritten', offset: 6 })
  })
})
