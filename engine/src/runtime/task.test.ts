import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { broadcast, operator, output, stateSpec } from '../operator.ts'
import { TestDriver } from '../testing/driver.ts'
import { topology } from '../topology/topology.ts'
import type { DeadLetter } from './changelog.ts'

interface Visit {
  readonly user: string
  readonly n: number
  readonly at: number
}

interface Row {
  readonly user: string
  readonly what: string
  readonly now: number
  readonly total: number
}

const limit = broadcast<number, { limit: number }>({
  id: 'limit',
  initial: 1_000_000,
  fold: (_current, record) => record.limit,
})

/** Adds up, throws on 13, announces 100 ms after the last visit, hands over on -1. */
const adder = operator({
  id: 'adder',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs: { rows: output<Row>() },
  broadcasts: [limit],
  onRecord(visit: Visit, cx) {
    const row = (what: string): Row => ({ user: cx.key, what, now: cx.now, total: cx.get() })
    cx.set(cx.get() + visit.n)
    cx.setTimer('quiet', cx.now + 100)
    cx.emit('rows', row('visit'))
    if (visit.n === 13) throw new Error('unlucky')
    if (cx.get() > cx.shared(limit)) cx.emit('rows', row('over'))
  },
  onTimer(name, cx) {
    cx.emit('rows', { user: cx.key, what: `${name} ${cx.mode}`, now: cx.now, total: cx.get() })
  },
  merge: (a, b) => a + b,
  onMerged(from, cx) {
    cx.emit('rows', { user: cx.key, what: `merged ${from}`, now: cx.now, total: cx.get() })
  },
})

const switchboard = operator({
  id: 'switchboard',
  state: stateSpec<string | null>({ version: 1, initial: null }),
  outputs: { visit: output<Visit>(), forward: output<Visit>() },
  onRecord(visit: Visit, cx) {
    const target = cx.get()
    if (target !== null) cx.emit('forward', { ...visit, user: target })
    else if (visit.n === -1) {
      cx.set(`${cx.key}-main`)
      cx.transfer(`${cx.key}-main`, `link ${cx.key}`)
    } else cx.emit('visit', visit)
  },
  merge: 'discard',
})

const rows = jsonCodec<Row>()
const visits = jsonCodec<Visit>()

function shop(partitions = 1, startsIn: 'live' | 'history' = 'live') {
  const t = topology('shop')
  const inbox = t.inbox<Visit>('inbox', { codec: visits, partitions, mergeable: true })
  t.source<Visit>('visits', {
    topic: 'visits',
    codec: visits,
    clock: { kind: 'append', idle: 'hold' },
    startsIn,
  }).into(inbox, (v) => v.user)
  t.source<{ limit: number }>('limits', {
    topic: 'limits',
    codec: jsonCodec(),
    clock: { kind: 'append', idle: 'hold' },
  }).broadcastTo(inbox, limit, jsonCodec())
  const switched = inbox.stream().process(switchboard)
  switched.forward.into(inbox, (v) => v.user, { loop: true })
  switched.visit
    .process(adder)
    .rows.sink('rows', { topic: 'rows', codec: rows, key: (r) => r.user })
  return t
}

const visit = (user: string, n: number, at = 0): Visit => ({ user, n, at })
const byUser = (list: readonly Row[]): Row[][] => {
  const users = new Map<string, Row[]>()
  for (const row of list) users.set(row.user, [...(users.get(row.user) ?? []), row])
  return [...users].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, r]) => r)
}

describe('tasks', () => {
  test('[E1] records in order, with task time from the marks they carry', async () => {
    const driver = await TestDriver.start(shop())
    await driver.pipe('visits', [visit('a', 1)], { at: 10 })
    await driver.pipe('visits', [visit('a', 2)], { at: 50 })
    await driver.settle()
    expect(await driver.read('rows', rows)).toEqual([
      { user: 'a', what: 'visit', now: 10, total: 1 },
      { user: 'a', what: 'visit', now: 50, total: 3 },
    ])
    expect(driver.state('inbox', 'adder', 'a')).toBe(3)
    await driver.stop()
  })

  test("[O1] [E2] a key's due timer fires before its record, with its own due time as now", async () => {
    const driver = await TestDriver.start(shop())
    await driver.pipe('visits', [visit('a', 1)], { at: 10 })
    await driver.pipe('visits', [visit('b', 5)], { at: 20 })
    await driver.pipe('visits', [visit('a', 2)], { at: 500 })
    await driver.settle()
    expect(
      (await driver.read('rows', rows)).map((r) => `${r.user} ${r.what} @${r.now} ${r.total}`),
    ).toEqual([
      'a visit @10 1',
      'b visit @20 5',
      'a quiet live @110 1',
      'b quiet live @120 5',
      'a visit @500 3',
    ])
    await driver.stop()
  })

  test('[E2] [SYS-3] timers beyond the budget fire in the next slices, in the same order', async () => {
    const driver = await TestDriver.start(shop(), { timersPerSlice: 2 })
    await driver.pipe(
      'visits',
      ['e', 'd', 'c', 'b', 'a'].map((u) => visit(u, 1)),
      { at: 10 },
    )
    await driver.control('visits', { mark: 1_000 })
    await driver.settle()
    const fired = (await driver.read('rows', rows)).filter((r) => r.what.startsWith('quiet'))
    expect(fired.map((r) => r.user)).toEqual(['a', 'b', 'c', 'd', 'e'])
    await driver.stop()
  })

  test('[O2] [E3] [U1] [SYS-3] what throws loses its effects and nothing else, and is a dead letter', async () => {
    const driver = await TestDriver.start(shop())
    await driver.pipe('visits', [visit('a', 1), visit('a', 13), visit('a', 2)], { at: 10 })
    await driver.settle()
    expect((await driver.read('rows', rows)).map((r) => r.total)).toEqual([1, 3])
    const letters = await driver.read('dead-letters', jsonCodec<DeadLetter>())
    expect(letters).toHaveLength(1)
    expect(letters[0]).toMatchObject({
      code: 'operator_failed',
      reason: 'unlucky',
      by: 'inbox',
      topic: 'inbox',
    })
    expect(JSON.parse(Buffer.from(letters[0]?.bytes ?? '', 'base64').toString())).toEqual(
      visit('a', 13),
    )
    await driver.stop()
  })

  test('[E3] [ING-4] bytes that are no record are kept with their position', async () => {
    const driver = await TestDriver.start(shop())
    const appender = driver.log.appender()
    await appender.append('visits', 0, [{ key: null, value: Buffer.from('{"user":') }])
    await driver.pipe('visits', [visit('a', 1)])
    await driver.settle()
    const [letter] = await driver.read('dead-letters', jsonCodec<DeadLetter>())
    expect(letter).toMatchObject({ topic: 'visits', partition: 0, offset: 0, by: 'visits' })
    expect(Buffer.from(letter?.bytes ?? '', 'base64').toString()).toBe('{"user":')
    expect(driver.state('inbox', 'adder', 'a')).toBe(1)
    await driver.stop()
  })

  test('[O4] now never goes back for a key, and a timer armed for the past fires at once', async () => {
    const hasty = operator({
      id: 'hasty',
      state: stateSpec<number>({ version: 1, initial: 0 }),
      outputs: { rows: output<Row>() },
      onRecord(visit: Visit, cx) {
        cx.setTimer('past', cx.now - visit.n)
        cx.emit('rows', { user: cx.key, what: `visit of ${cx.time}`, now: cx.now, total: 0 })
      },
      onTimer(name, cx) {
        cx.emit('rows', { user: cx.key, what: name, now: cx.now, total: 0 })
      },
    })
    const t = topology('hasty-shop')
    t.source<Visit>('visits', {
      topic: 'visits',
      codec: visits,
      clock: { kind: 'event', disorder: 0, idle: 'hold' },
      time: (v) => v.at,
    })
      .keyBy('inbox', (v) => v.user, { codec: visits })
      .process(hasty)
      .rows.sink('rows', { topic: 'rows', codec: rows })
    const driver = await TestDriver.start(t)
    await driver.pipe('visits', [visit('a', 7, 100), visit('a', 5_000, 40), visit('a', 1, 200)])
    await driver.settle()
    expect((await driver.read('rows', rows)).map((r) => `${r.what} @${r.now}`)).toEqual([
      'visit of 100 @100',
      'past @100',
      'visit of 40 @100',
      'past @100',
      'visit of 200 @200',
      'past @200',
    ])
    await driver.stop()
  })

  test('[U2] one destination gets everything in the order it was emitted, whatever its key', async () => {
    const driver = await TestDriver.start(shop())
    const told = ['c', 'a', 'b', 'a', 'c', 'a'].map((user, i) => visit(user, i + 1))
    await driver.pipe('limits', [{ limit: 0 }])
    await driver.settle()
    await driver.pipe('visits', told)
    await driver.settle()
    expect((await driver.inbox('inbox')).flatMap((r) => (r.key === null ? [] : [r.value]))).toEqual(
      told,
    )
    const seen = (await driver.read('rows', rows)).map((r) => `${r.user} ${r.what}`)
    expect(seen).toEqual(told.flatMap((v) => [`${v.user} visit`, `${v.user} over`]))
    await driver.stop()
  })

  test('[U3] time passes on every partition downstream, with records for others or with none at all', async () => {
    const driver = await TestDriver.start(shop(8))
    const users = Array.from({ length: 32 }, (_, i) => `user-${i}`)
    await driver.pipe(
      'visits',
      users.map((u) => visit(u, 1)),
      { at: 10 },
    )
    const quiet = async () =>
      (await driver.read('rows', rows)).filter((r) => r.what.startsWith('quiet')).map((r) => r.user)
    await driver.settle()
    expect(await quiet()).toEqual([])
    await driver.pipe('visits', [visit('another', 1)], { at: 110 })
    await driver.settle()
    expect((await quiet()).sort()).toEqual(users.toSorted())
    await driver.control('visits', { mark: 300 })
    await driver.settle()
    expect(await quiet()).toHaveLength(33)
    await driver.stop()
  })

  test('[E3] an error that is not about the record stops the task, and nothing of it is seen', async () => {
    const hidden = operator({
      id: 'hidden',
      state: stateSpec<number>({ version: 1, initial: 0 }),
      outputs: { rows: output<Row>() },
      onRecord(v: Visit, cx) {
        cx.emit('rows', { user: v.user, what: 'visit', now: cx.now, total: cx.shared(limit) })
      },
    })
    const t = topology('hidden-shop')
    t.source<Visit>('visits', {
      topic: 'visits',
      codec: visits,
      clock: { kind: 'append', idle: 'hold' },
    })
      .keyBy('inbox', (v) => v.user, { codec: visits })
      .process(hidden)
      .rows.sink('rows', { topic: 'rows', codec: rows })
    const driver = await TestDriver.start(t)
    await driver.pipe('visits', [visit('a', 1)])
    await expect(driver.settle()).rejects.toThrow('topology_undeclared_read')
    expect(await driver.read('rows', rows)).toEqual([])
    expect(await driver.read('dead-letters', jsonCodec<DeadLetter>())).toEqual([])
    await driver.stop()
  })

  test('broadcasts reach every task, fold in order, survive a crash', async () => {
    const driver = await TestDriver.start(shop(4))
    await driver.pipe('limits', [{ limit: 4 }])
    await driver.settle()
    await driver.crash()
    await driver.pipe(
      'visits',
      ['a', 'b', 'c', 'd', 'e', 'f'].map((u) => visit(u, 5)),
    )
    await driver.settle()
    const over = (await driver.read('rows', rows)).filter((r) => r.what === 'over')
    expect(over.map((r) => r.user).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    await driver.stop()
  })

  test('[H1] [H2] a hand-over moves state once, forwards what comes later, repeats change nothing', async () => {
    const driver = await TestDriver.start(shop(4))
    await driver.pipe('visits', [
      visit('a', 1),
      visit('a-main', 10),
      visit('a', 2),
      visit('a', -1),
      visit('a', 4),
    ])
    await driver.settle()
    expect(driver.state('inbox', 'adder', 'a')).toBe(0)
    expect(driver.state('inbox', 'adder', 'a-main')).toBe(17)
    const merged = (await driver.read('rows', rows)).filter((r) => r.what === 'merged a')
    expect(merged.map((r) => r.total)).toEqual([13])
    await driver.stop()
  })

  test('[F3] [C4] history fires timers in history mode up to the instant live begins, on any partition', async () => {
    for (const partitions of [1, 8]) {
      const driver = await TestDriver.start(shop(partitions, 'history'))
      await driver.pipe('visits', [visit('a', 1), visit('b', 1)], { at: 10 })
      await driver.pipe('visits', [visit('b', 1)], { at: 105 })
      await driver.control('visits', { live: true })
      await driver.pipe('visits', [visit('c', 1)], { at: 400 })
      await driver.control('visits', { mark: 1_000 })
      await driver.settle()
      const quiet = (await driver.read('rows', rows)).filter((r) => r.what.startsWith('quiet'))
      expect(
        quiet.map((r) => `${r.user} ${r.what} ${r.now}`).sort(),
        `${partitions} partitions`,
      ).toEqual(['a quiet live 110', 'b quiet live 205', 'c quiet live 500'])
      await driver.stop()
    }
  })

  test('[E5] [SYS-4] results do not depend on slices, partitions, timer budgets or crashes', async () => {
    const trace = fc.array(
      fc.record({
        user: fc.constantFrom('a', 'b', 'c', 'd'),
        n: fc.integer({ min: 1, max: 14 }),
        step: fc.nat(150),
        crash: fc.boolean(),
      }),
      { minLength: 1, maxLength: 25 },
    )
    await fc.assert(
      fc.asyncProperty(trace, fc.integer({ min: 1, max: 5 }), async (steps, sliceRecords) => {
        const run = async (partitions: number, maxRecords: number, crashes: boolean) => {
          const driver = await TestDriver.start(shop(partitions), {
            slice: { maxRecords, maxBytes: 1 << 20 },
            timersPerSlice: maxRecords,
          })
          let at = 0
          for (const { user, n, step, crash } of steps) {
            at += step
            await driver.pipe('visits', [visit(user, n)], { at })
            if (crashes && crash) {
              await driver.settle()
              await driver.crash()
            }
          }
          await driver.control('visits', { mark: at + 1_000 })
          await driver.settle()
          const result = byUser(await driver.read('rows', rows))
          await driver.stop()
          return result
        }
        const whole = await run(1, 1_000, false)
        expect(await run(8, sliceRecords, false)).toEqual(whole)
        expect(await run(3, sliceRecords, true)).toEqual(whole)
      }),
      { numRuns: 12 },
    )
  }, 30_000)
})
