import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BEGINNING, END } from '../time.ts'
import { TaskClock } from './clock.ts'
import { SourceTime } from './source-time.ts'

const spec = (clock: ConstructorParameters<typeof SourceTime>[0]['clock'], startsIn?: 'history') =>
  new SourceTime({
    topic: 't',
    codec: { name: 'none', write() {}, read: (b) => b },
    clock,
    ...(startsIn === undefined ? {} : { startsIn }),
  })

describe('task time', () => {
  test('[C1] an upstream that has not spoken holds time at the beginning', () => {
    const clock = new TaskClock(['a', 'b'])
    clock.observe(clock.upstream('a'), 100)
    expect(clock.now).toBe(BEGINNING)
    clock.observe(clock.upstream('b'), 40)
    expect(clock.now).toBe(40)
  })

  test('[C2] an idle upstream does not hold time back; on return it counts, time stays', () => {
    const clock = new TaskClock(['a', 'b'])
    const [a, b] = [clock.upstream('a'), clock.upstream('b')]
    clock.observe(a, 100)
    clock.observe(b, 40)
    clock.observe(b, END)
    expect(clock.now).toBe(100)
    clock.observe(b, 50)
    expect(clock.now).toBe(100)
    clock.observe(a, 300)
    expect(clock.now).toBe(100)
    clock.observe(b, 200)
    expect(clock.now).toBe(200)
  })

  test('[C3] with every upstream idle, time stays', () => {
    const clock = new TaskClock(['a'])
    clock.observe(0, 100)
    clock.observe(0, END)
    expect(clock.now).toBe(100)
  })

  test('[C2] time never goes back and never passes the slowest active upstream that was ever behind it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2), fc.oneof(fc.nat(1_000), fc.constant(END)))),
        (observations) => {
          const clock = new TaskClock(['a', 'b', 'c'])
          const marks = [BEGINNING, BEGINNING, BEGINNING]
          let expected = BEGINNING
          for (const [upstream, mark] of observations) {
            clock.observe(upstream, mark)
            marks[upstream] = mark
            const least = Math.min(...marks)
            if (least !== END) expected = Math.max(expected, least)
            expect(clock.now).toBe(expected)
          }
        },
      ),
    )
  })

  test('[C4] timers fire live from the latest liveFrom on; loops do not count', () => {
    const clock = new TaskClock(['import', 'events'])
    clock.observeLive(clock.upstream('events'), BEGINNING)
    clock.observeLive(clock.upstream('import'), END)
    clock.observeLive(clock.upstream('customer-inbox/0'), END)
    expect(clock.liveFrom).toBe(END)
    clock.observeLive(clock.upstream('import'), 500)
    expect(clock.liveFrom).toBe(500)
  })

  test('[E4] a snapshot brings everything back', () => {
    const clock = new TaskClock(['a', 'b'])
    clock.observe(0, 10)
    clock.observe(1, 20)
    const before = clock.snapshot()
    clock.observe(0, 30)
    clock.restore(before)
    expect(clock.snapshot()).toEqual(before)
    clock.observe(1, 5)
    expect(clock.now).toBe(10)
  })
})

describe('source time', () => {
  test('[C5] a live source read to its end follows the wall clock, never back', () => {
    const source = spec({ kind: 'append', idle: 'wall' })
    source.advance(5, 1_000)
    expect(source.mark).toBe(1_000)
    source.atEnd(4_000)
    expect(source.mark).toBe(4_000)
    source.advance(5, 3_900)
    expect(source.mark).toBe(4_000)
  })

  test('[C5] a replayed source holds its mark at its end until told otherwise', () => {
    const source = spec({ kind: 'append', idle: 'hold' }, 'history')
    source.advance(0, 1_000)
    source.atEnd(99_000)
    expect(source.mark).toBe(1_000)
    expect(source.mode).toBe('history')
    expect(source.control(Buffer.from('~control'), Buffer.from('{"mark":2000,"live":true}'))).toBe(
      true,
    )
    expect([source.mark, source.liveFrom, source.mode]).toEqual([2_000, 2_000, 'live'])
    source.control(Buffer.from('~control'), Buffer.from('{"end":true}'))
    expect(source.mark).toBe(END)
  })

  test('[C5] a silent partition leaves only after its idle time, and comes back with its own mark', () => {
    const source = spec({ kind: 'event', disorder: 4_000, idle: 'leave', idleAfter: 1_000 })
    source.advance(10_000, 10_000)
    source.atEnd(20_000)
    expect(source.mark).toBe(6_000)
    source.atEnd(21_000)
    expect(source.mark).toBe(END)
    source.advance(10_500, 10_500)
    expect(source.mark).toBe(6_500)
    source.atEnd(21_500)
    expect(source.mark).toBe(6_500)
  })

  test('[C6] [ING-6] a far-future time is clamped for the mark and counted', () => {
    const source = spec({ kind: 'event', disorder: 0, idle: 'hold', maxAhead: 60_000 })
    expect(source.advance(1_000, 1_000)).toBe(false)
    expect(source.advance(9e12, 1_000)).toBe(true)
    expect(source.mark).toBe(61_000)
  })

  test('a record that only looks like a control record carries data', () => {
    const source = spec({ kind: 'append', idle: 'hold' })
    expect(source.control(Buffer.from('~contro1'), Buffer.from('{}'))).toBe(false)
    expect(source.control(null, null)).toBe(false)
    expect(source.control(Buffer.from('~control'), Buffer.from('not json'))).toBe(true)
    expect(source.mark).toBe(BEGINNING)
  })
})
