import { describe, expect, test } from 'vitest'
import { textCodec } from '../codec/codec.ts'
import { drive } from '../testing/harness.ts'
import { hopping, tumbling } from './assigners.ts'
import { windowOperator } from './window-operator.ts'

const sum = {
  initial: 0,
  add: (acc: number, value: number) => acc + value,
  combine: (a: number, b: number) => a + b,
}
const tens = tumbling({ size: 10 })

describe('tumbling windows', () => {
  test('[W1] [W2] a window takes [start, end) and fires once at its end', () => {
    const h = drive(windowOperator('w', tens, sum))
    h.record('k', 1, { at: 10, now: 0 }).record('k', 2, { at: 19, now: 0 })
    h.record('k', 4, { at: 20, now: 19 }).advanceTo(19)
    expect(h.take('out')).toEqual([])
    h.advanceTo(20)
    expect(h.take()).toEqual([
      {
        name: 'out',
        key: 'k',
        time: 20,
        mode: 'live',
        value: { key: 'k', start: 10, end: 20, value: 3 },
      },
    ])
    h.advanceTo(29)
    expect(h.take('out')).toEqual([])
    h.advanceTo(30)
    expect(h.take('out')).toEqual([{ key: 'k', start: 20, end: 30, value: 4 }])
  })

  test('[W1] windows start at the offset, before 1970 too', () => {
    const h = drive(windowOperator('w', tumbling({ size: 10, offset: 3 }), sum))
    h.record('k', 1, { at: -7, now: -20 }).record('k', 2, { at: -8, now: -20 })
    h.record('k', 4, { at: 2, now: -20 }).advanceTo(100)
    expect(h.take('out').map((o) => [o.start, o.end, o.value])).toEqual([
      [-17, -7, 2],
      [-7, 3, 5],
    ])
  })

  test('[W2] windows of several keys fire apart, by end, in one long step of time', () => {
    const h = drive(windowOperator('w', tens, sum))
    h.record('b', 1, { at: 25, now: 0 }).record('a', 2, { at: 15, now: 0 })
    h.record('b', 3, { at: 5, now: 0 }).advanceTo(1_000)
    expect(h.take('out').map((o) => [o.key, o.end, o.value])).toEqual([
      ['b', 10, 3],
      ['a', 20, 2],
      ['b', 30, 1],
    ])
  })

  test('[W3] a record within the allowed lateness refines; the first one fires', () => {
    const h = drive(windowOperator('w', tens, sum, { lateness: 5, meta: true }))
    h.record('k', 1, { at: 3 }).advanceTo(12)
    h.record('k', 2, { at: 4, now: 14 }).record('l', 7, { at: 4, now: 14 })
    expect(h.take('out').map((o) => [o.key, o.value])).toEqual([
      ['k', 1],
      ['k', 3],
      ['l', 7],
    ])
    h.advanceTo(15)
    expect(h.take('meta').map((m) => `${m.key} ${m.kind} ${m.count}`)).toEqual([
      'k opened 1',
      'k fired 1',
      'k refined 2',
      'l opened 1',
      'l fired 1',
      'k expired 2',
      'l expired 1',
    ])
  })

  test('[W4] a record of an expired window is late by task time since its end', () => {
    const h = drive(windowOperator('w', tens, sum, { lateness: 5 }))
    h.record('k', 1, { at: 3 }).record('k', 2, { at: 20, now: 14 })
    h.record('k', 9, { at: 9, now: 15 })
    expect(h.take('late')).toEqual([{ key: 'k', value: 9, at: 9, lateness: 5 }])
    h.record('k', 8, { at: 3, now: 18 })
    expect(h.take('late')).toEqual([{ key: 'k', value: 8, at: 3, lateness: 8 }])
    h.advanceTo(30)
    expect(h.take('out').map((o) => o.value)).toEqual([1, 2])
  })

  test('[W5] nothing is left of a key when its last window has expired', () => {
    const h = drive(windowOperator('w', tens, sum, { lateness: 5 }))
    h.record('k', 1, { at: 3 }).record('k', 1, { at: 33, now: 3 })
    expect(h.timers('k')).toEqual([{ name: 'window', due: 10 }])
    h.advanceTo(44)
    expect(h.timers('k')).toEqual([{ name: 'window', due: 45 }])
    h.advanceTo(45)
    expect(h.keys()).toEqual([])
    h.record('k', 1, { at: 3 })
    expect(h.keys()).toEqual([])
  })

  test('[W2] a record far in the future holds nothing up', () => {
    const h = drive(windowOperator('w', tens, sum))
    h.record('k', 1, { at: 4_102_444_800_000, now: 0 })
    for (const at of [1, 2, 11]) h.record('k', at, { at, now: 1 })
    h.advanceTo(20)
    expect(h.take('out').map((o) => o.value)).toEqual([3, 11])
  })

  test('result makes the value, from accumulator, window and key; the codec carries the accumulator', () => {
    const op = windowOperator(
      'w',
      tens,
      {
        initial: '',
        add: (acc: string, value: string, at) => `${acc}${value}@${at};`,
        result: (acc, window, key) => ({ acc, text: `${key} ${window.start}-${window.end}` }),
      },
      { codec: textCodec },
    )
    const h = drive(op)
      .record('kü', 'ä', { at: -5, now: -9 })
      .record('kü', 'b', { at: -4, now: -9 })
    h.advanceTo(0)
    expect(h.take('out')[0]?.value).toEqual({ acc: 'ä@-5;b@-4;', text: 'kü -10-0' })
  })
})

describe('hopping windows', () => {
  const hops = hopping({ size: 10, slide: 2 })

  test('[W6] each record is added once; windows are united when they fire', () => {
    const work = { adds: 0, combines: 0 }
    const counting = {
      initial: 0,
      add(acc: number, value: number) {
        work.adds++
        return acc + value
      },
      combine(a: number, b: number) {
        work.combines++
        return a + b
      },
    }
    const h = drive(windowOperator('w', hops, counting))
    for (let at = 0; at < 10; at++) h.record('k', 1, { at, now: 0 })
    expect(work).toEqual({ adds: 10, combines: 0 })
    h.advanceTo(100)
    expect(h.take('out').map((o) => [o.start, o.value])).toEqual([
      [-8, 2],
      [-6, 4],
      [-4, 6],
      [-2, 8],
      [0, 10],
      [2, 8],
      [4, 6],
      [6, 4],
      [8, 2],
    ])
    expect(work).toEqual({ adds: 10, combines: 16 })
  })

  test('[W2] where keys are never united, a window that fires leaves the state as it is', () => {
    const states = (merge: { readonly merge?: 'cancel' }) => {
      const h = drive(windowOperator('w', hops, sum, merge)).record('k', 1, { at: 0, now: 0 })
      return [2, 4, 6, 8].map((now) => h.advanceTo(now).state('k'))
    }
    const [first, ...others] = states({ merge: 'cancel' })
    for (const state of others) expect(state).toEqual(first)
    // A hand-over leaves the timer behind: then the state has to say which windows have fired.
    expect(new Set(states({}).map((state) => state.due)).size).toBe(4)
  })

  test('[W6] a slide that does not divide the size', () => {
    const h = drive(windowOperator('w', hopping({ size: 10, slide: 4, offset: 1 }), sum))
    h.record('k', 1, { at: 5, now: 0 }).record('k', 2, { at: 6, now: 0 }).advanceTo(100)
    expect(h.take('out').map((o) => [o.start, o.end, o.value])).toEqual([
      [-3, 7, 3],
      [1, 11, 3],
      [5, 15, 3],
    ])
  })

  test('[W4] a record counts in the windows that still stand', () => {
    const h = drive(windowOperator('w', hops, sum))
    h.record('k', 1, { at: 1, now: 5 })
    expect(h.take('late')).toEqual([])
    h.record('k', 5, { at: 1, now: 10 })
    expect(h.take('late')).toEqual([{ key: 'k', value: 5, at: 1, lateness: 0 }])
    expect(h.take('out').map((o) => o.end)).toEqual([6, 8, 10])
  })
})

describe('hand-over of panes', () => {
  test('[W12] windows that still take records unite; ended ones are emitted anew', () => {
    const h = drive(windowOperator('w', tens, sum, { lateness: 10 }))
    h.record('a', 1, { at: 3, now: 0 }).record('u', 2, { at: 4, now: 0 })
    h.record('a', 4, { at: 13, now: 0 }).record('u', 8, { at: 14, now: 0 }).advanceTo(12)
    h.take()
    h.mergeInto('u', 'a', 'a>u')
    expect(h.take('out')).toEqual([
      { key: 'u', start: 0, end: 10, value: 3, replaces: [{ key: 'a', start: 0, end: 10 }] },
    ])
    h.advanceTo(20)
    expect(h.take('out')).toEqual([{ key: 'u', start: 10, end: 20, value: 12 }])
    h.advanceTo(30)
    expect(h.keys()).toEqual([])
  })

  test("[W12] the giver's windows that expired on the way fire under its own key", () => {
    const giver = drive(windowOperator('w', hopping({ size: 10, slide: 5 }), sum))
    giver.record('a', 1, { at: 3, now: 0 }).record('a', 2, { at: 7, now: 0 }).advanceTo(6)
    expect(giver.take('out').map((o) => o.end)).toEqual([5])
    const h = drive(windowOperator('w', hopping({ size: 10, slide: 5 }), sum, { meta: true }))
    h.record('u', 8, { at: 8, now: 0 }).setState('a', giver.state('a')).advanceTo(11)
    expect(h.take('out').map((o) => [o.key, o.end, o.value])).toEqual([['u', 10, 8]])
    h.take('meta')
    h.mergeInto('u', 'a', 'a>u')
    expect(h.take('out')).toEqual([{ key: 'a', start: 0, end: 10, value: 3 }])
    expect(h.take('meta').map((m) => `${m.key} ${m.kind} ${m.count}`)).toEqual([
      'a fired 2',
      'a expired 2',
    ])
    h.advanceTo(15)
    expect(h.take('out')).toEqual([{ key: 'u', start: 5, end: 15, value: 10 }])
    expect(h.keys()).toEqual([])
  })

  test('[W14] without combine nothing merges unless it is said how', () => {
    const count = { initial: 0, add: (n: number) => n + 1 }
    expect(windowOperator('w', tens, count).merge).toBeUndefined()
    const h = drive(windowOperator('w', tens, count, { merge: 'discard', lateness: 5 }))
    h.record('a', 0, { at: 1 }).record('u', 0, { at: 1 }).advanceTo(12)
    h.take()
    h.mergeInto('u', 'a', 'a>u')
    expect(h.take('out')).toEqual([])
    expect(h.keys()).toEqual(['u'])
    const cancelling = drive(windowOperator('w', tens, sum, { merge: 'cancel' }))
    cancelling.record('a', 0, { at: 1 }).record('u', 0, { at: 1 }).mergeInto('u', 'a', 'a>u')
    expect(cancelling.keys()).toEqual([])
  })
})
