import { describe, expect, test } from 'vitest'
import { encodeBatch, withAttributes } from './batches.fixture.ts'
import {
  AT,
  append,
  begin,
  cluster,
  codeOf,
  count,
  LIMITS,
  other,
  read,
  source,
} from './source-harness.fixture.ts'

describe('leaders and brokers', () => {
  test('[KS6][KF3] a leader that moves is followed, by the error and by its epoch', async () => {
    const at = await cluster(2)
    at.topic('t', 1)
    await append(at, [0])
    const from = source(at)
    begin(from)
    expect((await read(from, count(1))).offsets).toEqual([0])
    Object.assign(at.partition('t', 0), { leader: 2, epoch: 1 })
    await append(at, [1])
    const moved = await read(from, count(1))
    expect(moved).toEqual({ offsets: [1], others: [] })
    // The same leader in a new term: fenced until asked anew.
    at.partition('t', 0).epoch = 2
    await append(at, [2])
    expect((await read(from, count(1))).offsets).toEqual([2])
  })

  test('[KS6][KL3] metadata of an older epoch does not lead back to a leader that was', async () => {
    const at = await cluster(2)
    at.topic('t', 1)
    Object.assign(at.partition('t', 0), { leader: 2, epoch: 5 })
    await append(at, [0])
    const from = source(at)
    begin(from)
    await read(from, count(1))
    const partition = at.partition('t', 0)
    at.broker(2).fault = (name, n) =>
      name === 'fetch' && n % 2 === 0 ? { kind: 'error', code: 6 } : undefined
    Object.assign(partition, { leader: 1, epoch: 4 })
    await new Promise((resolve) => setTimeout(resolve, 150))
    const before = at.broker(1).counts.get('fetch') ?? 0
    Object.assign(partition, { leader: 2, epoch: 5 })
    await append(at, [1])
    expect((await read(from, count(1))).offsets).toEqual([1])
    expect(at.broker(1).counts.get('fetch') ?? 0).toBe(before)
  })

  test.each([
    ['hangs up', { kind: 'hang_up' }],
    ['goes silent, as behind a cut cable', { kind: 'silent' }],
    ['answers too late', { kind: 'slow', ms: 400 }],
    [
      'answers with noise',
      { kind: 'bytes', bytes: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') },
    ],
    ['answers with half a response', { kind: 'torn', after: 40 }],
    [
      'answers another question',
      { kind: 'bytes', bytes: Buffer.from('0000000800ffffff00000000', 'hex') },
    ],
  ] as const)('[KS6] a broker that %s is left and asked again, told once', async (_name, fault) => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    at.broker(1).fault = (name, n) => (name === 'fetch' && n <= 2 ? fault : undefined)
    const from = source(at)
    begin(from)
    const seen = await read(from, count(1))
    expect(seen.offsets).toEqual([0])
    expect(seen.others.length).toBe(1)
    expect(codeOf(seen, 'trouble')).toBe('log_kafka_unreachable')
  })

  test('[KS6][KL1] a broker that is away at the start and comes later is found, with waits in between', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    await at.broker(1).stop()
    const from = source(at)
    begin(from)
    const away = await read(from, other('trouble'))
    expect(codeOf(away, 'trouble')).toBe('log_kafka_unreachable')
    await at.broker(1).start()
    expect((await read(from, count(1))).offsets).toEqual([0])
  })

  test('[KS6] a broker that dies in the middle goes on where it was when it is back', async () => {
    const at = await cluster(2)
    at.topic('t', 2)
    await append(at, [0], 't', 0)
    await append(at, [0], 't', 1)
    const from = source(at)
    begin(from, 0, [0, 1])
    await read(from, count(2))
    await at.broker(1).stop()
    await append(at, [1], 't', 0)
    await append(at, [1], 't', 1)
    expect((await read(from, count(1))).offsets).toEqual([1])
    await at.broker(1).start()
    expect((await read(from, count(1))).offsets).toEqual([1])
    expect(from.position(AT)).toBe(2)
  })

  test('[KC1] a frozen broker does not hold up the partitions of the others', async () => {
    const at = await cluster(2)
    at.topic('t', 2)
    at.broker(1).fault = (name) => (name === 'fetch' ? { kind: 'silent' } : undefined)
    await append(at, [0], 't', 1)
    const from = source(at)
    begin(from, 0, [0, 1])
    const begun = performance.now()
    expect((await read(from, count(1))).offsets).toEqual([0])
    expect(performance.now() - begun).toBeLessThan(1_000)
  })

  test('a broker that asks to wait is left alone for that time', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    at.broker(1).fault = (name, n) =>
      name === 'fetch' && n === 1 ? { kind: 'throttle', ms: 150 } : undefined
    const from = source(at)
    begin(from)
    await read(from, count(1))
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(at.broker(1).counts.get('fetch')).toBe(1)
    await append(at, [1])
    expect((await read(from, count(1))).offsets).toEqual([1])
  })

  test('[KL2] no broker is asked in a tight loop, whatever it answers', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    at.broker(1).fault = (name) => (name === 'fetch' ? { kind: 'error', code: 5 } : undefined)
    const from = source(at)
    begin(from)
    const seen = await read(from, other('trouble'))
    expect(codeOf(seen, 'trouble')).toBe('log_kafka_unreachable')
    await new Promise((resolve) => setTimeout(resolve, 200))
    // Backoff of 10 to 20 ms for fetches, 100 ms for questions about leaders.
    expect(at.broker(1).counts.get('fetch')).toBeLessThan(60)
    expect(at.broker(1).counts.get('metadata')).toBeLessThan(20)
    at.broker(1).fault = () => undefined
    await append(at, [0])
    expect((await read(from, count(1))).offsets).toEqual([0])
  })

  test('[KC2] closing leaves no connection and no timer behind', async () => {
    const at = await cluster(2)
    at.topic('t', 2)
    const from = source(at)
    begin(from, 0, [0, 1])
    await read(from, () => at.brokers.every((it) => (it.counts.get('fetch') ?? 0) > 0))
    await from.close()
    await new Promise((resolve) => setTimeout(resolve, 150))
    const requests = at.brokers.map((it) => it.counts.get('fetch'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(at.brokers.map((it) => it.open)).toEqual([0, 0])
    expect(at.brokers.map((it) => it.counts.get('fetch'))).toEqual(requests)
  })
})

describe('positions that are not there', () => {
  test.each([
    ['before the start', 2],
    ['behind the end', 99],
  ])('one %s is told once, and a seek goes on', async (_name, offset) => {
    const at = await cluster(1)
    at.topic('t', 1)
    at.partition('t', 0).start = 5
    await append(at, [5, 6])
    const from = source(at)
    begin(from, offset)
    const seen = await read(from, other('out_of_range'))
    expect(seen).toEqual({ offsets: [], others: [{ kind: 'out_of_range', ...AT, offset }] })
    expect(await from.poll({ ...LIMITS, waitMs: 100 })).toEqual([])
    from.seek({ ...AT, offset: 5 })
    expect((await read(from, count(2))).offsets).toEqual([5, 6])
  })

  test('a leader that only says so, against its own bounds, is asked again', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    at.broker(1).fault = (name, n) =>
      name === 'fetch' && n <= 2 ? { kind: 'error', code: 1 } : undefined
    const from = source(at)
    begin(from)
    expect(await read(from, count(1))).toEqual({ offsets: [0], others: [] })
  })

  test('records that were read and are gone from the leader’s history are a failure', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0, 1, 2])
    const from = source(at)
    begin(from)
    await read(from, () => at.broker(1).asked[0]?.offset === 3)
    expect(at.broker(1).asked[0]?.lastEpoch).toBe(0)
    at.broker(1).fault = (name) => (name === 'fetch' ? { kind: 'diverges', at: 1 } : undefined)
    const seen = await read(from, other('failed'))
    expect(codeOf(seen, 'failed')).toBe('log_kafka_diverged')
  })

  test('a topic that stays unknown is a failure after a while, and one that appears is not', async () => {
    const at = await cluster(1)
    const from = source(at)
    begin(from)
    const seen = await read(from, other('failed'))
    expect(codeOf(seen, 'failed')).toBe('log_unknown_topic')

    const late = source(at, { tuning: { unknownTopicMs: 2_000 } })
    begin(late)
    await new Promise((resolve) => setTimeout(resolve, 50))
    at.topic('t', 1)
    await append(at, [0])
    expect(await read(late, count(1))).toEqual({ offsets: [0], others: [] })
  })

  test('a topic with fewer partitions than wanted, and one that was made again, are failures', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    const from = source(at)
    begin(from, 0, [3])
    expect(codeOf(await read(from, other('failed')), 'failed')).toBe('log_unknown_topic')

    const again = source(at)
    begin(again)
    await read(again, count(1))
    at.topics.delete('t')
    at.topic('other', 1)
    at.topic('t', 1)
    // Records at the positions of the old ones, which must not be taken for their sequel.
    await append(at, [0, 1, 2])
    const seen = await read(again, other('failed'))
    expect(seen.offsets).toEqual([])
    expect(codeOf(seen, 'failed')).toBe('log_unknown_topic')
  })
})

describe('rights, versions and formats', () => {
  test('a topic that may not be read is a failure of its partitions', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    at.broker(1).fault = (name) => (name === 'fetch' ? { kind: 'error', code: 29 } : undefined)
    const from = source(at)
    begin(from)
    expect(codeOf(await read(from, other('failed')), 'failed')).toBe('log_kafka_denied')
  })

  test('a broker without a request that is needed is unsupported, and asked no more', async () => {
    const at = await cluster(1, {
      versions: [
        [1, 0, 11],
        [2, 0, 9],
        [3, 0, 12],
      ],
    })
    const from = source(at)
    begin(from)
    const seen = await read(from, other('unsupported'))
    expect(seen.others).toEqual([{ kind: 'unsupported', reason: 'broker version' }])
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(at.broker(1).connections).toBe(1)
  })

  test('a codec without its library is unsupported from the position where it is met', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    const from = source(at, { codecs: { zstd: async () => undefined } })
    begin(from)
    expect((await read(from, count(1))).offsets).toEqual([0])
    const zstd = withAttributes(await encodeBatch({ records: [{ offset: 1 }] }), 4)
    at.append('t', 0, zstd)
    const seen = await read(from, other('unsupported'))
    expect(seen.others).toEqual([{ kind: 'unsupported', partition: AT, reason: 'codec zstd' }])
    expect(from.position(AT)).toBe(1)
  })

  test('old record formats are unsupported', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    const old = await encodeBatch({ records: [{ offset: 0 }] })
    old[16] = 1
    at.append('t', 0, old)
    const from = source(at)
    begin(from)
    const seen = await read(from, other('unsupported'))
    expect(seen.others).toMatchObject([{ kind: 'unsupported', reason: 'record format 1' }])
  })

  test('[KF4] a damaged batch is fetched three times, what is before it comes out once, then it is a failure', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    await append(at, [0])
    const bad = await encodeBatch({ records: [{ offset: 1, value: Buffer.from('abc') }] })
    bad[bad.length - 3] = 0
    at.append('t', 0, bad)
    const from = source(at)
    begin(from)
    const seen = await read(from, other('failed'))
    expect(seen.offsets).toEqual([0])
    expect(codeOf(seen, 'failed')).toBe('log_kafka_damaged')
    expect(from.position(AT)).toBe(1)
  })

  test('damage on the way, gone at the next attempt, costs nothing but time', async () => {
    const at = await cluster(1)
    at.topic('t', 1)
    const batch = await encodeBatch({ records: [{ offset: 0, value: Buffer.from('abc') }] })
    const whole = Buffer.from(batch)
    batch[batch.length - 3] = 0
    at.append('t', 0, batch)
    const from = source(at)
    begin(from)
    await read(from, () => (at.broker(1).counts.get('fetch') ?? 0) >= 2)
    whole.copy(batch)
    expect(await read(from, count(1))).toEqual({ offsets: [0], others: [] })
  })
})
