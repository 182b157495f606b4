import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compressed,
  encodeBatch,
  independentCrc,
  marker,
  type TestRecord,
  withAttributes,
} from './batches.fixture.ts'
import { Codecs } from './codecs.ts'
import { CorruptData } from './corrupt.ts'
import { crc32c } from './crc32c.ts'
import { FetchedData, survey } from './fetched-data.ts'
import { packLz4, packSnappy } from './packing.fixture.ts'
import { readBatchHeader, type Segment } from './record-batch.ts'

const MOST = 1 << 20

/** All committed records of a run, as plain values. */
function decode(bytes: Buffer, options: { position?: number; crc?: boolean } = {}): TestRecord[] {
  const data = { bytes, from: 0, to: bytes.length, aborted: [] }
  const run = new FetchedData(
    data,
    survey(data),
    { codecs: new Codecs(), checkCrc: options.crc ?? true, maxBatchBytes: MOST },
    options.position ?? 0,
  )
  const records: TestRecord[] = []
  for (let it = run.next(); it !== undefined; it = run.next())
    for (let i = it.indexOf(options.position ?? 0); i < it.count; i++) records.push(plain(it, i))
  return records
}

const copy = (bytes: Uint8Array | null): Buffer | null =>
  bytes === null ? null : Buffer.from(bytes)

function plain(segment: Segment, i: number): TestRecord {
  return {
    offset: segment.offset(i),
    timestamp: segment.timestamp(i),
    key: copy(segment.key(i)),
    value: copy(segment.value(i)),
    headers: segment.headers(i).map(([name, value]) => [name, Buffer.from(value)]),
  }
}

const bytesOf = fc.uint8Array({ maxLength: 40 }).map((it) => Buffer.from(it))
const nullable = fc.option(bytesOf, { nil: null })
const time = fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 50), max: 2 ** 50 }))

/** Records with growing offsets and gaps, from anywhere in a partition. */
const recordsOf = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 2 ** 32 - 5, max: 2 ** 48 })),
    fc.array(
      fc.record({
        gap: fc.oneof(
          { weight: 9, arbitrary: fc.constant(1) },
          { weight: 1, arbitrary: fc.integer({ min: 1, max: 100_000 }) },
        ),
        timestamp: time,
        key: nullable,
        value: nullable,
        headers: fc.uniqueArray(fc.tuple(fc.string({ maxLength: 8 }), bytesOf), {
          // As a name for a property of an object, which is what kafkajs takes, this one is special.
          selector: ([name]) => name,
          maxLength: 3,
        }),
      }),
      { minLength: 1, maxLength: 20 },
    ),
  )
  .map(([base, drafts]) => {
    let offset = base
    return drafts.map(({ gap, headers, ...rest }, i): TestRecord => {
      if (i > 0) offset += gap
      const usable = headers.filter(([name]) => name !== '__proto__' && !/^\d+$/.test(name))
      return { ...rest, headers: usable, offset }
    })
  })

describe('record batches', () => {
  test('decode to what an independent encoder wrote, plain and with gzip, offsets above 2^32 and all', async () => {
    await fc.assert(
      fc.asyncProperty(recordsOf, fc.boolean(), async (records, gzip) => {
        expect(decode(await encodeBatch({ records, gzip }))).toEqual(records)
      }),
      { numRuns: 150 },
    )
  })

  test.each([
    ['lz4', 3, packLz4],
    ['snappy', 2, packSnappy],
  ] as const)('decode with %s', async (_name, codec, pack) => {
    await fc.assert(
      fc.asyncProperty(recordsOf, async (records) => {
        expect(decode(compressed(await encodeBatch({ records }), codec, pack))).toEqual(records)
      }),
      { numRuns: 50 },
    )
  })

  test('several batches in a row, the last cut off at every byte: whole ones come, the rest waits', async () => {
    const first = await encodeBatch({
      records: [{ offset: 5, timestamp: 1, value: Buffer.from('a') }],
    })
    const second = await encodeBatch({
      records: [{ offset: 6, timestamp: 2, value: Buffer.from('b') }],
    })
    const both = Buffer.concat([first, second])
    for (let end = 0; end <= both.length; end++) {
      const values = decode(both.subarray(0, end)).map((it) => it.value?.toString())
      const whole = end === both.length ? ['a', 'b'] : end >= first.length ? ['a'] : []
      expect(values).toEqual(whole)
    }
  })

  test('a position inside a batch leaves out what is before it', async () => {
    const records = [3, 4, 9, 12].map((offset) => ({ offset, timestamp: 0, value: null }))
    const batch = await encodeBatch({ records })
    const offsets = (position: number): number[] =>
      decode(batch, { position }).map((it) => it.offset)
    expect(offsets(4)).toEqual([4, 9, 12])
    expect(offsets(5)).toEqual([9, 12])
    expect(offsets(13)).toEqual([])
  })

  test('the time of the append replaces those of the records where the topic says so', async () => {
    const records = [
      { offset: 0, timestamp: 5 },
      { offset: 1, timestamp: 7 },
    ]
    const batch = await encodeBatch({ records, appendTime: 1_700_000_000_000 })
    expect(decode(batch).map((it) => it.timestamp)).toEqual([1_700_000_000_000, 1_700_000_000_000])
  })

  test('the columns give sizes and places without views', async () => {
    const value = Buffer.from('some value')
    const records = [{ offset: 0, value }, { offset: 1 }]
    const bytes = await encodeBatch({ records })
    const data = { bytes, from: 0, to: bytes.length, aborted: [] }
    const options = { codecs: new Codecs(), checkCrc: false, maxBatchBytes: MOST }
    const segment = new FetchedData(data, survey(data), options, 0).next() as Segment
    const range = { buffer: Buffer.alloc(0), from: 0, to: 0 }
    expect(segment.locate(0, range)).toBe(true)
    expect(range.buffer.toString('utf8', range.from, range.to)).toBe('some value')
    expect(segment.locate(1, range)).toBe(false)
    expect([segment.valueSize(0), segment.valueSize(1), segment.valueBytes]).toEqual([10, 0, 10])
  })

  test('an empty batch, as compaction leaves it, has no records and ends at its last offset', async () => {
    const bytes = await encodeBatch({ records: [], baseOffset: 7, lastOffset: 9 })
    const data = { bytes, from: 0, to: bytes.length, aborted: [] }
    const options = { codecs: new Codecs(), checkCrc: true, maxBatchBytes: MOST }
    const run = new FetchedData(data, survey(data), options, 7)
    expect(run.next()).toBeUndefined()
    expect(run.passed).toBe(10)
  })

  test('formats before 2 are told apart, and formats after it are damage', async () => {
    const batch = await encodeBatch({ records: [{ offset: 0 }] })
    batch[16] = 1
    expect(readBatchHeader(batch, 0, batch.length)).toBe('old_format')
    batch[16] = 3
    expect(() => readBatchHeader(batch, 0, batch.length)).toThrow(CorruptData)
  })

  test('unpacking stops at the limit: a small batch cannot take all memory', async () => {
    const records = [{ offset: 0, value: Buffer.alloc(2 * MOST) }]
    const plainBatch = await encodeBatch({ records })
    for (const bomb of [
      await encodeBatch({ records, gzip: true }),
      compressed(plainBatch, 3, packLz4),
      compressed(plainBatch, 2, packSnappy),
    ]) {
      expect(bomb.length).toBeLessThan(MOST / 4)
      expect(() => decode(bomb)).toThrow(/more than 1048576 bytes|larger than 1048576/)
    }
  })
})

describe('damage', () => {
  const sample = (): Promise<Buffer> =>
    encodeBatch({
      records: [
        { offset: 7, timestamp: 100, key: Buffer.from('key'), value: Buffer.from('a value') },
        { offset: 8, timestamp: 200, headers: [['name', Buffer.from('header')]] },
        { offset: 9, timestamp: 2 ** 41, value: Buffer.alloc(300, 'x') },
      ],
    })

  test('with the checksum on, no flipped bit goes unnoticed', async () => {
    const batch = await sample()
    const sound = decode(batch)
    for (let bit = 0; bit < batch.length * 8; bit++) {
      const at = bit >> 3
      batch[at] = (batch[at] as number) ^ (1 << (bit & 7))
      // Offset and epoch of a batch are set by the broker and not covered; a batch that seems longer
      // than the response waits for its rest.
      const covered = at >= 16
      const found = outcome(() => decode(batch, { crc: true }))
      if (typeof found === 'string') expect(['damage', 'none']).toContain(found)
      else {
        expect(covered).toBe(false)
        expect(found.map((it) => it.value)).toEqual(sound.map((it) => it.value))
      }
      batch[at] = (batch[at] as number) ^ (1 << (bit & 7))
    }
  })

  test('with the checksum off, a flipped bit is noticed or gives records inside of the batch, never a crash', async () => {
    const gzip = await encodeBatch({
      records: [{ offset: 0, value: Buffer.from('abc') }],
      gzip: true,
    })
    for (const batch of [await sample(), gzip, compressed(await sample(), 3, packLz4)]) {
      for (let bit = 16 * 8; bit < batch.length * 8; bit++) {
        const at = bit >> 3
        batch[at] = (batch[at] as number) ^ (1 << (bit & 7))
        const found = outcome(() => decode(batch, { crc: false }))
        const sizes = typeof found === 'string' ? [] : found.map((it) => it.value?.length ?? 0)
        expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(MOST)
        batch[at] = (batch[at] as number) ^ (1 << (bit & 7))
      }
    }
  })

  test('random bytes behind a sound header are damage or records, never a crash or an endless loop', async () => {
    const header = (await encodeBatch({ records: [{ offset: 0 }] })).subarray(0, 61)
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 1, max: 30 }),
        (noise, codec, count) => {
          const batch = Buffer.concat([header, noise])
          batch.writeInt32BE(batch.length - 12, 8)
          batch.writeInt16BE(codec === 4 ? 0 : codec, 21)
          batch.writeInt32BE(count - 1, 23)
          batch.writeInt32BE(count, 57)
          const found = outcome(() => decode(batch, { crc: false }))
          // Each record takes seven bytes at least of what there is when unpacked.
          if (typeof found !== 'string') expect(found.length).toBe(count)
          else expect(found).toBe('damage')
        },
      ),
      { numRuns: 2_000 },
    )
  })

  /** `none`: formats before 2, and batches whose end is still to come. */
  function outcome(run: () => TestRecord[]): TestRecord[] | 'damage' | 'none' {
    try {
      const found = run()
      return found.length === 0 ? 'none' : found
    } catch (error) {
      if (error instanceof CorruptData) return 'damage'
      throw error
    }
  }
})

describe('checksums', () => {
  test('are those of the other implementation, and of RFC 3720', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(crc32c(bytes)).toBe(independentCrc(Buffer.from(bytes)))
      }),
    )
    // RFC 3720, B.4
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
    expect(crc32c(Buffer.from('xx123456789yy'), 2, 11)).toBe(0xe3069283)
  })
})

describe('transactions', () => {
  const value = (offset: number): Buffer => Buffer.from(`v${offset}`)

  async function decodeWith(
    batches: readonly Buffer[],
    aborted: readonly { producer: number; firstOffset: number }[],
    position = 0,
  ): Promise<{ offsets: number[]; passed: number }> {
    const bytes = Buffer.concat(batches)
    const data = {
      bytes,
      from: 0,
      to: bytes.length,
      aborted: aborted.map((it) => ({ ...it, producer: BigInt(it.producer) })),
    }
    const options = { codecs: new Codecs(), checkCrc: true, maxBatchBytes: MOST }
    const run = new FetchedData(data, survey(data), options, position)
    const offsets: number[] = []
    for (let it = run.next(); it !== undefined; it = run.next())
      for (let i = it.indexOf(position); i < it.count; i++) offsets.push(it.offset(i))
    return { offsets, passed: run.passed }
  }

  const inTransaction = (offset: number, producer: number, count = 1): Promise<Buffer> =>
    encodeBatch({
      records: Array.from({ length: count }, (_, i) => ({
        offset: offset + i,
        value: value(offset + i),
      })),
      producer,
      transactional: true,
    })

  test('aborted ones are left out, interleaved committed ones stay, markers never come out', async () => {
    const batches = [
      await inTransaction(0, 1), // aborted
      await inTransaction(1, 2), // committed
      await encodeBatch({ records: [{ offset: 2, value: value(2) }] }), // outside of any
      await inTransaction(3, 1, 2), // aborted
      await marker(5, 1, 'abort'),
      await inTransaction(6, 1), // the same producer's next transaction, committed
      await marker(7, 2, 'commit'),
      await marker(8, 1, 'commit'),
    ]
    expect(await decodeWith(batches, [{ producer: 1, firstOffset: 0 }])).toEqual({
      offsets: [1, 2, 6],
      passed: 9,
    })
  })

  test('a producer that aborts twice loses both, and a fetch may begin in the middle of one', async () => {
    const batches = [
      await inTransaction(10, 1, 3),
      await marker(13, 1, 'abort'),
      await inTransaction(14, 1),
      await marker(15, 1, 'abort'),
      await inTransaction(16, 1),
      await marker(17, 1, 'commit'),
    ]
    const aborted = [
      { producer: 1, firstOffset: 4 },
      { producer: 1, firstOffset: 14 },
    ]
    expect((await decodeWith(batches, aborted, 11)).offsets).toEqual([16])
  })

  test('a random history of up to four producers gives what a model of read_committed gives', async () => {
    const step = fc.record({
      producer: fc.integer({ min: 1, max: 4 }),
      what: fc.constantFrom('write', 'write', 'abort', 'commit', 'plain'),
      size: fc.integer({ min: 1, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const history = new History()
        for (const it of steps) await history.add(it)
        await history.finish()
        const { offsets } = await decodeWith(history.batches, history.aborted)
        expect(offsets).toEqual(history.committed())
      }),
      { numRuns: 60 },
    )
  })

  class History {
    readonly batches: Buffer[] = []
    readonly aborted: { producer: number; firstOffset: number }[] = []
    readonly #open = new Map<number, number[]>()
    readonly #committed: number[] = []
    #next = 0

    async add(step: { producer: number; what: string; size: number }): Promise<void> {
      const { producer, what, size } = step
      const offsets = Array.from({ length: size }, () => this.#next++)
      const first = offsets[0] as number
      if (what === 'write') {
        this.batches.push(await inTransaction(first, producer, size))
        this.#open.set(producer, [...(this.#open.get(producer) ?? []), ...offsets])
        return
      }
      this.#next = first
      if (what === 'plain') {
        this.batches.push(await encodeBatch({ records: [{ offset: first, value: value(first) }] }))
        this.#committed.push(first)
        this.#next = first + 1
        return
      }
      await this.#end(producer, what === 'abort' ? 'abort' : 'commit')
    }

    async finish(): Promise<void> {
      for (const producer of Array.from(this.#open.keys())) await this.#end(producer, 'abort')
    }

    committed(): number[] {
      return this.#committed.toSorted((a, b) => a - b)
    }

    async #end(producer: number, kind: 'abort' | 'commit'): Promise<void> {
      const written = this.#open.get(producer)
      if (written === undefined) return
      this.#open.delete(producer)
      this.batches.push(await marker(this.#next++, producer, kind))
      if (kind === 'commit') this.#committed.push(...written)
      else {
        this.aborted.push({ producer, firstOffset: written[0] as number })
        this.aborted.sort((a, b) => a.firstOffset - b.firstOffset)
      }
    }
  }
})

test('attributes of a fixture are as Kafka numbers them', async () => {
  const batch = await encodeBatch({ records: [{ offset: 0 }], transactional: true, producer: 9 })
  const header = readBatchHeader(withAttributes(batch, 0x20), 0, batch.length)
  expect(header).toMatchObject({ transactional: true, control: true, producer: 9n, codec: 0 })
})
