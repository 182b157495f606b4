/** Polling, positions, pausing, waiting, and readers beside members. */
import { describe, expect, test } from 'vitest'
import type { LogBatch } from '../port.ts'
import {
  AT_ONCE,
  append,
  codeOf,
  join,
  type MakeLog,
  NO_LIMIT,
  topic,
  tp,
  valuesOf,
  withLog,
} from './harness.ts'

const flat = (batches: readonly LogBatch[]): (string | null)[] => batches.flatMap(valuesOf)

export function pollingRules(make: MakeLog): void {
  describe('polling', () => {
    test(
      'claimed partitions are paused until they are resumed',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2)])
        await append(log, tp('a', 0), 'x')
        await append(log, tp('a', 1), 'y')
        const member = await log.member({ group: 'g', id: 'm' })
        await member.subscribe(['a'], { claimed() {}, revoked() {}, lost() {} })
        expect(await member.poll(AT_ONCE)).toEqual([])
        member.resume([tp('a', 1)])
        expect(flat(await member.poll(AT_ONCE))).toEqual(['y'])
        member.resume([tp('a', 0)])
        member.pause([tp('a', 1)])
        await append(log, tp('a', 1), 'later')
        expect(flat(await member.poll(AT_ONCE))).toEqual(['x'])
        expect(member.position(tp('a', 1))).toBe(1)
      }),
    )

    test(
      'limits hold over all partitions together; a record larger than the limit still comes',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2)])
        for (const p of [0, 1]) await append(log, tp('a', p), 'aaaa', 'bbbb', 'cccc', 'dddd')
        const { member } = await join(log, 'm', ['a'])
        const few = await member.poll({ maxRecords: 3, maxBytes: 1e6, waitMs: 0 })
        expect(flat(few)).toHaveLength(3)
        expect(few.map((batch) => batch.length).sort((x, y) => x - y)).toEqual([1, 2])
        expect(new Set(few.map((batch) => batch.partition))).toEqual(new Set([0, 1]))
        const small = await member.poll({ maxRecords: 100, maxBytes: 8, waitMs: 0 })
        expect(flat(small)).toHaveLength(2)
        expect(small.reduce((sum, batch) => sum + batch.bytes, 0)).toBe(8)
        expect(flat(await member.poll({ maxRecords: 100, maxBytes: 1, waitMs: 0 }))).toHaveLength(1)
        expect(flat(await member.poll(AT_ONCE))).toHaveLength(2)
        expect(await member.poll(AT_ONCE)).toEqual([])
      }),
    )

    test(
      'partitions are served fairly: none starves behind a long one',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 4)])
        const many = Array.from({ length: 200 }, (_, i) => `long ${i}`)
        await append(log, tp('a', 0), ...many)
        for (const p of [1, 2, 3]) await append(log, tp('a', p), `short ${p}`)
        const { member } = await join(log, 'm', ['a'])
        const seen: (string | null)[] = []
        for (let polls = 0; polls < 4; polls++)
          seen.push(...flat(await member.poll({ maxRecords: 1, maxBytes: 1e6, waitMs: 0 })))
        expect(new Set(seen)).toEqual(new Set(['long 0', 'short 1', 'short 2', 'short 3']))
      }),
    )

    test(
      'one long partition may fill a poll when the others have nothing',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 8)])
        await append(log, tp('a', 3), ...Array.from({ length: 50 }, (_, i) => `${i}`))
        const { member } = await join(log, 'm', ['a'])
        expect(flat(await member.poll({ maxRecords: 40, maxBytes: 1e6, waitMs: 0 }))).toHaveLength(
          40,
        )
      }),
    )

    test(
      'seek moves back and forth, into the middle of a write',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const first = await append(log, tp('a'), 'a', 'b', 'c', 'd')
        const { member } = await join(log, 'm', ['a'])
        expect(member.position(tp('a'))).toBe(first)
        expect(flat(await member.poll(AT_ONCE))).toHaveLength(4)
        expect(member.position(tp('a'))).toBe(first + 4)
        member.seek(tp('a'), first + 2)
        expect(member.position(tp('a'))).toBe(first + 2)
        expect(flat(await member.poll({ ...AT_ONCE, maxRecords: 1 }))).toEqual(['c'])
        expect(flat(await member.poll(AT_ONCE))).toEqual(['d'])
        member.seek(tp('a'), first)
        expect(flat(await member.poll({ ...AT_ONCE, maxRecords: 1 }))).toEqual(['a'])
        member.seek(tp('a'), 1e9)
        expect(await codeOf(() => member.poll(AT_ONCE))).toBe('log_offset_out_of_range')
      }),
    )

    test(
      'poll waits for records, and returns empty-handed when its time is up',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const { member } = await join(log, 'm', ['a'])
        const began = performance.now()
        expect(await member.poll({ ...NO_LIMIT, waitMs: 20 })).toEqual([])
        expect(performance.now() - began).toBeGreaterThanOrEqual(15)
        const waiting = member.poll({ ...NO_LIMIT, waitMs: 60_000 })
        await append(log, tp('a'), 'here')
        expect(flat(await waiting)).toEqual(['here'])
      }),
    )

    test(
      'a waiting poll notices resume, seek and close',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        await append(log, tp('a'), 'x')
        const { member } = await join(log, 'm', ['a'])
        member.pause([tp('a')])
        const resumed = member.poll({ ...NO_LIMIT, waitMs: 60_000 })
        member.resume([tp('a')])
        expect(flat(await resumed)).toEqual(['x'])
        const sought = member.poll({ ...NO_LIMIT, waitMs: 60_000 })
        member.seek(tp('a'), 0)
        expect(flat(await sought)).toEqual(['x'])
        const closed = member.poll({ ...NO_LIMIT, waitMs: 60_000 })
        await member.close()
        expect(await closed).toEqual([])
      }),
    )

    test(
      'onAppend is told once per burst, only of its topics, and not after its way out',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a'), topic('b')])
        let calls = 0
        const stop = log.onAppend(['a'], () => calls++)
        const appender = log.appender()
        await Promise.all([1, 2, 3].map(() => append(log, tp('a'), 'x')))
        await appender.close()
        await new Promise((resolve) => setImmediate(resolve))
        expect(calls).toBeGreaterThanOrEqual(1)
        expect(calls).toBeLessThanOrEqual(3)
        const before = calls
        await append(log, tp('b'), 'x')
        await new Promise((resolve) => setImmediate(resolve))
        expect(calls).toBe(before)
        stop()
        await append(log, tp('a'), 'x')
        await new Promise((resolve) => setImmediate(resolve))
        expect(calls).toBe(before)
      }),
    )

    test(
      'readers disturb neither each other nor a member',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        await append(log, tp('a'), 'a', 'b', 'c')
        const { member } = await join(log, 'm', ['a'])
        const one = log.reader()
        const two = log.reader()
        const single = { maxRecords: 1, maxBytes: 1e6 }
        expect(valuesOf(await one.read(tp('a'), 0, single))).toEqual(['a'])
        expect(flat(await member.poll({ ...single, waitMs: 0 }))).toEqual(['a'])
        expect(valuesOf(await two.read(tp('a'), 2, single))).toEqual(['c'])
        expect(valuesOf(await one.read(tp('a'), 1, single))).toEqual(['b'])
        expect(flat(await member.poll({ ...single, waitMs: 0 }))).toEqual(['b'])
        expect(await one.read(tp('a'), 3, single)).toBeUndefined()
        expect(valuesOf(await one.read(tp('a'), 0, { maxRecords: 9, maxBytes: 0 }))).toEqual(['a'])
      }),
    )
  })
}
