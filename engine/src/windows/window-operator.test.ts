import { describe, expect, test } from 'vitest'
import { OpportuneError } from '../errors.ts'
import { hopping, session, tumbling } from './assigners.ts'
import type { CombiningAggregate } from './window.ts'
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
