import { expect, test } from 'vitest'
import { join, topic } from '../conformance/harness.ts'
import { createSimulatedLog } from '../simulated/log.ts'
import type { Scheduler } from './scheduler.ts'

/** Timers that go off when a test says so. */
class Timers implements Scheduler {
  readonly #waiting = new Map<() => void, number>()

  after(ms: number, run: () => void): () => void {
    this.#waiting.set(run, ms)
    return () => this.#waiting.delete(run)
  }

  fire(ms: number): void {
    for (const [run, after] of this.#waiting)
      if (after === ms) {
        this.#waiting.delete(run)
        run()
      }
  }
}

test('the place of a member that does not come back is given away when its time is up', async () => {
  const timers = new Timers()
  const log = createSimulatedLog({ scheduler: timers, keepPlaceMs: 77 })
  await log.ensureTopics([topic('a', 2)])
  const one = await join(log, 'one', ['a'])
  const two = await join(log, 'two', ['a'])
  expect(one.told).toEqual(['claimed a/0 a/1', 'revoked a/1'])
  await two.member.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(one.told).toHaveLength(2)
  timers.fire(77)
  await expect.poll(() => one.told.at(-1)).toBe('claimed a/1')
})

test('members that come and go while others answer leave every partition with one owner', async () => {
  const log = createSimulatedLog()
  await log.ensureTopics([topic('a', 6)])
  const slowly = { revoked: () => new Promise<void>((resolve) => setTimeout(resolve, 3)) }
  const one = await join(log, 'one', ['a'], slowly)
  const joining = ['two', 'three', 'four'].map((id) => join(log, id, ['a'], slowly))
  const [two, three, four] = await Promise.all(joining)
  await Promise.all([two?.member.close({ leave: true }), join(log, 'five', ['a'], slowly)])
  const five = await join(log, 'five', ['a'])
  const members = [one, three, four, five]
  const owned = (): string[] =>
    members.flatMap((joined) => {
      const mine = new Set<string>()
      for (const line of joined?.told ?? []) {
        const [word, ...keys] = line.split(' ')
        for (const key of keys)
          if (word === 'claimed') mine.add(key)
          else mine.delete(key)
      }
      return [...mine]
    })
  await expect.poll(() => owned().sort()).toEqual(['a/0', 'a/1', 'a/2', 'a/3', 'a/4', 'a/5'])
})

test('[L5] what a member is given between joining and subscribing, it is told when it subscribes', async () => {
  const log = createSimulatedLog()
  await log.ensureTopics([topic('a', 4)])
  const one = await join(log, 'one', ['a'])
  await join(log, 'two', ['a'])
  // Comes back under its name and has not subscribed yet when the group shares out anew.
  const again = await log.member({ group: 'group', id: 'two' })
  await one.member.close({ leave: true })
  await new Promise((resolve) => setImmediate(resolve))
  const told: string[] = []
  await again.subscribe(['a'], {
    claimed: (partitions) => void told.push(...partitions.map(({ partition }) => `a/${partition}`)),
    revoked() {},
    lost() {},
  })
  expect(told.sort()).toEqual(['a/0', 'a/1', 'a/2', 'a/3'])
})
