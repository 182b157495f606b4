import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { operator, output, stateSpec } from '#engine'
import type { CustomerEvent } from '../contract.ts'
import { createDedupe } from './dedupe.ts'
import { event, routed } from './events.fixture.ts'
import { identity } from './identity.ts'
import { Stage, staged } from './stage.fixture.ts'

/** Stands for everything that keeps state per customer: the sorted message ids it processed. */
const journal = operator({
  id: 'journal',
  state: stateSpec<{ readonly ids: readonly string[] }>({ version: 1, initial: { ids: [] } }),
  outputs: { none: output<never>() },
  onRecord(e: CustomerEvent, cx) {
    cx.set({ ids: [...cx.get().ids, e.messageId].sort() })
  },
  merge: (mine, theirs) => ({ ids: [...mine.ids, ...theirs.ids].sort() }),
})

const stage = (): Stage =>
  new Stage([staged(createDedupe()), staged(identity), staged(journal)], {
    'dedupe.fresh': 'identity',
    'identity.event': 'journal',
  })

const feed = (events: readonly CustomerEvent[]): Stage => {
  const s = stage()
  for (const e of events) {
    s.send(...routed(e))
    s.settle()
  }
  return s
}

const journalOf = (s: Stage, key: string): readonly string[] => s.state(journal, key).ids

const visit = (id: string, anonymousId: string): CustomerEvent => event(id, { anonymousId })
const known = (id: string, userId: string): CustomerEvent => event(id, { userId })
const both = (id: string, userId: string, anonymousId: string): CustomerEvent =>
  event(id, { userId, anonymousId })
const identify = (id: string, userId: string, anonymousId: string): CustomerEvent =>
  event(id, { type: 'identify', userId, anonymousId })
const alias = (id: string, userId: string, previousId: string): CustomerEvent =>
  event(id, { type: 'alias', userId, previousId })

describe('links', () => {
  test('[ING-7] [I2] identify hands the visitor’s history to the user and forwards what follows', () => {
    const s = feed([visit('1', 'x'), identify('2', 'eva', 'x'), visit('3', 'x'), known('4', 'eva')])
    expect(journalOf(s, 'u:eva')).toEqual(['1', '2', '3', '4'])
    expect(journalOf(s, 'a:x')).toEqual([])
    expect(s.of('identity', 'identity')).toEqual([
      { id: 'a:x', target: 'u:eva', at: event('').at, cause: 'linked' },
    ])
  })

  test('[ING-5] [D1] [D2] a repeat is dropped at whichever id it arrives, and the link itself is not', () => {
    const events = [visit('1', 'x'), identify('2', 'eva', 'x'), visit('3', 'x')]
    const s = feed([...events, ...events])
    expect(journalOf(s, 'u:eva')).toEqual(['1', '2', '3'])
    expect(s.of('dedupe', 'duplicate')).toHaveLength(3)
  })

  test('[ING-7] [I4] a call with both ids asks the unknown visitor to link, once', () => {
    const s = feed([visit('1', 'x'), both('2', 'eva', 'x'), both('3', 'eva', 'x')])
    expect(journalOf(s, 'u:eva')).toEqual(['1', '2', '3'])
    expect(s.of('identity', 'forward')).toHaveLength(2) // the request and the answer
  })

  test('[I1] an alias links the visitor and the user of that name', () => {
    const s = feed([visit('1', 'p'), known('2', 'p'), known('3', 'eva'), alias('4', 'eva', 'p')])
    expect(journalOf(s, 'u:eva')).toEqual(['1', '2', '3', '4'])
    expect(s.state(identity, 'a:p').to).toBe('u:eva')
    expect(s.state(identity, 'u:p').to).toBe('u:eva')
  })

  test('[I5] a second user on one device moves the pointer only; history stays', () => {
    const s = feed([
      visit('1', 'x'),
      identify('2', 'eva', 'x'),
      identify('3', 'tom', 'x'),
      visit('4', 'x'),
    ])
    expect(journalOf(s, 'u:eva')).toEqual(['1', '2'])
    expect(journalOf(s, 'u:tom')).toEqual(['3', '4'])
    expect(s.of('identity', 'identity')).toMatchObject([
      { target: 'u:eva', cause: 'linked' },
      { target: 'u:tom', cause: 'repointed' },
    ])
  })

  test('[I3] state that reaches a pointer travels on to the root', () => {
    const s = feed([
      known('1', 'b'),
      alias('2', 'c', 'b'),
      visit('3', 'x'),
      identify('4', 'b', 'x'),
    ])
    expect(journalOf(s, 'u:c')).toEqual(['1', '2', '3', '4'])
    expect(journalOf(s, 'u:b')).toEqual([])
  })
})

describe('chains', () => {
  const chain = (length: number): CustomerEvent[] =>
    Array.from({ length }, (_, i) => alias(`l${i}`, `u${i + 1}`, `u${i}`))

  test('[I3] the root shortens a chain as it grows: every id ends one hop away', () => {
    const s = feed([...chain(8), identify('i', 'u0', 'x'), visit('v', 'x'), visit('w', 'x')])
    expect(s.state(identity, 'a:x').to).toBe('u:u8')
    expect(journalOf(s, 'u:u8')).toContain('w')
    expect(s.of('identity', 'refused')).toEqual([])
  })

  test('[I7] an event is refused after 4 hops with a code, and the chain is shortened behind it', () => {
    const s = stage()
    // Pointers as they stand while the redirects of a long chain are still under way.
    for (let i = 0; i < 6; i++)
      s.place(identity, `u:${i}`, { to: `u:${i + 1}`, asked: `u:${i + 1}`, known: [] })
    s.send('u:0', { kind: 'event', event: known('e', '0') })
    s.settle()
    expect(s.of('identity', 'refused')).toMatchObject([
      { code: 'identity_chain_too_long', id: 'u:4', event: { messageId: 'e' } },
    ])
    // What the refusal leaves behind: u:4 points at the root itself.
    expect(s.state(identity, 'u:4').to).toBe('u:6')
    s.send('u:0', { kind: 'event', event: known('e', '0') })
    s.settle()
    s.send('u:3', { kind: 'event', event: known('f', '3') })
    s.settle()
    expect(journalOf(s, 'u:6')).toContain('f')
  })

  test('[I6] a circle is opened at its least key, whichever link came first, and nothing is lost', () => {
    const events = [known('1', 'a'), known('2', 'b'), alias('3', 'b', 'a'), alias('4', 'a', 'b')]
    for (const order of [
      [0, 1, 2, 3],
      [1, 0, 3, 2],
      [0, 1, 3, 2],
    ]) {
      const s = feed(order.map((i) => events[i] as CustomerEvent))
      expect(journalOf(s, 'u:a')).toEqual(['1', '2', '3', '4'])
      expect(s.state(identity, 'u:a').to).toBeNull()
      expect(s.state(identity, 'u:b').to).toBe('u:a')
      expect(s.of('identity', 'refused')).toMatchObject([{ code: 'identity_cycle', event: null }])
    }
  })

  test('[I6] three links at once that close a circle leave one root with everything', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1e6), { minLength: 40, maxLength: 40 }), (picks) => {
        const s = stage()
        for (const name of ['a', 'b', 'c']) s.send(...routed(known(name, name)))
        for (const [from, to] of [
          ['a', 'b'],
          ['b', 'c'],
          ['c', 'a'],
        ] as const)
          s.send(...routed(alias(`${from}${to}`, to, from)))
        let turn = 0
        s.settle((keys) => keys[(picks[turn++ % 40] as number) % keys.length] as string)
        const keys = ['u:a', 'u:b', 'u:c']
        const roots = keys.filter((key) => s.state(identity, key).to === null)
        expect(roots).toHaveLength(1)
        expect(journalOf(s, roots[0] as string)).toEqual(['a', 'ab', 'b', 'bc', 'c', 'ca'])
        for (const key of keys) if (key !== roots[0]) expect(journalOf(s, key)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})

test('[ING-7] [I8] any order of arrival and any interleaving give the person one and the same history', () => {
  const calls = [
    visit('v1', 'x'),
    visit('v2', 'x'),
    visit('w1', 'y'),
    known('k1', 'eva'),
    known('o1', 'old'),
    both('b1', 'eva', 'y'),
    identify('i1', 'eva', 'x'),
    identify('i2', 'eva', 'y'),
    alias('a1', 'eva', 'old'),
    both('b2', 'old', 'z'),
    visit('z1', 'z'),
  ]
  const arrivals = fc.shuffledSubarray([...calls, ...calls], {
    minLength: calls.length * 2,
    maxLength: calls.length * 2,
  })
  const picks = fc.array(fc.nat(1e6), { minLength: 50, maxLength: 50 })
  fc.assert(
    fc.property(arrivals, picks, fc.nat(3), (order, turns, burst) => {
      const s = stage()
      let turn = 0
      const pick = (keys: readonly string[]): string =>
        keys[(turns[turn++ % 50] as number) % keys.length] as string
      for (const e of order) {
        s.send(...routed(e))
        for (let i = 0; i < burst; i++) if (s.waiting().length > 0) s.step(pick(s.waiting()))
      }
      s.settle(pick)
      expect(journalOf(s, 'u:eva')).toEqual(calls.map((c) => c.messageId).sort())
      for (const key of ['a:x', 'a:y', 'a:z', 'a:old', 'u:old']) {
        expect(journalOf(s, key)).toEqual([])
        if (key !== 'a:old') expect(s.state(identity, key).to).not.toBeNull()
      }
      expect(s.of('identity', 'refused')).toEqual([])
      expect(s.of('dedupe', 'duplicate')).toHaveLength(calls.length)
    }),
    { numRuns: 300 },
  )
})
