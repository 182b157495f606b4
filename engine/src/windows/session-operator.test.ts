import { describe, expect, test } from 'vitest'
import { drive } from '../testing/harness.ts'
import { session } from './assigners.ts'
import { windowOperator } from './window-operator.ts'

const sum = {
  initial: 0,
  add: (acc: number, value: number) => acc + value,
  combine: (a: number, b: number) => a + b,
}
const gap10 = session({ gap: 10 })

describe('session windows', () => {
  test('[W7] neighbours less than gap apart belong together; the end is last + gap', () => {
    const h = drive(windowOperator('s', gap10, sum))
    h.record('k', 1, { at: 0 }).record('k', 2, { at: 9 }).record('k', 4, { at: 19 })
    h.advanceTo(28)
    expect(h.take('out')).toEqual([{ key: 'k', start: 0, end: 19, value: 3 }])
    h.advanceTo(29)
    expect(h.take('out')).toEqual([{ key: 'k', start: 19, end: 29, value: 4 }])
    expect(h.keys()).toEqual([])
  })

  test('[W7] inclusive: a distance of exactly gap joins, so it closes a millisecond later', () => {
    const h = drive(windowOperator('s', session({ gap: 10, inclusive: true }), sum))
    h.record('k', 1, { at: 0 }).record('k', 2, { at: 10 }).record('k', 4, { at: 21 })
    expect(h.take('out')).toEqual([{ key: 'k', start: 0, end: 20, value: 3 }])
    h.advanceTo(31)
    expect(h.take('out')).toEqual([])
    h.advanceTo(32)
    expect(h.take('out')).toEqual([{ key: 'k', start: 21, end: 31, value: 4 }])
  })

  test('[W7] [W8] order of arrival does not matter, not even to a record that bridges', () => {
    for (const order of [
      [0, 8, 16],
      [0, 16, 8],
      [16, 0, 8],
      [8, 16, 0],
    ]) {
      const h = drive(windowOperator('s', gap10, sum), { start: 0 })
      for (const at of order) h.record('k', at + 1, { at, now: 0 })
      h.advanceTo(100)
      expect(h.take('out')).toEqual([{ key: 'k', start: 0, end: 26, value: 27 }])
    }
  })

  test('[W8] a late record that bridges two emitted sessions replaces both', () => {
    const h = drive(windowOperator('s', gap10, sum, { lateness: 20, meta: true }))
    h.record('k', 1, { at: 0 }).record('k', 2, { at: 12, now: 10 }).advanceTo(22)
    expect(h.take('out')).toHaveLength(2)
    h.record('k', 4, { at: 6 })
    expect(h.take('out')).toEqual([
      {
        key: 'k',
        start: 0,
        end: 22,
        value: 7,
        replaces: [
          { key: 'k', start: 0, end: 10 },
          { key: 'k', start: 12, end: 22 },
        ],
      },
    ])
    h.record('k', 8, { at: 7 })
    expect(h.take('out')).toEqual([{ key: 'k', start: 0, end: 22, value: 15 }])
    h.advanceTo(42)
    expect(h.take('meta').map((m) => `${m.kind} ${m.start}-${m.end} ${m.count}`)).toEqual([
      'opened 0-10 1',
      'fired 0-10 1',
      'opened 12-22 1',
      'fired 12-22 1',
      'merged 12-22 1',
      'refined 0-22 3',
      'refined 0-22 4',
      'expired 0-22 4',
    ])
    expect(h.keys()).toEqual([])
  })

  test('[W9] a closed session prolonged beyond now is open again and fires anew', () => {
    const h = drive(windowOperator('s', gap10, sum, { lateness: 20 }))
    h.record('k', 1, { at: 0 }).advanceTo(10)
    h.take()
    h.record('k', 2, { at: 9, now: 15 }).advanceTo(18)
    expect(h.take('out')).toEqual([])
    h.advanceTo(19)
    expect(h.take('out')).toEqual([
      { key: 'k', start: 0, end: 19, value: 3, replaces: [{ key: 'k', start: 0, end: 10 }] },
    ])
  })

  test('[W10] late is what joins nothing that stands and would have expired by itself', () => {
    const h = drive(windowOperator('s', gap10, sum))
    h.record('k', 1, { at: 0 }).record('k', 2, { at: 9 })
    h.record('k', 4, { at: 2, now: 18 }).record('l', 8, { at: 2, now: 18 })
    expect(h.take('late')).toEqual([{ key: 'l', value: 8, at: 2, lateness: 6 }])
    h.advanceTo(19)
    expect(h.take('out').map((o) => o.value)).toEqual([7])
    expect(h.keys()).toEqual([])
  })

  test('[W5] one timer a key, however many sessions; prolonging does not touch it', () => {
    const h = drive(windowOperator('s', gap10, sum))
    h.record('k', 1, { at: 50, now: 0 }).record('k', 1, { at: 20, now: 0 })
    expect(h.timers('k')).toEqual([{ name: 'window', due: 30 }])
    h.record('k', 1, { at: 55, now: 0 })
    expect(h.timers('k')).toEqual([{ name: 'window', due: 30 }])
    h.advanceTo(64)
    expect(h.timers('k')).toEqual([{ name: 'window', due: 65 }])
    h.advanceTo(65)
    expect(h.keys()).toEqual([])
  })

  test('[W13] a hand-over unites sessions by overlap and names what the giver had emitted', () => {
    const h = drive(windowOperator('s', gap10, sum, { lateness: 50 }))
    h.record('a', 1, { at: 0, now: 0 }).record('u', 2, { at: 8, now: 0 })
    h.record('a', 4, { at: 40, now: 0 }).advanceTo(20)
    h.take()
    h.mergeInto('u', 'a', 'a>u')
    expect(h.take('out')).toEqual([
      {
        key: 'u',
        start: 0,
        end: 18,
        value: 3,
        replaces: [
          { key: 'a', start: 0, end: 10 },
          { key: 'u', start: 8, end: 18 },
        ],
      },
    ])
    h.advanceTo(50)
    expect(h.take('out')).toEqual([{ key: 'u', start: 40, end: 50, value: 4 }])
    h.advanceTo(100)
    expect(h.keys()).toEqual([])
  })

  test("[W13] the giver's session that closed on the way is emitted, under its key if expired", () => {
    const afterHandOver = (lateness: number) => {
      const op = windowOperator('s', gap10, sum, { lateness, meta: true })
      const giver = drive(op).record('a', 1, { at: 0 })
      const h = drive(op).record('u', 2, { at: 0 }).setState('a', giver.state('a')).advanceTo(12)
      expect(h.take('out')).toEqual([{ key: 'u', start: 0, end: 10, value: 2 }])
      h.take('meta')
      h.mergeInto('u', 'a', 'a>u')
      return h
    }
    const expired = afterHandOver(0)
    expect(expired.take('out')).toEqual([{ key: 'a', start: 0, end: 10, value: 1 }])
    expect(expired.take('meta').map((m) => `${m.key} ${m.kind}`)).toEqual(['a fired', 'a expired'])
    expect(expired.keys()).toEqual([])
    const standing = afterHandOver(5)
    expect(standing.take('out')).toEqual([{ key: 'u', start: 0, end: 10, value: 3 }])
    expect(standing.take('meta').map((m) => `${m.key} ${m.kind}`)).toEqual(['u refined'])
  })
})
