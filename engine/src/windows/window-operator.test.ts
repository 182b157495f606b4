import { describe, expect, expectTypeOf, test } from 'vitest'
import { ByteWriter } from '../codec/bytes.ts'
import { OpportuneError } from '../errors.ts'
import type { Output } from '../operator.ts'
import { drive } from '../testing/harness.ts'
import { hopping, session, tumbling } from './assigners.ts'
import { sessionStateCodec } from './codecs.ts'
import { sessionStateOf } from './sessions.ts'
import type {
  CombiningAggregate,
  RetractingOutputs,
  WindowOutputs,
  WindowResult,
} from './window.ts'
import { windowOperator } from './window-operator.ts'

const refused = expect.objectContaining({ code: 'window_invalid' }) as OpportuneError

describe('declarations', () => {
  test.each([
    ['size 0', () => tumbling({ size: 0 })],
    ['negative size', () => tumbling({ size: -1 })],
    ['half a millisecond', () => tumbling({ size: 1.5 })],
    ['offset that is no number', () => tumbling({ size: 1, offset: Number.NaN })],
    ['endless size', () => hopping({ size: Number.POSITIVE_INFINITY, slide: 1 })],
    ['slide 0', () => hopping({ size: 10, slide: 0 })],
    ['slide beyond size', () => hopping({ size: 10, slide: 11 })],
    ['gap 0', () => session({ gap: 0 })],
  ])('[W15] %s is refused', (_, declare) => {
    expect(declare).toThrow(refused)
  })

  test('[W15] lateness is checked, and combine where windows share or unite records', () => {
    const count = { initial: 0, add: (n: number) => n + 1 }
    expect(() => windowOperator('w', tumbling({ size: 1 }), count, { lateness: -1 })).toThrow(
      refused,
    )
    // The types say so too; a caller without types is told when the operator is built.
    const uncombined = count as unknown as CombiningAggregate<number, number>
    expect(() => windowOperator('w', session({ gap: 1 }), uncombined)).toThrow(refused)
    expect(() => windowOperator('w', hopping({ size: 2, slide: 1 }), uncombined)).toThrow(refused)
    // @ts-expect-error hopping windows are united from panes
    expect(() => windowOperator('w', hopping({ size: 2, slide: 1 }), count)).toThrow(refused)
  })
})

describe('retractions', () => {
  const sum = {
    initial: 0,
    add: (acc: number, value: number) => acc + value,
    combine: (a: number, b: number) => a + b,
    result: (acc: number) => `sum ${acc}`,
  }
  const tens = tumbling({ size: 10 })
  const gap10 = session({ gap: 10 })

  test('[W17] a late record takes the old result back, whole, before the new one', () => {
    const h = drive(windowOperator('w', tens, sum, { lateness: 5, retract: true }))
    h.record('k', 1, { at: 3 }).advanceTo(12)
    h.record('k', 2, { at: 4, now: 13 })
    expect(h.take().map(({ name, value }) => [name, value])).toEqual([
      ['out', { key: 'k', start: 0, end: 10, value: 'sum 1' }],
      ['retract', { key: 'k', start: 0, end: 10, value: 'sum 1' }],
      ['out', { key: 'k', start: 0, end: 10, value: 'sum 3' }],
    ])
    // The first record of a window that has ended changes no result.
    h.record('l', 7, { at: 4, now: 14 })
    expect(h.take().map(({ name }) => name)).toEqual(['out'])
  })

  test('[W17] a session that two emitted ones become takes back both; an open one not before it closes', () => {
    const h = drive(windowOperator('s', gap10, sum, { lateness: 20, retract: true }))
    h.record('k', 1, { at: 0 }).record('k', 2, { at: 12, now: 10 }).advanceTo(22)
    h.take()
    h.record('k', 4, { at: 6 })
    expect(h.take('retract').map((r) => [r.start, r.end, r.value])).toEqual([
      [0, 10, 'sum 1'],
      [12, 22, 'sum 2'],
    ])
    expect(h.take('out').map((r) => [r.start, r.end, r.value])).toEqual([[0, 22, 'sum 7']])
    h.record('k', 8, { at: 21, now: 25 }).advanceTo(30)
    expect(h.take('retract')).toEqual([])
    h.advanceTo(31)
    expect(h.take('retract').map((r) => [r.start, r.end, r.value])).toEqual([[0, 22, 'sum 7']])
    expect(h.take('out').map((r) => [r.start, r.end, r.value])).toEqual([[0, 31, 'sum 15']])
  })

  test('[W17] an old result outlives a crash with its session', () => {
    const codec = sessionStateCodec<number>()
    const told = [
      { key: 'k', start: 0, end: 10, acc: 1 },
      { key: 'k', start: 12, end: 22, acc: 2 },
    ]
    const open = { start: 0, last: 15, acc: 7, count: 3, fired: false, told }
    const fired = {
      ...open,
      start: 40,
      last: 40,
      fired: true,
      told: [{ key: 'k', start: 1, end: 2 }],
    }
    const state = sessionStateOf([open, fired])
    const out = new ByteWriter()
    codec.write(state, out)
    expect(codec.read(out.copy())).toEqual(state)
  })

  test('[W18] with retractions there is no merge of its own: what a key emitted has no known value', () => {
    const retract = { lateness: 5, retract: true } as const
    expect(windowOperator('w', tens, sum, retract).merge).toBeUndefined()
    expect(windowOperator('s', gap10, sum, retract).merge).toBeUndefined()
    expect(windowOperator('s', gap10, sum, { ...retract, merge: 'discard' }).merge).toBe('discard')
  })

  test('[W17] the output is there where it is asked for, in types and in fact', () => {
    const plain = windowOperator('w', tens, sum, { lateness: 5 })
    const retracting = windowOperator('w', tens, sum, { lateness: 5, retract: true })
    expect(Object.keys(plain.outputs)).toEqual(['out', 'late', 'meta'])
    expect(Object.keys(retracting.outputs)).toEqual(['out', 'late', 'meta', 'retract'])
    expectTypeOf(plain.outputs).toEqualTypeOf<WindowOutputs<number, string>>()
    expectTypeOf(retracting.outputs).toEqualTypeOf<RetractingOutputs<number, string>>()
    expectTypeOf(retracting.outputs.retract).toEqualTypeOf<Output<WindowResult<string>>>()
    // @ts-expect-error nobody asked for it
    expect(plain.outputs.retract).toBeUndefined()
  })
})
