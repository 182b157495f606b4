import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Change } from '../local/store.ts'
import { type Batch, CommitQueue, type QueuedChange } from './commit-queue.ts'
import { type Environment, openEnvironment } from './environment.ts'

const cleanUps: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

interface Seen {
  readonly transactions: string[][]
  /** Groups that are not allowed, and one whose writing throws. */
  readonly refused: Set<string>
  fail: string | undefined
}

function opened(): { queue: CommitQueue<Batch>; seen: Seen; environment: Environment } {
  const directory = mkdtempSync(join(tmpdir(), 'opportune-queue-'))
  const environment = openEnvironment({ directory, durability: 'os' })
  cleanUps.push(async () => {
    await environment.root.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const seen: Seen = { transactions: [], refused: new Set(), fail: undefined }
  const queue = new CommitQueue<Batch>({
    environment,
    place(changes) {
      const allowed = changes.filter(({ change, reject }) => {
        if (!seen.refused.has(change.group)) return true
        reject(new Error('refused'))
        return false
      })
      seen.transactions.push(names(allowed))
      return { changes: allowed, growths: [] }
    },
    write({ changes }) {
      for (const { change } of changes) {
        environment.meta.putSync(['written', change.group], Buffer.from('x'))
        if (change.group === seen.fail) throw new Error('failed')
      }
    },
    done() {},
  })
  return { queue, seen, environment }
}

const names = (changes: readonly QueuedChange[]): string[] => changes.map((it) => it.change.group)
const change = (group: string, aside?: () => void): Change => ({
  writes: [],
  positions: [],
  group,
  ...(aside === undefined ? {} : { aside }),
})
const written = (environment: Environment, group: string): boolean =>
  environment.meta.getBinary(['written', group]) !== undefined

test('whatever waits when a transaction opens is in it, in order', async () => {
  const { queue, seen } = opened()
  const first = queue.add(change('a'))
  const joined = queue.add(change('b'))
  const asides: string[] = []
  await Promise.all([first, joined, queue.add(change('c', () => asides.push('c')))])
  expect(asides).toEqual(['c'])
  await queue.add(change('d'))
  expect(seen.transactions).toEqual([['a', 'b', 'c'], ['d']])
})

test('a change that is refused leaves the others of its transaction alone', async () => {
  const { queue, seen, environment } = opened()
  seen.refused.add('b')
  const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => queue.add(change(name))))
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(['a', 'b', 'c'].map((name) => written(environment, name))).toEqual([true, false, true])
})

test('[L2] of a transaction that fails nothing takes place, and all in it are told', async () => {
  const { queue, seen, environment } = opened()
  seen.fail = 'b'
  const results = await Promise.allSettled(['a', 'b'].map((name) => queue.add(change(name))))
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(['a', 'b'].map((name) => written(environment, name))).toEqual([false, false])
  await queue.add(change('c'))
  expect(written(environment, 'c')).toBe(true)
})

test('a step runs between two transactions, before what waits', async () => {
  const { queue, seen } = opened()
  const order: string[] = []
  const first = queue.add(change('a')).then(() => order.push('a'))
  // The transaction is open by the time its change is written.
  await expect.poll(() => seen.transactions.length, { interval: 1 }).toBe(1)
  const second = queue.add(change('b')).then(() => order.push('b'))
  const step = queue.exclusively(() => order.push(`step after ${seen.transactions.length}`))
  await expect(
    queue.exclusively(() => {
      throw new Error('step')
    }),
  ).rejects.toThrow('step')
  await Promise.all([first, second, step])
  expect(order.indexOf('step after 1')).toBeLessThan(order.indexOf('b'))
})

test('what is settled is what was given before, whatever became of it', async () => {
  const { queue, seen } = opened()
  seen.refused.add('b')
  let told = 0
  const note = (): void => {
    told++
  }
  const given = ['a', 'b'].map((name) => queue.add(change(name)).then(note, note))
  await queue.settled()
  expect(told).toBe(2)
  await Promise.all(given)
})
