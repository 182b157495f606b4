/** Retention and compaction. */
import { describe, expect, test } from 'vitest'
import type { EventLog } from '../port.ts'
import {
  AT_ONCE,
  append,
  codeOf,
  join,
  type MakeLog,
  NO_LIMIT,
  offsetsOf,
  readAll,
  record,
  topic,
  tp,
  withLog,
} from './harness.ts'

async function put(log: EventLog, key: string, value: string | null): Promise<number> {
  return await log.appender().append('c', 0, [record(value, key)])
}

export function cleanupRules(make: MakeLog): void {
  describe('cleanup', () => {
    test(
      'retention by time drops the oldest, and only where a topic asks for it',
      withLog(make, async ({ log, advance, housekeep }) => {
        await log.ensureTopics([topic('short', 1, { retentionMs: 1_000 }), topic('kept')])
        for (const name of ['short', 'kept']) await append(log, tp(name), 'old', 'old')
        await advance(700)
        const young = await append(log, tp('short'), 'young')
        await advance(700)
        await housekeep()
        expect(await readAll(log, tp('short'))).toEqual(['young'])
        expect(await readAll(log, tp('kept'))).toEqual(['old', 'old'])
        expect((await log.bounds([tp('short')]))[0]).toMatchObject({ start: young })
        await advance(5_000)
        await housekeep()
        expect(await readAll(log, tp('short'))).toEqual([])
        const [bounds] = await log.bounds([tp('short')])
        expect(bounds?.start).toBe(bounds?.end)
        await log.ensureTopics([topic('kept', 1, { retentionMs: 1_000 })])
        await housekeep()
        expect(await readAll(log, tp('kept'))).toEqual([])
        expect(await append(log, tp('short'), 'new')).toBeGreaterThan(young)
        expect(await readAll(log, tp('short'))).toEqual(['new'])
      }),
    )

    test(
      'retention counts from the append, whatever a record says of its own time',
      withLog(make, async ({ log, advance, housekeep }) => {
        await log.ensureTopics([topic('a', 1, { retentionMs: 1_000 })])
        await log.appender().append('a', 0, [{ ...record('1970'), timestamp: 0 }])
        await housekeep()
        expect(await readAll(log, tp('a'))).toEqual(['1970'])
        await log.appender().append('a', 0, [{ ...record('2100'), timestamp: 4_102_444_800_000 }])
        await advance(2_000)
        await housekeep()
        expect(await readAll(log, tp('a'))).toEqual([])
      }),
    )

    test(
      'retention by size keeps at least what the topic asks to keep',
      withLog(make, async ({ log, housekeep }) => {
        await log.ensureTopics([topic('a', 1, { retentionBytes: 10_000 })])
        for (let i = 0; i < 40; i++) await append(log, tp('a'), `${i}`.padEnd(1_000, '.'))
        await housekeep()
        const kept = await readAll(log, tp('a'))
        expect(kept.length).toBeGreaterThanOrEqual(10)
        expect(kept.length).toBeLessThan(15)
        expect(kept.at(-1)?.startsWith('39')).toBe(true)
      }),
    )

    test(
      'a position overtaken by retention is an error for a member and the start for a reader',
      withLog(make, async ({ log, advance, housekeep }) => {
        await log.ensureTopics([topic('a', 1, { retentionMs: 1_000 })])
        await append(log, tp('a'), 'gone', 'gone')
        const { member } = await join(log, 'm', ['a'])
        await member.poll({ ...AT_ONCE, maxRecords: 1 })
        await advance(2_000)
        const kept = await append(log, tp('a'), 'kept')
        await housekeep()
        expect(await codeOf(() => member.poll(AT_ONCE))).toBe('log_offset_out_of_range')
        expect((await log.reader().read(tp('a'), 0, NO_LIMIT))?.offset(0)).toBe(kept)
        member.seek(tp('a'), kept)
        expect(await member.poll(AT_ONCE)).toHaveLength(1)
      }),
    )

    test(
      'compaction keeps the last record of each key, its offset, and keyless records',
      withLog(make, async ({ log, compact }) => {
        await log.ensureTopics([topic('c', 1, { cleanup: 'compact' })])
        await put(log, 'a', 'a1')
        const b = await put(log, 'b', 'b1')
        await log.appender().append('c', 0, [record('keyless')])
        await put(log, 'a', 'a2')
        const a = await put(log, 'a', 'a3')
        await put(log, 'end', 'end')
        const bounds = await log.bounds([tp('c')])
        await compact('c', 0)
        expect(await readAll(log, tp('c'))).toEqual(['b1', 'keyless', 'a3', 'end'])
        const batch = await log.reader().read(tp('c'), 0, NO_LIMIT)
        expect(batch === undefined ? [] : offsetsOf(batch)).toEqual(expect.arrayContaining([b, a]))
        expect((await log.bounds([tp('c')]))[0]?.end).toBe(bounds[0]?.end)
        const { member } = await join(log, 'm', ['c'])
        member.seek(tp('c'), b + 1)
        expect((await member.poll(AT_ONCE))[0]?.length).toBe(3)
      }),
    )

    test(
      'a tombstone is kept by the pass that first sees it and dropped by the next',
      withLog(make, async ({ log, compact }) => {
        await log.ensureTopics([topic('c', 1, { cleanup: 'compact' })])
        await put(log, 'a', 'a1')
        await put(log, 'a', null)
        await put(log, 'b', 'b1')
        await compact('c', 0)
        expect(await readAll(log, tp('c'))).toEqual([null, 'b1'])
        await put(log, 'd', 'd1')
        await compact('c', 0)
        expect(await readAll(log, tp('c'))).toEqual(['b1', 'd1'])
      }),
    )

    test(
      'a batch polled before compaction or retention stays readable',
      withLog(make, async ({ log, advance, compact, housekeep }) => {
        await log.ensureTopics([
          topic('c', 1, { cleanup: 'compact' }),
          topic('a', 1, { retentionMs: 10 }),
        ])
        await put(log, 'k', 'first')
        await put(log, 'k', 'second')
        await put(log, 'k', 'third')
        await append(log, tp('a'), 'dropped')
        const { member } = await join(log, 'm', ['c', 'a'])
        const batches = await member.poll(AT_ONCE)
        await compact('c', 0)
        await advance(1_000)
        await housekeep()
        const words = batches
          .flatMap((batch) =>
            Array.from({ length: batch.length }, (_, i) =>
              Buffer.from(batch.value(i) ?? []).toString(),
            ),
          )
          .sort()
        expect(words).toEqual(['dropped', 'first', 'second', 'third'])
        expect(await readAll(log, tp('a'))).toEqual([])
      }),
    )
  })
}
