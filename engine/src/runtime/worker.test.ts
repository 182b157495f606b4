/** Workers against the simulated log: faults at chosen moments, several workers, restarts. */
import { afterEach, describe, expect, test } from 'vitest'
import { type ErrorCode, findError } from '../errors.ts'
import type { Scheduler } from '../log/local/scheduler.ts'
import { partitionKey } from '../log/port.ts'
import type { FaultPoint } from '../log/simulated/faults.ts'
import { stateSpec } from '../operator.ts'
import { KeyedState } from '../state/index.ts'
import {
  allAt,
  codeOf,
  counter,
  counting,
  doubtful,
  Plant,
  settle,
  stopped,
  summary,
  totalOf,
  WORDS,
} from './worker.fixture.ts'
import type { Worker } from './worker.ts'

let plant = new Plant()
afterEach(async () => {
  await plant.close()
})
const fresh = (scheduler?: Scheduler): Plant => {
  plant = new Plant(scheduler)
  return plant
}

describe('epochs', () => {
  const outcomes: readonly (readonly [FaultPoint, boolean])[] = [
    ['begin:crash', false],
    ['write:crash', false],
    ['commit:abortable', false],
    ['commit:crash-before', false],
    ['commit:torn', false],
    ['commit:crash-after', true],
  ]
  test.each(outcomes)(
    '[R1] an epoch of two tasks, %s: that all of it is seen is %s',
    async (point, seen) => {
      const p = fresh()
      const worker = await p.start()
      await p.say(0, ...WORDS, '!')
      await p.say(1, ...WORDS)
      await worker.cycle(0)
      const before = await p.visible()
      p.arm(point)
      // The inbox's two tasks have totals, changes, a dead letter and positions to write.
      await worker.cycle(0).catch((error: unknown) => {
        expect(findError(error)?.class).toBe('fatal')
      })
      const after = await p.visible()
      if (!seen) expect(after).toEqual(before)
      const told: number[] = []
      const again = await p.start({ onCommit: ({ tasks }) => told.push(tasks.length) })
      await settle(again)
      expect(summary(await p.totals())).toEqual(allAt(2))
      expect((await p.values('dead-letters')).flat()).toHaveLength(1)
      // Seen means all of it: nothing was left to do for the next start.
      expect(told).toEqual(seen ? [] : [2])
      if (seen) expect(await p.visible()).toEqual(after)
    },
  )

  test('[R4] [E4] [U4] an abort takes every task of the epoch back and runs the slices again', async () => {
    const p = fresh()
    const worker = await p.start()
    await p.say(0, ...WORDS)
    await settle(worker)
    await p.say(0, ...WORDS, '!')
    await p.say(1, ...WORDS)
    await worker.cycle(0)
    const before = await p.visible()
    p.arm('commit:abortable', 'commit:abortable', 'commit:abortable', 'commit:abortable')
    const epochs = worker.stats.epochs
    for (let n = 1; n <= 4; n++) {
      await worker.cycle(0)
      expect(worker.stats).toMatchObject({ epochs, aborts: n })
      expect(await p.visible()).toEqual(before)
      for (const word of WORDS) expect(totalOf(worker, word)).toBe(1)
    }
    await settle(worker)
    // The chained sink goes on where the last commit left it, not where the aborted epochs did.
    expect(summary(await p.totals())).toEqual(allAt(3))
    expect((await p.values('dead-letters')).flat()).toHaveLength(1)
  })

  test('[R4] a commit that is to be repeated is repeated, not run again', async () => {
    const p = fresh()
    const worker = await p.start()
    p.arm('commit:retriable', 'commit:retriable', 'commit:retriable')
    await p.say(0, ...WORDS)
    await settle(worker)
    expect(worker.stats.aborts).toBe(0)
    expect(summary(await p.totals())).toEqual(allAt(1))
  })
})

describe('a commit whose outcome is unknown', () => {
  test.each([
    ['took place', true],
    ['did not', false],
  ])(
    '[R3] [R7] [SYS-1] and %s: nothing more is written, the next start learns the truth',
    async (_, takesPlace) => {
      const p = fresh()
      const { wrapped, seen } = doubtful(p.log, takesPlace)
      const worker = await p.start({ log: wrapped })
      await p.say(0, ...WORDS)
      await settle(worker)
      await p.say(0, ...WORDS)
      await p.say(1, ...WORDS)
      await worker.cycle(0)
      seen.armed = true
      const begun = seen.begun
      expect(await codeOf(worker.run())).toBe('log_commit_unknown')
      const after = await p.visible()
      expect(seen).toMatchObject({ begun: begun + 1, aborted: 0 })
      // The checkpoint of the stop holds the epoch before, but its changelog may hold this one.
      await worker.stop()
      expect(await p.visible()).toEqual(after)
      const next = await p.start()
      await settle(next)
      expect(summary(await p.totals())).toEqual(allAt(3))
      for (const word of WORDS) expect(totalOf(next, word)).toBe(3)
    },
  )
})

describe('starts', () => {
  test('[R2] [SYS-2] state comes back from the changelog alone, as it was committed', async () => {
    const p = fresh()
    const first = await p.start()
    await p.say(0, ...WORDS, ...WORDS)
    await settle(first)
    p.log.crash()
    const next = await p.start({ id: 'elsewhere' })
    for (const word of WORDS) expect(totalOf(next, word)).toBe(2)
    await p.say(1, ...WORDS)
    await settle(next)
    expect(summary(await p.totals())).toEqual(allAt(3))
  })

  test.each([
    ['by-word', 99],
    ['by-word', 1],
    ['arrivals', 99],
  ])(
    '[R2] a position of %s committed with epoch %i, where the changelog ends elsewhere',
    async (topic, epoch) => {
      const p = fresh()
      const worker = await p.start()
      await p.say(0, ...WORDS)
      await settle(worker)
      await p.say(0, ...WORDS)
      await settle(worker)
      await worker.stop()
      const foreign = await p.log.member({ group: 'counting', id: 'one' })
      await foreign.subscribe(['arrivals', 'by-word'], {
        claimed: () => {},
        revoked: () => {},
        lost: () => {},
      })
      const metadata = JSON.stringify({ epoch, build: 'test', format: 1 })
      await foreign.begin([{ topic, partition: 0, offset: 0, metadata }]).commit()
      const before = await p.visible()
      expect(await codeOf(p.start())).toBe('state_mismatch')
      expect(await p.visible()).toEqual(before)
    },
  )

  test('[R7] a checkpoint of a later epoch than the log has committed is discarded', async () => {
    const p = fresh()
    const worker = await p.start()
    for (let n = 0; n < 3; n++) {
      await p.say(0, ...WORDS)
      await settle(worker)
    }
    await worker.stop()
    const disk = p.disk('by-word/0')
    expect(disk.note()?.epoch).toBe(3)
    // The same disk under a log that was set back to its beginning.
    const back = fresh()
    const onOld = await back.start({
      openState: (task, slots) => {
        const backend = p.disk(task)
        return { backend, store: new KeyedState({ slots, backend }) }
      },
    })
    expect(disk.note()).toBeUndefined()
    for (const word of WORDS) expect(totalOf(onOld, word)).toBe(0)
    await back.say(0, ...WORDS)
    await settle(onOld)
    expect(summary(await back.totals())).toEqual(allAt(1))
  })

  test('[R7] a checkpoint that the changelog does not continue is discarded', async () => {
    const p = fresh()
    const worker = await p.start()
    await p.say(0, ...WORDS)
    await settle(worker)
    await worker.stop()
    const note = p.disk('by-word/0').note()
    const grown = await p.start()
    await p.say(0, ...WORDS)
    await settle(grown)
    p.log.crash()
    // An old checkpoint that claims to cover the changelog to its end.
    if (note !== undefined)
      await p.disk('by-word/0').write({
        changes: [],
        timers: [],
        note: { ...note, changelogOffset: note.changelogOffset + 1_000 },
      })
    const next = await p.start()
    for (const word of WORDS) expect(totalOf(next, word)).toBe(2)
  })
})

describe('layouts', () => {
  const second = { ...counter, id: 'second' }
  const raised = (migrate?: Record<number, (old: unknown) => unknown>) => ({
    ...counter,
    state: stateSpec<number>({
      version: 2,
      initial: 0,
      ...(migrate === undefined ? {} : { migrate }),
    }),
  })
  const doubled = { 1: (old: unknown) => (old as number) * 2 }

  /** A run of `before`, ended as `how` says, and what the start of `after` came to. */
  async function upgraded(
    how: 'stop' | 'crash',
    [before, after]: readonly [readonly (typeof counter)[], readonly (typeof counter)[]],
    dropState: readonly string[] = [],
  ): Promise<readonly [ErrorCode | undefined, Worker]> {
    const p = fresh()
    const worker = await p.start({ on: counting(before) })
    await p.say(0, ...WORDS)
    await settle(worker)
    if (how === 'stop') await worker.stop()
    else p.log.crash()
    const next = p.worker({ on: counting(after), dropState })
    return [await codeOf(next.start()), next]
  }

  test.each(['stop', 'crash'] as const)(
    '[R8] after a %s, state without its operator',
    async (how) => {
      const gone = [[counter, second], [counter]] as const
      expect((await upgraded(how, gone))[0]).toBe('state_vanished')
      const [code, next] = await upgraded(how, gone, ['second'])
      expect(code).toBeUndefined()
      expect(totalOf(next, 'oak')).toBe(1)
    },
  )

  test.each(['stop', 'crash'] as const)(
    '[R8] after a %s, state of an older version',
    async (how) => {
      expect((await upgraded(how, [[counter], [raised()]]))[0]).toBe('state_version')
      const [code, next] = await upgraded(how, [[counter], [raised(doubled)]])
      expect(code).toBeUndefined()
      expect(totalOf(next, 'oak')).toBe(2)
      const [dropped, anew] = await upgraded(how, [[counter], [raised()]], ['counter'])
      expect(dropped).toBeUndefined()
      expect(totalOf(anew, 'oak')).toBe(0)
    },
  )
})

describe('partitions on the move', () => {
  test('[R5] a revoke in mid-epoch: it is finished first, then the other worker goes on behind it', async () => {
    const time = stopped()
    const p = fresh(time)
    const one = await p.start()
    await p.say(0, ...WORDS)
    await p.say(1, ...WORDS)
    await one.cycle(0)
    p.arm('commit:slow')
    p.steps.length = 0
    const epoch = one.cycle(0)
    await expect.poll(() => p.steps.at(-1)).toBe('one commit')
    const two = p.worker({ id: 'two' })
    const joined = two.start()
    await new Promise((resolve) => setTimeout(resolve, 20))
    // Nobody else has anything yet: the epoch that runs keeps its partitions.
    expect(p.steps.filter((step) => step.startsWith('two'))).toEqual([])
    time.pass()
    await Promise.all([epoch, joined])
    const order = p.steps.filter((step) => /one (committed|checkpointed)|two claim/.test(step))
    expect(order[0]).toBe('one committed')
    expect(order.lastIndexOf('one checkpointed')).toBeLessThan(order.indexOf('two claim'))
    expect(one.stats.aborts).toBe(0)
    expect([one.tasks.length, two.tasks.length]).toEqual([2, 2])
    await p.say(0, ...WORDS)
    await settle(one, two)
    expect(summary(await p.totals())).toEqual(allAt(3))
    // The inbox's partitions have moved, and the state with them.
    for (const word of WORDS) expect(totalOf(two, word)).toBe(3)
    expect(() => totalOf(one, 'oak')).toThrow('task_not_here')
  })

  test('[R5] partitions lost in mid-epoch drop it, are claimed again, and lose nothing', async () => {
    const p = fresh()
    const worker = await p.start()
    await p.say(0, ...WORDS)
    await p.say(1, ...WORDS)
    await worker.cycle(0)
    // All four tasks have something in the epoch: whichever partition is lost, it is one of it.
    await p.say(0, ...WORDS)
    await p.say(1, ...WORDS)
    const before = await p.visible()
    p.arm('commit:lost')
    await worker.cycle(0)
    expect(worker.stats.aborts).toBe(1)
    expect(await p.visible()).toEqual(before)
    await expect.poll(() => worker.tasks.length).toBe(4)
    await settle(worker)
    expect(summary(await p.totals())).toEqual(allAt(4))
  })

  test.each([
    ['one hop an epoch', false],
    ['both hops in one', true],
  ])(
    '[R5] [SYS-1] losses, revokes and failures at any moment leave everything exactly once, %s',
    async (_, readAhead) => {
      const points = ['write:lost', 'poll:lost', 'commit:lost', 'begin:revoke', 'commit:abortable']
      for (let seed = 1; seed <= 8; seed++) {
        const p = fresh()
        const [one, two] = [await p.start({ readAhead }), await p.start({ id: 'two', readAhead })]
        for (let n = 0; n < 12; n++) {
          p.arm(points[(seed * 7 + n * 5 + ((n * seed) % 3)) % points.length] as FaultPoint)
          await p.say(n % 2, ...WORDS)
          await settle(one, two)
        }
        await expect.poll(() => one.tasks.length + two.tasks.length).toBe(4)
        await settle(one, two)
        expect(p.log.faults.length, `seed ${seed}`).toBeGreaterThan(8)
        expect(summary(await p.totals()), `seed ${seed}`).toEqual(allAt(12))
        await p.close()
      }
    },
  )
})

test('[R6] stopping finishes, commits and checkpoints, so that the next start reads nothing', async () => {
  const p = fresh()
  const worker = await p.start()
  const run = worker.run()
  await p.say(0, ...WORDS)
  await p.say(1, ...WORDS)
  await expect.poll(() => worker.stats.epochs).toBeGreaterThan(0)
  await worker.stop()
  await run
  expect(worker.tasks).toEqual([])
  const observer = await p.log.member({ group: 'counting', id: 'observer' })
  const inbox = [0, 1].map((partition) => ({ topic: 'by-word', partition }))
  const positions = await observer.committed(inbox)
  for (const at of inbox) {
    const epoch = JSON.parse(positions.get(partitionKey(at))?.metadata ?? '{"epoch":0}').epoch
    const changelog = { topic: 'by-word.changelog', partition: at.partition }
    const [bounds] = await p.log.bounds([changelog])
    expect(p.disk(partitionKey(at)).note()).toMatchObject({
      epoch,
      changelogOffset: bounds?.end ?? -1,
    })
  }
  await observer.close({ leave: true })
  const next = await p.start()
  await settle(next)
  expect(summary(await p.totals())).toEqual(allAt(2))
})
