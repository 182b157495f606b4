/** Groups: who owns what, and how that changes. */
import { describe, expect, test, vi } from 'vitest'
import type { TopicPartition } from '../port.ts'
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
  withLog,
} from './harness.ts'

export function membershipRules(make: MakeLog): void {
  describe('membership', () => {
    test(
      '[L3] partitions are shared out, each to one member, and shared anew as members leave',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 4)])
        const one = await join(log, 'one', ['a'])
        expect(one.told).toEqual(['claimed a/0 a/1 a/2 a/3'])
        const two = await join(log, 'two', ['a'])
        expect(one.told).toHaveLength(2)
        const moved = one.told[1]?.replace('revoked ', '')
        expect(moved?.split(' ')).toHaveLength(2)
        expect(two.told).toEqual([`claimed ${moved}`])
        await two.member.close({ leave: true })
        await vi.waitFor(() => expect(one.told.at(-1)).toBe(`claimed ${moved}`), { timeout: 5_000 })
      }),
    )

    test(
      'the place of a member that closed without leaving is kept for it',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2)])
        const one = await join(log, 'one', ['a'])
        const two = await join(log, 'two', ['a'])
        await two.member.close()
        const again = await join(log, 'two', ['a'])
        expect(again.told).toEqual(two.told)
        expect(one.told).toHaveLength(2)
      }),
    )

    test(
      '[L5] on revoke the running epoch may still commit, and the next owner starts behind it',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2), topic('out')])
        await append(log, tp('a', 0), 'x', 'y')
        await append(log, tp('a', 1), 'x', 'y')
        const owner = await log.member({ group: 'group', id: 'one' })
        const events: string[] = []
        await owner.subscribe(['a'], {
          claimed: (partitions) => owner.resume(partitions),
          async revoked() {
            events.push('asked')
            await epoch.commit()
            events.push('committed')
          },
          lost: () => void events.push('lost'),
        })
        const epoch = owner.begin([at('a', 0, 1), at('a', 1, 1)])
        epoch.write('out', 0, [record('last word')])
        const heir = await join(log, 'two', ['a'], { claimed: () => void events.push('claimed') })
        expect(events).toEqual(['asked', 'committed', 'claimed'])
        const [batch] = await heir.member.poll(AT_ONCE)
        expect(batch?.offset(0)).toBe(1)
        expect(await readAll(log, tp('out'))).toEqual(['last word'])
      }),
    )

    test(
      '[L5] who does not answer a revoke in time loses the partition and cannot commit it',
      withLog(
        make,
        async ({ log }) => {
          await log.ensureTopics([topic('a', 2), topic('out')])
          let answer = (): void => {}
          const silent = new Promise<void>((resolve) => {
            answer = resolve
          })
          const one = await join(log, 'one', ['a'], { revoked: () => silent })
          const epoch = one.member.begin([at('a', 0, 1), at('a', 1, 1)])
          epoch.write('out', 0, [record('too late')])
          const two = await join(log, 'two', ['a'])
          expect(one.told[2]).toBe(two.told[0]?.replace('claimed', 'lost'))
          expect(await codeOf(() => epoch.commit())).toBe('log_abortable')
          expect(await readAll(log, tp('out'))).toEqual([])
          answer()
        },
        { revokeMs: 30 },
      ),
    )

    test(
      'a partition asked for is not polled any more',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a', 2)])
        for (const p of [0, 1]) await append(log, tp('a', p), 'x')
        const polled: TopicPartition[] = []
        const one = await log.member({ group: 'group', id: 'one' })
        let asked: readonly TopicPartition[] = []
        await one.subscribe(['a'], {
          claimed: (partitions) => one.resume(partitions),
          async revoked(partitions) {
            asked = partitions
            polled.push(...(await one.poll(AT_ONCE)))
          },
          lost() {},
        })
        await join(log, 'two', ['a'])
        expect(asked).toHaveLength(1)
        expect(polled.map((batch) => batch.partition)).toEqual([1 - (asked[0]?.partition ?? 0)])
      }),
    )

    test(
      'groups do not know of each other',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        await append(log, tp('a'), 'x')
        const here = await join(log, 'm', ['a'])
        const there = await log.member({ group: 'other', id: 'm' })
        await there.subscribe(['a'], {
          claimed: (partitions) => there.resume(partitions),
          revoked() {},
          lost() {},
        })
        await here.member.begin([at('a', 0, 1, 'here')]).commit()
        expect((await there.committed([tp('a')])).size).toBe(0)
        expect(await there.poll(AT_ONCE)).toHaveLength(1)
      }),
    )

    test(
      'a listener that fails makes the next poll fail with its error',
      withLog(make, async ({ log }) => {
        await log.ensureTopics([topic('a')])
        const { member } = await join(log, 'm', ['a'], {
          claimed: () => Promise.reject(new Error('restore failed')),
        })
        await expect(member.poll({ ...AT_ONCE, waitMs: 1_000 })).rejects.toThrow('restore failed')
      }),
    )
  })
}
