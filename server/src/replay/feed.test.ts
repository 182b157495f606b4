import { describe, expect, test } from 'vitest'
import { CONTROL_KEY, days, hours, type OutgoingRecord } from '#engine'
import type { ImportRecord } from '../imports/index.ts'
import { type FeedOptions, type FeedTarget, feed } from './feed.ts'

const START = Date.UTC(2026, 0, 10, 22)

const call = (at: number, more: object = {}): ImportRecord => ({
  kind: 'call',
  line: 1,
  call: { type: 'track', event: 'X', userId: 'a', timestamp: new Date(at).toISOString(), ...more },
})

async function* batches(records: readonly ImportRecord[]): AsyncGenerator<readonly ImportRecord[]> {
  yield records
}

/** Keeps what was appended, with the places where the feed stood still. */
class Topic implements FeedTarget {
  readonly records: OutgoingRecord[] = []
  readonly log: string[] = []

  async end(): Promise<number> {
    return this.records.length
  }

  async append(records: readonly OutgoingRecord[]): Promise<void> {
    this.records.push(...records)
    for (const record of records) this.log.push(shown(record))
  }

  async settled(): Promise<void> {
    if (this.log.at(-1) !== 'still') this.log.push('still')
  }
}

function shown({ key, value, timestamp }: OutgoingRecord): string {
  const text = Buffer.from(value ?? []).toString('utf8')
  if (key === null) return `event ${new Date(timestamp ?? 0).toISOString().slice(5, 16)}`
  expect(Buffer.from(key).toString()).toBe(CONTROL_KEY)
  return text.replace(/\d{13}|\d{12}/g, (ms) => new Date(Number(ms)).toISOString().slice(5, 16))
}

const run = async (records: readonly ImportRecord[], options: FeedOptions = {}): Promise<Topic> => {
  const topic = new Topic()
  await feed(batches(records), topic, options)
  return topic
}

describe('feeding a file', () => {
  test('[D2] stands still half an hour past midnight, before the cut points come into force', async () => {
    const topic = await run([call(START), call(START + hours(4))])
    expect(topic.log).toEqual([
      '{"mark":01-01T00:00}',
      '{"live":true}',
      'event 01-10T22:00',
      '{"mark":01-11T00:30}',
      'still',
      'event 01-11T02:00',
      '{"mark":01-11T02:00}',
      'still',
    ])
  })

  test('[D3] stands still around a record that may link two ids, once for each pair', async () => {
    const both = { anonymousId: 'x' }
    const topic = await run([call(START), call(START, both), call(START, both), call(START)])
    expect(topic.log.slice(2, -2)).toEqual([
      'event 01-10T22:00',
      'still',
      'event 01-10T22:00',
      'still',
      'event 01-10T22:00',
      'event 01-10T22:00',
    ])
  })

  test('[D4] a row that is no event is appended with its bytes', async () => {
    const bad: ImportRecord = {
      kind: 'rejected',
      line: 2,
      code: 'not_json',
      bytes: Buffer.from('{no'),
      size: 3,
    }
    const topic = await run([call(START), bad, call(START)])
    expect(
      topic.records
        .filter((r) => r.key === null)
        .map((r) => Buffer.from(r.value ?? []).toString())[1],
    ).toBe('{no')
  })

  test('[D5] timestamps never go back, and history ends at the instant asked for', async () => {
    const topic = await run([call(START), call(START - hours(1)), call(START + hours(1))], {
      liveFrom: START + hours(1),
      end: true,
    })
    const times = topic.records.map((r) => r.timestamp ?? 0)
    expect([...times].sort((a, b) => a - b)).toEqual(times)
    expect(topic.log).toEqual([
      '{"mark":01-01T00:00}',
      'event 01-10T22:00',
      'event 01-10T22:00',
      '{"mark":01-10T23:00}',
      '{"live":true}',
      'event 01-10T23:00',
      '{"mark":01-10T23:00}',
      'still',
      '{"end":true}',
      'still',
    ])
  })

  test('[D1] a feed that was cut off anywhere goes on where the topic ends', async () => {
    const records = [
      call(START),
      call(START + hours(5), { anonymousId: 'x' }),
      call(START + days(2)),
    ]
    const whole = await run(records, { tail: hours(24) })
    for (let cut = 0; cut <= whole.records.length; cut++) {
      const topic = new Topic()
      topic.records.push(...whole.records.slice(0, cut))
      await feed(batches(records), topic, { tail: hours(24), batch: 2 })
      expect(topic.records).toEqual(whole.records)
    }
  })

  test('[D5] times that the router refuses move nobody else, and none at all is long ago', async () => {
    const timed = (timestamp: string): ImportRecord => ({
      kind: 'call',
      line: 1,
      call: { type: 'track', timestamp },
    })
    const topic = await run([
      timed('yesterday'),
      call(START),
      timed('1970-01-01T00:00:00Z'),
      timed('2100-01-01T00:00:00Z'),
      call(START + 1_000),
    ])
    const times = topic.records.filter((it) => it.key === null).map((it) => it.timestamp)
    expect(times).toEqual([Date.UTC(2000, 0, 1), START, START, START, START + 1_000])
    expect(topic.log.filter((it) => it === 'still')).toHaveLength(1)
  })

  test('[D2] a gap of many years costs no more than one of somewhat over a year', async () => {
    const gap = async (length: number) => run([call(START), call(START + length)])
    const stills = (topic: Topic) => topic.log.filter((it) => it === 'still').length
    expect(stills(await gap(days(390)))).toBeGreaterThan(380)
    const long = await gap(days(20_000))
    expect(stills(long)).toBeLessThan(410)
    expect(long.records.at(-1)?.timestamp).toBe(START + days(20_000))
  })
})
