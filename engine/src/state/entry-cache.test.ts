import { describe, expect, test } from 'vitest'
import { ABSENT, Cell, Entry } from './cells.ts'
import { EntryCache } from './entry-cache.ts'

const entry = (key: string): Entry => new Entry(key, 0, 2)

function cellOf(owner: Entry, bytes: number): Cell {
  const cell = new Cell(owner, 0, ABSENT)
  cell.bytes = bytes
  return cell
}

describe('entry cache', () => {
  test('[K4] the number of entries is bounded, the least recently used goes first', () => {
    const cache = new EntryCache({ maxEntries: 2, maxBytes: 1_000_000 })
    for (const key of ['a', 'b']) cache.add(entry(key))
    cache.find('a')
    cache.add(entry('c'))
    expect(['a', 'b', 'c'].map((key) => cache.peek(key) !== undefined)).toEqual([true, false, true])
  })

  test('[K4] the estimated bytes are bounded and return to nothing', () => {
    const cache = new EntryCache({ maxEntries: 1_000, maxBytes: 10_000 })
    for (let n = 0; n < 500; n++) {
      const added = entry(`k${n}`)
      cache.add(added)
      cache.attach(cellOf(added, 300))
      expect(cache.bytes).toBeLessThanOrEqual(10_000)
    }
    expect(cache.size).toBeGreaterThan(1)
  })

  test('[K4] an evicted entry with uncommitted values is found again, without them it is gone', () => {
    const cache = new EntryCache({ maxEntries: 1, maxBytes: 1_000_000 })
    const [a, b] = [entry('a'), entry('b')]
    cache.add(a)
    cache.pin(a, 1)
    cache.add(b)
    expect(cache.find('a')).toBe(a)
    cache.find('a')
    cache.add(entry('c'))
    cache.settle(1)
    expect(cache.find('a')).toBeUndefined()
  })

  test('[K4] an entry that only an aborted epoch wrote to is let go when the next one is settled', () => {
    const cache = new EntryCache({ maxEntries: 1, maxBytes: 1_000_000 })
    const a = entry('a')
    cache.add(a)
    cache.pin(a, 1)
    cache.add(entry('b'))
    cache.settle(0)
    expect(cache.isPinned(a)).toBe(true)
    expect(cache.peek('a')).toBe(a)
    cache.settle(2)
    expect(cache.peek('a')).toBeUndefined()
  })

  test('[K4] what is asked for stays, however much comes once and goes', () => {
    const cache = new EntryCache({ maxEntries: 10, maxBytes: 1_000_000 })
    for (const key of ['often', 'also']) cache.add(entry(key))
    for (let n = 0; n < 1_000; n++) {
      cache.add(entry(`once ${n}`))
      expect(cache.find('often')).toBeDefined()
      expect(cache.find('also')).toBeDefined()
      expect(cache.size).toBeLessThanOrEqual(10)
    }
  })

  test('[K4] an entry that evicts itself by growing and is then written stays reachable', () => {
    const cache = new EntryCache({ maxEntries: 10, maxBytes: 2_000 })
    const a = entry('a')
    cache.add(a)
    cache.add(entry('b'))
    cache.attach(cellOf(a, 5_000))
    expect(a.resident).toBe(false)
    cache.pin(a, 1)
    expect(cache.find('a')).toBe(a)
  })

  test('an entry larger than the limit still has its turn', () => {
    const cache = new EntryCache({ maxEntries: 10, maxBytes: 100 })
    const a = entry('a')
    cache.add(a)
    cache.attach(cellOf(a, 5_000))
    expect(cache.find('a')).toBe(a)
    cache.add(entry('b'))
    expect(cache.peek('a')).toBeUndefined()
  })

  test('counts hits and misses', () => {
    const cache = new EntryCache({ maxEntries: 1, maxBytes: 1_000_000 })
    cache.add(entry('a'))
    cache.find('a')
    cache.find('b')
    expect([cache.hits, cache.misses]).toEqual([1, 1])
  })
})
