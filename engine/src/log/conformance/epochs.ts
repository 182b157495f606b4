/** Epochs: all or nothing, invisible until then, fenced. */
import { describe, expect, test } from 'vitest'
import { partitionKey } from '../port.ts'
import {
  AT_ONCE,
  append,
  at,
  codeOf,
  join,
  type MakeLog,
  readAll,
  record,
  topic,
  tp,
  valuesOf,
  withLog,
} from './harness.ts'

export function epochRules(make: MakeLog): void {
  describe('epochs', () => {
    test(
      '[L2] writes and positions become visible together on commit, not before',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('in'), topic('out', 2)])
        await append(log, tp('in'), 'a', 'b')
        const { member } = await join(log, 'm', ['in'])
        const [batch] = await member.poll(AT_ONCE)
        const epoch = member.begin([at('in', 0, batch?.nextOffset ?? -1, '{"epoch":1}')])
        epoch.write('out', 0, [record('A')])
        epoch.write('out', 1, [record('B')])
        expect(await readAll(log, tp('out', 0))).toEqual([])
        expect((await member.committed([tp('in')])).size).toBe(0)
        expect((await log.bounds([tp('out')]))[0]?.end).toBe(0)
        await epoch.commit()
        expect(await readAll(log, tp('out', 0))).toEqual(['A'])
        expect(await readAll(log, tp('out', 1))).toEqual(['B'])
        expect((await member.committed([tp('in'), tp('out')])).get('in/0')).toEqual({
          offset: batch?.nextOffset,
          metadata: '{"epoch":1}',
        })
      }),
    )

    test(
      '[L2] nothing of an aborted epoch is ever seen',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('in'), topic('out')])
        const { member } = await join(log, 'm', ['in'])
        const epoch = member.begin([at('in', 0, 0, 'aborted')])
        epoch.write('out', 0, [record('never')])
        await epoch.abort()
        await expect(epoch.commit()).rejects.toThrow()
        const next = member.begin([])
        next.write('out', 0, [record('next')])
        await next.commit()
        expect(await readAll(log, tp('out'))).toEqual(['next'])
        expect((await member.committed([tp('in')])).size).toBe(0)
      }),
    )

    test(
      'positions alone make an epoch, as a task with due timers and no input needs',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('in', 2)])
        const { member } = await join(log, 'm', ['in'])
        await member.begin([at('in', 0, 0, 'e1'), at('in', 1, 0, 'e7')]).commit()
        await member.begin([at('in', 0, 0, 'e2')]).commit()
        const committed = await member.committed([tp('in', 0), tp('in', 1)])
        expect(committed.get(partitionKey(tp('in', 0)))).toEqual({ offset: 0, metadata: 'e2' })
        expect(committed.get(partitionKey(tp('in', 1)))).toEqual({ offset: 0, metadata: 'e7' })
      }),
    )

    test(
      'a member has one open epoch at a time, and a spent one is refused',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('in')])
        const { member } = await join(log, 'm', ['in'])
        const epoch = member.begin([])
        expect(() => member.begin([])).toThrow('one open epoch')
        await epoch.commit()
        expect(() => epoch.write('in', 0, [record('x')])).toThrow('committed or aborted')
        await expect(epoch.commit()).rejects.toThrow('committed once')
        expect(await readAll(log, tp('in'))).toEqual([])
      }),
    )

    test(
      '[L3] the same id coming back fences its former self',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('in'), topic('out')])
        const former = await join(log, 'm', ['in'])
        const epoch = former.member.begin([at('in', 0, 9)])
        epoch.write('out', 0, [record('stale')])
        const later = await join(log, 'm', ['in'])
        expect(former.told).toEqual(['claimed in/0', 'lost in/0'])
        expect(later.told).toEqual(['claimed in/0'])
        expect(await codeOf(() => epoch.commit())).toBe('log_fenced')
        expect(await codeOf(() => former.member.begin([]))).toBe('log_fenced')
        expect(await codeOf(() => former.member.poll(AT_ONCE))).toBe('log_fenced')
        await later.member.begin([at('in', 0, 0, 'mine')]).commit()
        expect(await readAll(log, tp('out'))).toEqual([])
        expect((await later.member.committed([tp('in')])).get('in/0')?.metadata).toBe('mine')
      }),
    )

    test(
      '[L3] a partition that was never claimed cannot be committed',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('in', 2), topic('out')])
        const one = await join(log, 'one', ['in'])
        await join(log, 'two', ['in'])
        const foreign = one.told.includes('revoked in/1') ? 1 : 0
        const epoch = one.member.begin([at('in', foreign, 1)])
        epoch.write('out', 0, [record('stale')])
        expect(await codeOf(() => epoch.commit())).toBe('log_abortable')
        expect(await readAll(log, tp('out'))).toEqual([])
        const retry = one.member.begin([at('in', 1 - foreign, 0)])
        retry.write('out', 0, [record('mine')])
        await retry.commit()
        expect(await readAll(log, tp('out'))).toEqual(['mine'])
      }),
    )

    test(
      'a member goes on from its committed position after a restart',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('in')])
        await append(log, tp('in'), 'a', 'b', 'c')
        const first = await join(log, 'm', ['in'])
        const [batch] = await first.member.poll({ ...AT_ONCE, maxRecords: 2 })
        expect(valuesOf(batch)).toEqual(['a', 'b'])
        await first.member.begin([at('in', 0, batch?.nextOffset ?? -1)]).commit()
        await first.member.close()
        const second = await join(log, 'm', ['in'])
        expect(valuesOf((await second.member.poll(AT_ONCE))[0])).toEqual(['c'])
      }),
    )
  })
}
