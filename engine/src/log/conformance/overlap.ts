/**
 * L6: epochs that overlap, and epochs that read what is not committed yet. Which of it a log can do is its
 * own affair: what it does not offer is not tested here, and `conformance.test.ts` says who offers what.
 */
import { describe, expect, test } from 'vitest'
import type { EventLog, LogMember } from '../port.ts'
import {
  AT_ONCE,
  append,
  at,
  codeOf,
  join,
  type MakeLog,
  offsetsOf,
  readAll,
  record,
  topic,
  tp,
  valuesOf,
  withLog,
} from './harness.ts'

/** A member of two partitions, `a/0` and `b/0`, and an `out` for others to see. */
async function prepared(log: EventLog): Promise<LogMember> {
  await log.ensureTopics([topic('a'), topic('b'), topic('out')])
  return (await join(log, 'm', ['a', 'b'])).member
}

export function overlapRules(make: MakeLog): void {
  describe('epochs that overlap', () => {
    test(
      '[L6] one may begin while the one before is being committed, and commits after it',
      withLog(make, async ({ log }) => {
        const member = await prepared(log)
        if (member.overlaps !== true) return
        const first = member.begin([at('a', 0, 0, 'first')])
        first.write('out', 0, [record('1')])
        const committing = first.commit()
        const second = member.begin([at('a', 0, 0, 'second')])
        second.write('out', 0, [record('2')])
        await first.aside?.()
        await committing
        expect(await readAll(log, tp('out'))).toEqual(['1'])
        expect((await member.committed([tp('a')])).get('a/0')?.metadata).toBe('first')
        await second.commit()
        expect(await readAll(log, tp('out'))).toEqual(['1', '2'])
        expect((await member.committed([tp('a')])).get('a/0')?.metadata).toBe('second')
      }),
    )

    test(
      '[L6] where the one before fails, it fails as well',
      withLog(make, async ({ log }) => {
        const member = await prepared(log)
        if (member.overlaps !== true) return
        // Nobody owns `out`.
        const first = member.begin([at('out', 0, 0)])
        const failing = codeOf(() => first.commit())
        const second = member.begin([at('a', 0, 0, 'second')])
        second.write('out', 0, [record('2')])
        expect(await failing).toBe('log_abortable')
        expect(await codeOf(() => second.commit())).toBe('log_abortable')
        expect(await readAll(log, tp('out'))).toEqual([])
        const third = member.begin([at('a', 0, 0, 'third')])
        await third.commit()
        expect((await member.committed([tp('a')])).get('a/0')?.metadata).toBe('third')
      }),
    )

    test(
      '[L6] no third one begins while two are not settled',
      withLog(make, async ({ log }) => {
        const member = await prepared(log)
        if (member.overlaps !== true) return
        const first = member.begin([at('a', 0, 0)])
        const committing = first.commit()
        const second = member.begin([at('a', 0, 0)])
        expect(() => member.begin([])).toThrow('one open epoch')
        await committing
        await second.abort()
        await member.begin([]).commit()
      }),
    )
  })

  describe('reading ahead', () => {
    test(
      '[L6] [L2] what an epoch wrote is read in it, as it will stand, and seen by nobody else',
      withLog(make, async ({ log }) => {
        const member = await prepared(log)
        await append(log, tp('b'), 'x')
        const epoch = member.begin([])
        epoch.write('b', 0, [record('y'), record('z')])
        // There is a record in front of it that was not read.
        expect(epoch.readAhead?.(tp('b'))).toBeUndefined()
        expect(valuesOf((await member.poll(AT_ONCE))[0])).toEqual(['x'])
        const batch = epoch.readAhead?.(tp('b'))
        if (batch === undefined) return
        expect(valuesOf(batch)).toEqual(['y', 'z'])
        expect(await readAll(log, tp('b'))).toEqual(['x'])
        expect(member.position(tp('b'))).toBe(batch.nextOffset)
        expect(await member.poll(AT_ONCE)).toEqual([])
        epoch.write('b', 0, [record('later')])
        epoch.moveTo?.(at('b', 0, batch.nextOffset, 'moved'))
        await epoch.commit()
        const all = await log.reader().read(tp('b'), 0, AT_ONCE)
        expect(valuesOf(all)).toEqual(['x', 'y', 'z', 'later'])
        expect(all === undefined ? [] : offsetsOf(all).slice(1, 3)).toEqual(offsetsOf(batch))
        expect((await member.committed([tp('b')])).get('b/0')).toEqual({
          offset: batch.nextOffset,
          metadata: 'moved',
        })
        expect((await member.poll(AT_ONCE)).flatMap(valuesOf)).toEqual(['later'])
      }),
    )

    test(
      '[L6] the next epoch reads what the one before left, while that is being committed',
      withLog(make, async ({ log }) => {
        const member = await prepared(log)
        if (member.overlaps !== true) return
        const first = member.begin([])
        first.write('b', 0, [record('1')])
        const committing = first.commit()
        const second = member.begin([])
        second.write('b', 0, [record('2')])
        const batch = second.readAhead?.(tp('b'))
        expect([[], ['1', '2']]).toContainEqual(valuesOf(batch))
        second.moveTo?.(at('b', 0, batch?.nextOffset ?? 0))
        await committing
        await second.commit()
        expect(await readAll(log, tp('b'))).toEqual(['1', '2'])
        const rest = (await member.poll(AT_ONCE)).flatMap(valuesOf)
        expect([...valuesOf(batch), ...rest]).toEqual(['1', '2'])
      }),
    )

    test(
      '[L6] an epoch whose reading somebody else came in front of is not committed',
      withLog(make, async ({ log }) => {
        const member = await prepared(log)
        const epoch = member.begin([])
        epoch.write('b', 0, [record('mine')])
        const batch = epoch.readAhead?.(tp('b'))
        if (batch === undefined) return
        epoch.moveTo?.(at('b', 0, batch.nextOffset))
        await append(log, tp('b'), 'yours')
        expect(await codeOf(() => epoch.commit())).toBe('log_abortable')
        member.seek(tp('b'), 0)
        expect((await member.poll(AT_ONCE)).flatMap(valuesOf)).toEqual(['yours'])
      }),
    )
  })
}
