/**
 * Two epochs at a time, and two hops in one. `commit:aside` lets a commit go on beside the worker until
 * the scheduler passes; the faults that follow it in the script strike after that.
 */
import * as fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { findError, OpportuneError } from '../errors.ts'
import type { FaultPoint } from '../log/simulated/faults.ts'
import { allAt, codeOf, Plant, settle, stopped, summary, totalOf, WORDS } from './worker.fixture.ts'
import type { Worker, WorkerOptions } from './worker.ts'

const plants: Plant[] = []
afterEach(async () => {
  for (const plant of plants.splice(0)) await plant.close()
})

interface Overlap {
  readonly p: Plant
  readonly worker: Worker
  readonly pass: () => void
  /** The call that processed the second epoch, which waits for the first. */
  readonly second: Promise<unknown>
  /** What everybody saw before the first. */
  readonly before: unknown
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Two epochs, one of each partition's words: the first being committed, the second processed. */
async function overlapping(
  faults: readonly FaultPoint[],
  options: Partial<WorkerOptions> = {},
): Promise<Overlap> {
  const time = stopped()
  const p = new Plant(time)
  plants.push(p)
  const worker = await p.start({
    readAhead: true,
    ...options,
    onStep: (step) => {
      p.steps.push(`one ${step}`)
      options.onStep?.(step)
    },
  })
  await p.say(0, ...WORDS)
  await settle(worker)
  const before = await p.visible()
  p.arm('commit:aside', ...faults)
  await p.say(0, ...WORDS)
  await worker.advance(0)
  await p.say(1, ...WORDS)
  p.steps.length = 0
  const second = worker.advance(0)
  await expect.poll(() => p.steps.at(-1), { interval: 1 }).toBe('one processed')
  expect(p.log.faults.map(({ point }) => point)).toEqual(['commit:aside'])
  expect(await p.visible()).toEqual(before)
  return { p, worker, pass: () => time.pass(), second, before }
}

/** A new process finds what is committed, and does the rest: each word once for each time it was said. */
async function recovers(p: Plant): Promise<void> {
  const next = await p.start({ readAhead: true })
  await settle(next)
  expect(summary(await p.totals())).toEqual(allAt(3))
  for (const word of WORDS) expect(totalOf(next, word)).toBe(3)
}

describe('an epoch behind one that is being committed', () => {
  test('[R9] is committed after it', async () => {
    const { p, worker, pass, second } = await overlapping([])
    expect(worker.stats.epochs).toBe(1)
    await turn()
    expect(p.steps).not.toContain('one commit')
    pass()
    await second
    await worker.cycle(0)
    const order = p.steps.filter((step) => /commit/.test(step))
    expect(order).toEqual(['one committed', 'one commit', 'one committed'])
    expect(summary(await p.totals())).toEqual(allAt(3))
    expect(worker.stats).toMatchObject({ epochs: 3, aborts: 0 })
  })

  test('[R9] [R4] [E4] [U4] is taken back with it, and both are run again', async () => {
    const { p, worker, pass, second, before } = await overlapping(['commit:abortable'])
    pass()
    await second
    expect(worker.stats).toMatchObject({ epochs: 1, aborts: 1 })
    expect(await p.visible()).toEqual(before)
    for (const word of WORDS) expect(totalOf(worker, word)).toBe(1)
    await settle(worker)
    // Totals, chain numbers and positions go on from the commit before both of them.
    expect(summary(await p.totals())).toEqual(allAt(3))
    for (const word of WORDS) expect(totalOf(worker, word)).toBe(3)
  })

  test('[R4] stays where the commit before it is only to be repeated', async () => {
    const { p, worker, pass, second } = await overlapping(['commit:retriable', 'commit:retriable'])
    pass()
    await second
    await settle(worker)
    expect(worker.stats.aborts).toBe(0)
    expect(summary(await p.totals())).toEqual(allAt(3))
  })

  test('[R9] [R4] fails alone: what was committed before it stays', async () => {
    // The second `aside` is the second commit's.
    const { p, worker, pass, second, before } = await overlapping([
      'commit:aside',
      'commit:abortable',
    ])
    pass()
    await second
    await expect.poll(() => worker.stats.epochs, { interval: 1 }).toBe(2)
    const after = await p.visible()
    expect(after).not.toEqual(before)
    pass()
    await expect.poll(() => worker.stats.aborts, { interval: 1 }).toBe(1)
    expect(await p.visible()).toEqual(after)
    for (const word of WORDS) expect(totalOf(worker, word)).toBe(2)
    await settle(worker)
    expect(summary(await p.totals())).toEqual(allAt(3))
  })

  test.each(['commit:crash-before', 'commit:torn', 'commit:crash-after'] as const)(
    '[R9] [R3] [SYS-1] the outcome of the one before is unknown (%s): neither goes on',
    async (point) => {
      const { p, worker, pass, second, before } = await overlapping([point])
      const died = codeOf(second)
      pass()
      expect(await died).toBe('log_commit_unknown')
      expect(await codeOf(worker.advance(0))).toBe('log_commit_unknown')
      expect(worker.stats.epochs).toBe(1)
      const after = await p.visible()
      if (point === 'commit:crash-after') expect(after).not.toEqual(before)
      else expect(after).toEqual(before)
      await recovers(p)
    },
  )

  test('[R9] [SYS-1] the process ends between the two commits: the first stands, the second is run again', async () => {
    let committed = 0
    const { p, pass, second, before } = await overlapping([], {
      onStep: (step) => {
        if (step !== 'committed' || ++committed < 2) return
        plants[0]?.log.crash()
        throw new OpportuneError('log_crashed', 'Killed.')
      },
    })
    const died = codeOf(second)
    pass()
    expect(await died).toBe('log_crashed')
    expect(await p.visible()).not.toEqual(before)
    await recovers(p)
  })

  test('[V1] what is done between epochs waits for both, and holds up the next', async () => {
    const { p, worker, pass, second } = await overlapping([])
    const order: string[] = []
    let finish = (): void => {}
    const between = worker.between(async (tasks) => {
      order.push('between')
      // Position, state and epoch of each task are of one moment.
      expect(tasks.map(({ position }) => position > 0)).not.toContain(false)
      for (const { task } of tasks) expect(task.epoch).toBe(task.committed.epoch)
      await new Promise<void>((resolve) => {
        finish = resolve
      })
    })
    await turn()
    expect(order).toEqual([])
    pass()
    await second
    await expect.poll(() => order, { interval: 1 }).toEqual(['between'])
    expect(worker.stats.epochs).toBe(3)
    await p.say(0, ...WORDS)
    const third = worker.cycle(0).then(() => order.push('third'))
    await turn()
    expect(order).toEqual(['between'])
    finish()
    await Promise.all([between, third])
    expect(order).toEqual(['between', 'third'])
    expect(summary(await p.totals())).toEqual(allAt(4))
  })

  test('[R5] [L5] both are finished before partitions that are revoked go to another worker', async () => {
    const { p, worker, pass, second } = await overlapping([])
    const two = p.worker({ id: 'two', readAhead: true })
    const joined = two.start()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(p.steps.filter((step) => step.startsWith('two'))).toEqual([])
    pass()
    await Promise.all([second, joined])
    const order = p.steps.filter((step) => /one committed|two claim/.test(step))
    expect(order.slice(0, 3)).toEqual(['one committed', 'one committed', 'two claim'])
    expect([worker.tasks.length, two.tasks.length]).toEqual([2, 2])
    expect(worker.stats.aborts).toBe(0)
    await p.say(0, ...WORDS)
    await settle(worker, two)
    expect(summary(await p.totals())).toEqual(allAt(4))
  })

  test('[R5] [L5] of partitions lost meanwhile neither is committed, and nothing is lost', async () => {
    const { p, worker, pass, second, before } = await overlapping(['commit:lost'])
    pass()
    await second
    expect(worker.stats).toMatchObject({ epochs: 1, aborts: 1 })
    expect(await p.visible()).toEqual(before)
    await expect.poll(() => worker.tasks.length).toBe(4)
    await settle(worker)
    expect(summary(await p.totals())).toEqual(allAt(3))
  })

  test('what was polled before the abort is read again', async () => {
    const { p, worker, pass, second } = await overlapping(['commit:abortable'])
    await p.say(0, ...WORDS)
    pass()
    // The third call polls behind the second while that is being taken back.
    await Promise.all([second, worker.advance(0)])
    await settle(worker)
    expect(summary(await p.totals())).toEqual(allAt(4))
  })
})

describe('reading ahead', () => {
  test('[R10] a word passes both stages in one epoch, and its inbox covers it', async () => {
    const p = new Plant()
    plants.push(p)
    const worker = await p.start({ readAhead: true })
    await p.say(0, ...WORDS)
    await worker.cycle(0)
    expect(worker.stats).toMatchObject({ epochs: 1, aborts: 0 })
    expect(summary(await p.totals())).toEqual(allAt(1))
    expect((await p.values('by-word')).map((frames) => frames.length)).toEqual([1, 1])
    expect(await worker.lag()).toBe(0)
    // A process that comes after it has nothing to do, and knows everything.
    p.log.crash()
    const next = await p.start({ readAhead: true })
    await settle(next)
    expect(next.stats.epochs).toBe(0)
    for (const word of WORDS) expect(totalOf(next, word)).toBe(1)
  })

  test('[R10] where others write to the same inbox, what came between is run again in its place', async () => {
    const p = new Plant()
    plants.push(p)
    // Either worker has a source and an inbox: each writes to both inboxes.
    const [one, two] = [
      await p.start({ readAhead: true }),
      await p.start({ id: 'two', readAhead: true }),
    ]
    for (let n = 0; n < 10; n++) {
      await p.say(0, ...WORDS)
      await p.say(1, ...WORDS)
      await Promise.all([one.advance(0), two.advance(0)])
    }
    await settle(one, two)
    expect(summary(await p.totals())).toEqual(allAt(20))
  })

  test('[R10] [E5] outputs and state are the same with and without, however it is sliced', async () => {
    const word = fc.constantFrom(...WORDS, '!')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 7 }),
        async (batches, maxRecords) => {
          const told: unknown[] = []
          for (const readAhead of [false, true]) {
            const p = new Plant()
            const slice = readAhead ? { maxRecords, maxBytes: 1 << 20 } : undefined
            const worker = await p.start({ readAhead, ...(slice === undefined ? {} : { slice }) })
            for (const batch of batches) {
              await p.say(0, ...batch)
              if (readAhead) await worker.advance(0)
            }
            await settle(worker)
            const state = worker.tasks.map(({ id, store }) => [
              id,
              [...store.stored()].map(([slot, group, key, bytes]) => [
                slot,
                group,
                key,
                Buffer.from(bytes).toString('latin1'),
              ]),
            ])
            told.push([await p.totals(), (await p.values('dead-letters')).flat().length, state])
            await p.close()
          }
          expect(told[1]).toEqual(told[0])
        },
      ),
      { numRuns: 25 },
    )
  })

  test('a worker that dies of what its operators throw says so, and commits nothing of it', async () => {
    const p = new Plant()
    plants.push(p)
    const worker = await p.start({
      readAhead: true,
      onStep: (step) => {
        if (step === 'processed') throw new Error('not of the log')
      },
    })
    await p.say(0, ...WORDS)
    const before = await p.visible()
    const error: unknown = await worker.cycle(0).catch((reason: unknown) => reason)
    expect([findError(error), error instanceof Error ? error.message : '']).toEqual([
      undefined,
      'not of the log',
    ])
    expect(await p.visible()).toEqual(before)
  })
})
