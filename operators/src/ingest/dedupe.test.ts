import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter, days } from '#engine'
import { drive } from '#engine/testing'
import type { InboxRecord } from '../contract.ts'
import { createDedupe } from './dedupe.ts'
import { event, T0 } from './events.fixture.ts'
import { identity } from './identity.ts'
import {
  addSeen,
  hasSeen,
  NOTHING_SEEN,
  type Seen,
  seenCodec,
  seenCount,
  uniteSeen,
} from './seen.ts'

const LIMITS = { horizon: days(7), limit: 10_000 }
const record = (id: string): InboxRecord => ({ kind: 'event', event: event(id) })
const MIDNIGHT = Date.UTC(2026, 2, 10)

describe('operator dedupe', () => {
  const dedupe = createDedupe()

  test('[ING-5] [D1] lets an id through once and names the repeats', () => {
    const driver = drive(dedupe)
      .record('u:1', record('a'), { at: T0 })
      .record('u:1', record('b'), { at: T0 })
    driver.record('u:1', { kind: 'event', event: event('a', { derivedId: true }) }, { at: T0 + 1 })
    expect(driver.take('fresh')).toHaveLength(2)
    expect(driver.take('duplicate')).toEqual([
      { message_id: 'a', derived_id: true, event_at: T0, received_at: T0 },
    ])
  })

  test('[ING-5] [S1] remembers for the whole horizon, and forgets within a day after it', () => {
    const driver = drive(dedupe).record('u:1', record('a'), { at: MIDNIGHT })
    driver.record('u:1', record('a'), { at: MIDNIGHT + days(7) })
    expect(driver.take('duplicate')).toHaveLength(1)
    driver.record('u:1', record('b'), { at: MIDNIGHT + days(8) })
    driver.record('u:1', record('a'), { at: MIDNIGHT + days(8) })
    expect(driver.take('duplicate')).toHaveLength(0)
  })

  test('[ING-7] [D1] a pointer remembers nothing and passes everything on', () => {
    const pointer = { to: 'u:2', asked: 'u:2', known: [] }
    const driver = drive(dedupe).withRead(identity, 'u:1', pointer)
    driver.record('u:1', record('a'), { at: T0 }).record('u:1', record('a'), { at: T0 })
    expect(driver.take('fresh')).toHaveLength(2)
    expect(driver.keys()).toEqual([])
  })

  test('[ING-5] [D1] a hand-over takes the ids along', () => {
    const driver = drive(dedupe).record('a:x', record('a'), { at: T0 })
    driver.mergeInto('u:1', 'a:x', 'link')
    driver.record('u:1', record('a'), { at: T0 + 1 })
    expect(driver.take('duplicate')).toHaveLength(1)
  })

  test('[D3] links and redirects pass, however often, and are not remembered', () => {
    const link = { kind: 'link', from: 'a:x', to: 'u:1' } as unknown as InboxRecord
    const redirect = { kind: 'redirect', to: 'u:1' } as unknown as InboxRecord
    const driver = drive(dedupe)
    for (const told of [link, redirect, link, redirect]) driver.record('a:x', told, { at: T0 })
    expect(driver.take('fresh')).toEqual([link, redirect, link, redirect])
    expect(driver.take('duplicate')).toEqual([])
    expect(driver.keys()).toEqual([])
  })

  test('[ING-5] [D4] [S2] beyond the limit the oldest go, counted in the state and emitted', () => {
    const driver = drive(createDedupe({ horizon: days(7), limit: 16 }))
    for (let i = 0; i < 17; i++) driver.record('u:1', record(`${i}`), { at: T0 + i })
    expect(driver.take('overflow')).toEqual([{ evicted: 3 }])
    expect(driver.state('u:1').evicted).toBe(3)
    driver.take()
    driver.record('u:1', record('16'), { at: T0 + 20 }).record('u:1', record('0'), { at: T0 + 20 })
    expect(driver.take('duplicate')).toMatchObject([{ message_id: '16' }])
  })
})

describe('seen ids', () => {
  const ids = fc.array(fc.tuple(fc.nat(20), fc.nat(30)), { maxLength: 30 })
  const at = (day: number): number => MIDNIGHT + days(day)
  const seenOf = (list: readonly (readonly [number, number])[]): Seen =>
    list
      .toSorted((a, b) => a[1] - b[1])
      .reduce((seen, [id, day]) => addSeen(seen, `${id}`, at(day), LIMITS), NOTHING_SEEN)

  const bytesOf = (seen: Seen): string => {
    const out = new ByteWriter()
    seenCodec.write(seen, out)
    return out.copy().toString('hex')
  }

  test('[ING-5] [S1] agrees with a plain list of what was added within the horizon', () => {
    fc.assert(
      fc.property(ids, (list) => {
        const seen = seenOf(list)
        const newest = Math.max(0, ...list.map(([, day]) => day))
        for (let id = 0; id <= 20; id++) {
          const expected = list.some(([known, day]) => known === id && day >= newest - 7)
          expect(hasSeen(seen, `${id}`)).toBe(expected)
        }
      }),
    )
  })

  test('[S3] uniting is commutative and associative', () => {
    fc.assert(
      fc.property(ids, ids, ids, (a, b, c) => {
        const [x, y, z] = [seenOf(a), seenOf(b), seenOf(c)]
        const now = at(30)
        const unite = (p: Seen, q: Seen): Seen => uniteSeen(p, q, now, LIMITS)
        expect(bytesOf(unite(x, y))).toBe(bytesOf(unite(y, x)))
        expect(bytesOf(unite(unite(x, y), z))).toBe(bytesOf(unite(x, unite(y, z))))
      }),
    )
  })

  test('[ING-5] the stored form is 8 bytes an id and loses nothing', () => {
    const seen = seenOf(Array.from({ length: 100 }, (_, i) => [i, 3] as const))
    const out = new ByteWriter()
    seenCodec.write(seen, out)
    expect(out.copy().length).toBeLessThan(100 * 8 + 8)
    expect(seenCodec.read(out.copy())).toEqual(seen)
    expect(seenCount(seen)).toBe(100)
  })
})
