import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { END } from '../time.ts'
import { DueIndex } from './due-index.ts'
import { compareDue } from './key-bytes.ts'
import type { DuePosition } from './port.ts'

/** A checkpoint's timer index: a sorted array that counts what is read from it. */
class Shelf {
  hints: DuePosition[]
  reads = 0
  constructor(hints: readonly DuePosition[]) {
    this.hints = [...hints].sort(compareDue)
  }
  timersAfter(after: DuePosition | undefined, limit: number): readonly DuePosition[] {
    this.reads++
    return this.hints
      .filter((hint) => after === undefined || compareDue(hint, after) > 0)
      .slice(0, limit)
  }
}

/** Takes everything due out of the index, as firing would. */
function drain(index: DueIndex, now: number): DuePosition[] {
  const fired: DuePosition[] = []
  for (let hint = index.first(now); hint !== undefined; hint = index.first(now)) {
    // As it stands: dropping changes it.
    fired.push({ due: hint.due, key: hint.key })
    index.dropFirst()
  }
  return fired
}

function trim(index: DueIndex, unwritten: (key: string) => boolean): void {
  for (const _ of index.trim(unwritten));
}

const key = fc.nat(40).map((n) => `k${n}`)
const hints = fc.uniqueArray(fc.record({ due: fc.nat(30), key }), { selector: (hint) => hint.key })

describe('due index', () => {
  test('[D1] hints of heap and checkpoint come out in one order of (due, key)', () => {
    fc.assert(
      fc.property(hints, hints, fc.nat(35), (shelved, armed, now) => {
        const index = new DueIndex(new Shelf(shelved), 8)
        for (const { key, due } of armed) index.arm(key, due)
        const earliest = new Map(shelved.map((hint) => [hint.key, hint.due]))
        for (const hint of armed)
          earliest.set(hint.key, Math.min(hint.due, earliest.get(hint.key) ?? END))
        const fired = drain(index, now)
        expect(fired).toEqual([...fired].sort(compareDue))
        for (const [key, due] of earliest)
          if (due <= now) expect(fired).toContainEqual({ due, key })
        expect(index.earliest()).toBeGreaterThan(now)
      }),
    )
  })

  test('[D3] an earlier hint replaces a later one, a later one changes nothing', () => {
    const index = new DueIndex(new Shelf([]), 8)
    index.arm('a', 50)
    index.arm('a', 20)
    index.arm('a', 90)
    expect(index.size).toBe(1)
    expect(drain(index, 100)).toEqual([{ due: 20, key: 'a' }])
  })

  test('[D3] a hint that came too early goes on to where it should be, among those there', () => {
    const index = new DueIndex(new Shelf([]), 8)
    for (const [key, due] of [
      ['b', 1],
      ['a', 5],
      ['c', 5],
    ] as const)
      index.arm(key, due)
    expect(index.first(9)?.key).toBe('b')
    index.moveFirst(5)
    expect(index.size).toBe(3)
    expect(index.earliest()).toBe(5)
    index.arm('b', 7)
    expect(drain(index, 9).map(({ due, key }) => `${due} ${key}`)).toEqual(['5 a', '5 b', '5 c'])
  })

  test('[D2] trimming leaves the nearest half; the rest comes back from the checkpoint', () => {
    const all = Array.from({ length: 100 }, (_, n) => ({ due: n, key: `k${n}` }))
    const shelf = new Shelf([])
    const index = new DueIndex(shelf, 20)
    for (const { key, due } of all) index.arm(key, due)
    // Having read the empty checkpoint to its end, the index takes the heap for everything there is.
    expect(index.earliest()).toBe(0)
    shelf.hints = all
    shelf.reads = 0
    expect(index.full).toBe(true)
    trim(index, () => false)
    expect(index.size).toBe(10)
    expect(shelf.reads).toBe(0)
    expect(drain(index, 1_000)).toEqual(all)
    expect(shelf.reads).toBeGreaterThan(0)
  })

  test('[D2] what the checkpoint does not hold survives trimming', () => {
    const index = new DueIndex(new Shelf([]), 4)
    for (const n of [1, 2, 3, 4, 5, 6]) index.arm(`k${n}`, n)
    trim(index, (key) => key === 'k6')
    expect(drain(index, 10)).toEqual([
      { due: 1, key: 'k1' },
      { due: 2, key: 'k2' },
      { due: 6, key: 'k6' },
    ])
  })

  test('[D2] firing, arming and refilling while a trim goes on loses nothing', () => {
    const all = Array.from({ length: 40_000 }, (_, n) => ({ due: n, key: `k${n}` }))
    const index = new DueIndex(new Shelf(all), 30_000)
    for (const { key, due } of all) index.arm(key, due)
    const fired: DuePosition[] = []
    let now = 0
    for (const _ of index.trim(() => false)) fired.push(...drain(index, (now += 9_000)))
    fired.push(...drain(index, END))
    expect(now).toBeGreaterThan(20_000)
    expect(fired).toEqual(all)
  })

  test('[D2] 50,000 keys due at the same moment do not fill the heap', () => {
    const all = Array.from({ length: 50_000 }, (_, n) => ({ due: 7, key: `k${n}` }))
    const index = new DueIndex(new Shelf(all), 1_000)
    for (const { key, due } of all) index.arm(key, due)
    trim(index, () => false)
    expect(index.size).toBe(0)
    expect(index.first(6)).toBeUndefined()
    expect(index.first(7)).toEqual({ due: 7, key: 'k0' })
    expect(index.size).toBeLessThanOrEqual(1_024)
  })

  test('re-arming one key ever earlier does not make the heap grow', () => {
    const index = new DueIndex(new Shelf([]), 8)
    for (let due = 100_000; due > 0; due--) index.arm('a', due)
    expect(index.size).toBe(1)
    expect(drain(index, END)).toEqual([{ due: 1, key: 'a' }])
  })

  test('asking again and again reads the checkpoint once per horizon', () => {
    const shelf = new Shelf([{ due: 1_000, key: 'far' }])
    const index = new DueIndex(shelf, 8)
    for (let now = 0; now < 900; now++) expect(index.first(now)).toBeUndefined()
    expect(shelf.reads).toBe(1)
  })

  test('an empty index is never due, also at the end of time', () => {
    const index = new DueIndex(new Shelf([]), 8)
    expect(index.first(END)).toBeUndefined()
    expect(index.earliest()).toBe(END)
  })
})
