import { expect, test } from 'vitest'
import { checkLayout } from './layout.ts'
import type { SlotSpec } from './port.ts'

const slot = (id: string, version: number, migrates: readonly number[] = []): SlotSpec => ({
  id,
  state: {
    version,
    initial: null,
    migrate: Object.fromEntries(migrates.map((from) => [from, (old: unknown) => old])),
  },
})

test('unchanged and new operators pass', () => {
  const { layout, vanished } = checkLayout([{ id: 'a', version: 1 }], [slot('a', 1), slot('b', 4)])
  expect(layout).toEqual([
    { id: 'a', version: 1 },
    { id: 'b', version: 4 },
  ])
  expect(vanished).toEqual([])
})

test('state without its operator is refused by name, unless dropped on purpose', () => {
  const stored = [{ id: 'old', version: 1 }]
  expect(() => checkLayout(stored, [])).toThrow('state_vanished: No operator old is left.')
  expect(checkLayout(stored, [], ['old'])).toEqual({ layout: [], vanished: ['old'] })
})

test('a version is refused unless every step has its migration', () => {
  const stored = [{ id: 'a', version: 1 }]
  expect(() => checkLayout(stored, [slot('a', 3, [1])])).toThrow('state_version')
  expect(() => checkLayout([{ id: 'a', version: 4 }], [slot('a', 3)])).toThrow('state_version')
  expect(() => checkLayout(stored, [slot('a', 3, [1, 2])])).not.toThrow()
})

test('the oldest version stays in the layout, so that its migrations cannot be taken out later', () => {
  const { layout } = checkLayout([{ id: 'a', version: 1 }], [slot('a', 2, [1])])
  expect(layout).toEqual([{ id: 'a', version: 1 }])
  expect(() => checkLayout(layout, [slot('a', 3, [2])])).toThrow('state_version')
})

test('a version dropped on purpose starts anew', () => {
  const { layout, vanished } = checkLayout([{ id: 'a', version: 1 }], [slot('a', 2)], ['a'])
  expect(layout).toEqual([{ id: 'a', version: 2 }])
  expect(vanished).toEqual([])
})
