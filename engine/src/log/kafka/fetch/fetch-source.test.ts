import { describe, expect, test } from 'vitest'
import { encodeBatch, marker } from './batches.fixture.ts'
import {
  AT,
  append,
  begin,
  cluster,
  count,
  LIMITS,
  other,
  read,
  source,
} from './source-harness.fixture.ts'

describe('reading', () => {
  test('[KS1] records come in order, with what is appended later, and nothing twice', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0, 1, 2])
    await append(at, [3])
    const from = source(at)
    begin(from, 1)
    expect((await read(from, count(3))).offsets).toEqual([1, 2, 3])
    expect(from.position(AT)).toBe(4)
    const later = read(from, count(2))
    await append(at, [4, 5])
    expect((await later).offsets).toEqual([4, 5])
    expect(await from.poll({ ...LIMITS, waitMs: 120 })).toEqual([])
  })

  test('[KS1][KS4] aborted transactions and markers are passed, and the position reaches the end', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    const lost = [{ offset: 1, value: Buffer.from('x') }]
    at.append('t', 0, await encodeBatch({ records: lost, producer: 9, transactional: true }))
    at.append('t', 0, await marker(2, 9, 'abort'))
    at.partition('t', 0).aborted = [{ producer: 9, firstOffset: 1 }]
    const from = source(at)
    begin(from)
    const seen = await read(from, other('passed'))
    expect(seen.offsets).toEqual([0])
    expect(seen.others).toEqual([{ kind: 'passed', ...AT, offset: 3 }])
    expect(from.position(AT)).toBe(3)
  })

  test('a batch cut by the limits goes on where it was cut', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0, 1, 2, 3, 4])
    const from = source(at)
    begin(from)
    const sizes: number[] = []
    for (let total = 0; total < 5; ) {
      for (const event of await from.poll({ ...LIMITS, maxRecords: 2 })) {
        if (event.kind !== 'records') throw new Error(`unexpected ${event.kind}`)
        expect(event.batch.offset(0)).toBe(total)
        sizes.push(event.batch.length)
        total = event.batch.nextOffset
      }
    }
    expect(sizes).toEqual([2, 2, 1])
    await append(at, [5, 6])
    const bytes = await from.poll({ ...LIMITS, maxBytes: 1 })
    expect(bytes).toMatchObject([{ kind: 'records', batch: { length: 1, bytes: 1 } }])
    const none = await from.poll({ ...LIMITS, maxBytes: 0 })
    expect(none).toMatchObject([{ kind: 'records', batch: { length: 1 } }])
  })

  test('several partitions share a poll fairly, each with a batch of its own', async () => {
    const at = await cluster(2)
    at.topic('t', 3)
    for (const partition of [0, 1, 2]) await append(at, [0, 1, 2, 3, 4, 5], 't', partition)
    const from = source(at)
    begin(from, 0, [0, 1, 2])
    await read(from, () => at.brokers.every((it) => (it.counts.get('fetch') ?? 0) > 1))
    from.assign([0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 0 })))
    from.resume([0, 1, 2].map((partition) => ({ topic: 't', partition })))
    await new Promise((resolve) => setTimeout(resolve, 150))
    const events = await from.poll({ ...LIMITS, maxRecords: 6 })
    const shares = events.map((it) => (it.kind === 'records' ? it.batch.length : it.kind))
    expect(shares).toEqual([2, 2, 2])
  })

  test('a response torn into pieces of three bytes reads the same', async () => {
    const at = await cluster(1, { pieces: 3 })
    at.topic('t', 1)
    await append(at, [0, 1])
    const from = source(at)
    begin(from)
    expect((await read(from, count(2))).offsets).toEqual([0, 1])
  })

  test('[KF1] a batch that does not fit the size asked for is asked for with more, not for ever', async () => {
    const at = await cluster(1)
    at.topic('t', 2)
    // Only the first batch of a response comes whole; both partitions have large ones.
    for (const partition of [0, 1])
      for (const offset of [0, 1]) {
        const records = [{ offset, value: Buffer.alloc(3_000, offset) }]
        at.append('t', partition, await encodeBatch({ records }))
      }
    const from = source(at, { tuning: { partitionBytes: 100 } })
    begin(from, 0, [0, 1])
    expect((await read(from, count(4))).offsets.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1])
  })

  test('names of the log are translated for the cluster, and back in what comes out', async () => {
    const at = await cluster(1)
    at.topic('opportune.t', 1)
    await append(at, [0], 'opportune.t')
    const from = source(at, { kafkaName: (topic) => `opportune.${topic}` })
    begin(from)
    expect(await from.poll(LIMITS)).toMatchObject([{ batch: { topic: 't', length: 1 } }])
  })
})

describe('assignment', () => {
  test('[KS3] a paused partition gives nothing, what was fetched for it waits', async () => {
    const at = await cluster(1)
    at.topic('t', 2)
    for (const partition of [0, 1]) await append(at, [0], 't', partition)
    const from = source(at)
    begin(from, 0, [0, 1])
    from.pause([AT])
    expect((await read(from, count(1))).offsets).toEqual([0])
    expect(await from.poll({ ...LIMITS, waitMs: 100 })).toEqual([])
    from.resume([AT])
    expect((await read(from, count(1))).offsets).toEqual([0])
    expect(from.position(AT)).toBe(1)
  })

  test('[KS2][KF2] an answer on its way while the partition is sought or taken away is dropped', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0, 1, 2, 3])
    at.broker(1).fault = (name, n) =>
      name === 'fetch' && n <= 2 ? { kind: 'slow', ms: 60 } : undefined
    const from = source(at)
    begin(from)
    await read(from, () => (at.broker(1).counts.get('fetch') ?? 0) >= 1)
    from.seek({ ...AT, offset: 3 })
    expect(from.position(AT)).toBe(3)
    expect((await read(from, count(1))).offsets).toEqual([3])

    from.seek({ ...AT, offset: 0 })
    from.unassign([AT])
    expect(from.position(AT)).toBeUndefined()
    expect(await from.poll({ ...LIMITS, waitMs: 150 })).toEqual([])
    begin(from, 2)
    expect((await read(from, count(2))).offsets).toEqual([2, 3])
  }, 10_000)

  test('[KS2] records that were fetched ahead do not survive a seek', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0, 1, 2, 3])
    const from = source(at)
    begin(from)
    const [event] = await from.poll({ ...LIMITS, maxRecords: 1 })
    expect(event).toMatchObject({ kind: 'records' })
    from.seek({ ...AT, offset: 0 })
    expect((await read(from, count(4))).offsets).toEqual([0, 1, 2, 3])
  })

  test('partitions come and go in a running source', async () => {
    const at = await cluster(2)
    at.topic('t', 2)
    await append(at, [0], 't', 0)
    await append(at, [7], 't', 1)
    const from = source(at)
    begin(from, 0, [0])
    expect((await read(from, count(1))).offsets).toEqual([0])
    begin(from, 7, [1])
    from.unassign([AT])
    expect((await read(from, count(1))).offsets).toEqual([7])
    await append(at, [1], 't', 0)
    expect(await from.poll({ ...LIMITS, waitMs: 120 })).toEqual([])
  })

  test('a wait ends early when something changes, and when the source is closed', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    const from = source(at)
    begin(from)
    for (const change of [async () => from.pause([AT]), () => from.close()]) {
      const begun = performance.now()
      const waiting = from.poll({ ...LIMITS, waitMs: 2_500 })
      await change()
      expect(await waiting).toEqual([])
      expect(performance.now() - begun).toBeLessThan(1_000)
    }
    expect(await from.poll(LIMITS)).toEqual([])
  })

  test('[KS5] what waits is bounded, however rarely it is polled, and nothing is lost by it', async () => {
    const at = await cluster(1)
    at.topic('t', 2)
    const total = 40
    for (const partition of [0, 1])
      for (let offset = 0; offset < total; offset++) {
        const records = [{ offset, value: Buffer.alloc(1_000, 1) }]
        at.append('t', partition, await encodeBatch({ records }))
      }
    const from = source(at, { maxBufferedBytes: 12_000, tuning: { partitionBytes: 3_000 } })
    begin(from, 0, [0, 1])
    await new Promise((resolve) => setTimeout(resolve, 250))
    const requests = at.broker(1).counts.get('fetch') ?? 0
    const ahead = at.broker(1).asked.map((it) => it.offset)
    // Twelve batches at most, over both: the broker is not asked for more until some are taken.
    expect(ahead.reduce((sum, it) => sum + it, 0)).toBeLessThanOrEqual(12)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(at.broker(1).counts.get('fetch')).toBe(requests)
    expect((await read(from, count(2 * total))).offsets.length).toBe(2 * total)
  })

  test('[KS5] paused partitions that hold all the memory let go of it for those that are read', async () => {
    const at = await cluster(1)
    at.topic('t', 2)
    for (const partition of [0, 1])
      for (let offset = 0; offset < 10; offset++) {
        const records = [{ offset, value: Buffer.alloc(1_000, 1) }]
        at.append('t', partition, await encodeBatch({ records }))
      }
    const from = source(at, { maxBufferedBytes: 6_000, tuning: { partitionBytes: 3_000 } })
    begin(from, 0, [0])
    await new Promise((resolve) => setTimeout(resolve, 100))
    from.pause([AT])
    begin(from, 0, [1])
    expect((await read(from, count(10))).offsets.length).toBe(10)
    from.resume([AT])
    expect((await read(from, count(10))).offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })
})
