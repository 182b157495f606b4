/** Records as they are written, kept and read: order, contents, limits, errors. */
import { describe, expect, test } from 'vitest'
import {
  AT_ONCE,
  append,
  bytes,
  codeOf,
  join,
  type MakeLog,
  NO_LIMIT,
  offsetsOf,
  readAll,
  record,
  text,
  topic,
  tp,
  valuesOf,
  withLog,
} from './harness.ts'

export function recordRules(make: MakeLog): void {
  describe('records', () => {
    test(
      '[L1] offsets grow and records are read in their order, across appends and epochs',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2)])
        const first = await append(log, tp('a'), 'one', 'two')
        const { member } = await join(log, 'm', [])
        const epoch = member.begin([])
        epoch.write('a', 0, [record('three')])
        epoch.write('a', 1, [record('other')])
        epoch.write('a', 0, [record('four')])
        await epoch.commit()
        const last = await append(log, tp('a'), 'five')
        expect(last).toBeGreaterThan(first + 3)
        const batch = await log.reader().read(tp('a'), 0, NO_LIMIT)
        expect(valuesOf(batch)).toEqual(['one', 'two', 'three', 'four', 'five'])
        const offsets = batch === undefined ? [] : offsetsOf(batch)
        expect(offsets[0]).toBe(first)
        expect(offsets).toEqual([...new Set(offsets)].sort((x, y) => x - y))
        expect(batch?.nextOffset).toBe(last + 1)
      }),
    )

    test(
      'keys, nulls, empty values, timestamps and headers come back as they were written',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const headers: [string, Uint8Array][] = [
          ['trace', bytes('xyz')],
          ['naïve', bytes('')],
        ]
        await log.appender().append('a', 0, [
          { key: bytes('k'), value: bytes('v'), timestamp: 1_700_000_000_123, headers },
          { key: null, value: bytes(''), timestamp: -5 },
          { key: bytes(''), value: null, timestamp: 4e12 },
          { key: bytes('k2'), value: bytes('w'), timestamp: 0, headers: [['only', bytes('1')]] },
        ])
        const batch = await log.reader().read(tp('a'), 0, NO_LIMIT)
        expect(batch?.length).toBe(4)
        if (batch === undefined) return
        const rows = Array.from({ length: 4 }, (_, i) => [
          text(batch.key(i)),
          text(batch.value(i)),
          batch.timestamp(i),
          batch.headers(i).map(([name, value]) => [name, text(value)]),
        ])
        expect(rows).toEqual([
          [
            'k',
            'v',
            1_700_000_000_123,
            [
              ['trace', 'xyz'],
              ['naïve', ''],
            ],
          ],
          [null, '', -5, []],
          ['', null, 4e12, []],
          ['k2', 'w', 0, [['only', '1']]],
        ])
        expect(batch.bytes).toBe(2)
      }),
    )

    test(
      'a record without a timestamp gets the time of its append',
      withLog(make, async ({ log, advance }) => {
        await log.ensureTopics([topic('a')])
        await append(log, tp('a'), 'one')
        await advance(5_000)
        await append(log, tp('a'), 'two')
        const batch = await log.reader().read(tp('a'), 0, NO_LIMIT)
        expect((batch?.timestamp(1) ?? 0) - (batch?.timestamp(0) ?? 0)).toBeGreaterThanOrEqual(
          5_000,
        )
      }),
    )

    test(
      'bytes are copied before the call returns, and batches stay as they were',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const { member } = await join(log, 'm', ['a'])
        const value = bytes('before')
        const epoch = member.begin([])
        epoch.write('a', 0, [{ key: value, value }])
        value.fill(0)
        await epoch.commit()
        const [batch] = await member.poll(AT_ONCE)
        const view = batch?.value(0)
        for (let i = 0; i < 50; i++) await append(log, tp('a'), `later ${i} `.repeat(100))
        await member.poll(AT_ONCE)
        await readAll(log, tp('a'))
        expect(text(view ?? null)).toBe('before')
        expect(valuesOf(batch)).toEqual(['before'])
        expect(text(batch?.key(0) ?? null)).toBe('before')
      }),
    )

    test(
      'appends of one turn keep their order and are each told their own offset',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const appender = log.appender()
        const offsets = await Promise.all(
          ['x', 'y', 'z'].map((value) => appender.append('a', 0, [record(value), record(value)])),
        )
        expect(offsets).toEqual([...offsets].sort((x, y) => x - y))
        for (const [i, offset] of offsets.entries()) {
          const batch = await log.reader().read(tp('a'), offset, { ...NO_LIMIT, maxRecords: 1 })
          expect(valuesOf(batch)).toEqual([['x', 'y', 'z'][i]])
          expect(batch?.offset(0)).toBe(offset)
        }
      }),
    )

    test(
      'megabytes in one write are cut and read back whole',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const values = Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(400_000, 'x'))
        await append(log, tp('a'), ...values)
        expect(await readAll(log, tp('a'))).toEqual(values)
        expect(await readAll(log, tp('a'), 7)).toEqual(values.slice(7))
      }),
    )

    test(
      'an oversize record is refused by name and harms nothing else',
      withLog(
        make,
        async ({ log }) => {
          await log.ensureTopics([topic('a')])
          const big = record('x'.repeat(2_000))
          const appender = log.appender()
          expect(await codeOf(() => appender.append('a', 0, [record('no'), big]))).toBe(
            'log_record_too_large',
          )
          const { member } = await join(log, 'm', [])
          const epoch = member.begin([])
          epoch.write('a', 0, [record('yes')])
          expect(await codeOf(() => epoch.write('a', 0, [big]))).toBe('log_record_too_large')
          await epoch.commit()
          expect(await readAll(log, tp('a'))).toEqual(['yes'])
        },
        { maxRecordBytes: 1_000 },
      ),
    )

    test(
      'unknown topics and partitions are refused everywhere',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2)])
        const { member } = await join(log, 'm', [])
        const epoch = member.begin([])
        const attempts = [
          () => log.appender().append('nowhere', 0, [record('x')]),
          () => log.appender().append('a', 2, [record('x')]),
          () => log.appender().append('a', 0.5, [record('x')]),
          () => log.reader().read(tp('nowhere'), 0, NO_LIMIT),
          () => log.bounds([tp('a', -1)]),
          () => epoch.write('nowhere', 0, [record('x')]),
          () => member.subscribe(['nowhere'], { claimed() {}, revoked() {}, lost() {} }),
        ]
        for (const attempt of attempts) expect(await codeOf(attempt)).toBe('log_unknown_topic')
      }),
    )

    test(
      'topics are created once; another number of partitions is refused',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2), topic('b', 1, { cleanup: 'compact' })])
        await append(log, tp('a', 1), 'kept')
        await log.ensureTopics([topic('a', 2, { retentionMs: 1e9 }), topic('c')])
        expect(await codeOf(() => log.ensureTopics([topic('d'), topic('a', 3)]))).toBe(
          'log_partitions_changed',
        )
        const topics = [...(await log.topics())].sort((x, y) => (x.name < y.name ? -1 : 1))
        expect(topics).toEqual([
          topic('a', 2, { retentionMs: 1e9 }),
          topic('b', 1, { cleanup: 'compact' }),
          topic('c'),
        ])
        expect(await readAll(log, tp('a', 1))).toEqual(['kept'])
      }),
    )

    test(
      'bounds grow with what is committed',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2)])
        expect(await log.bounds([tp('a')])).toMatchObject([{ start: 0, end: 0 }])
        const offset = await append(log, tp('a', 1), 'x', 'y')
        const [empty, grown] = await log.bounds([tp('a'), tp('a', 1)])
        expect(empty).toMatchObject({ start: 0, end: 0 })
        expect(grown?.end).toBeGreaterThanOrEqual(offset + 2)
      }),
    )

    test(
      'a closed log, member, appender or reader says so',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const { member } = await join(log, 'm', ['a'])
        const appender = log.appender()
        const reader = log.reader()
        const acknowledged = appender.append('a', 0, [record('last')])
        await log.close()
        await log.close()
        expect(await acknowledged).toBe(0)
        const attempts = [
          () => member.poll(AT_ONCE),
          () => member.begin([]),
          () => appender.append('a', 0, [record('x')]),
          () => reader.read(tp('a'), 0, NO_LIMIT),
          () => log.topics(),
          () => log.member({ group: 'g', id: 'm' }),
          () => log.onAppend(['a'], () => {}),
        ]
        for (const attempt of attempts) expect(await codeOf(attempt)).toBe('log_closed')
      }),
    )
  })
}
