import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { days, hours, minutes } from '#engine'
import { event, T0 } from '../ingest/events.fixture.ts'
import { kindOf } from '../ingest/vocabulary.ts'
import { NO_BROWSING, viewProduct, wish, wishCount } from './browsing.ts'
import { addRow, type Buckets, NO_BUCKETS, sumOf, uniteBuckets } from './buckets.ts'
import { cartContent, changeCart, EMPTY_CART, resetCart } from './cart.ts'
import { consentFor, hearConsents, NO_CONSENTS } from './consents.ts'
import { addActivity, engagementFigures, NO_ENGAGEMENT } from './engagement.ts'
import {
  addToSession,
  closeSessions,
  NO_SESSIONS,
  nextClose,
  type Sessions,
  sessionFigures,
  uniteSessions,
} from './sessions.ts'
import { SESSION_GAP } from './state.ts'
import { hearTraits, NO_TRAITS, traitOf } from './traits.ts'

describe('browsing', () => {
  const products = fc.array(
    fc.record({ id: fc.nat(30).map((n) => `p${n}`), at: fc.integer({ min: 1, max: 500 }) }),
    { maxLength: 60 },
  )

  test('[PRO-3] [P10] the last 20 products viewed, each with its last view, in any order', () => {
    fc.assert(
      fc.property(products, fc.nat(), (views, seed) => {
        const last = new Map<string, number>()
        for (const { id, at } of views) last.set(id, Math.max(at, last.get(id) ?? 0))
        const expected = [...last].sort(
          (a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0),
        )
        // By time, as nearly all arrive, and turned round at some place.
        const inTime = views.toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
        const turn = views.length === 0 ? 0 : seed % views.length
        for (const order of [inTime, [...inTime.slice(turn), ...inTime.slice(0, turn)]]) {
          const told = order.reduce((b, { id, at }) => viewProduct(b, id, at), NO_BROWSING)
          expect(told.views).toBe(views.length)
          expect(told.viewed.map(([id, at]) => [id, at])).toEqual(expected.slice(-20))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('[PRO-3] [P10] of 50 wishes the last word counts; at one instant the removal', () => {
    const said: readonly (readonly [string, number, boolean])[] = [
      ['mug', 3, false],
      ['mug', 2, true],
      ['rug', 5, true],
      ['rug', 5, false],
      ['pot', 4, true],
      ['pot', 6, false],
    ]
    for (const order of [said, said.toReversed()]) {
      const told = order.reduce((b, [id, at, gone]) => wish(b, id, at, gone), NO_BROWSING)
      expect(wishCount(told)).toBe(2)
    }
    let many = NO_BROWSING
    for (let n = 0; n < 80; n++) many = wish(many, `p${n}`, T0 + n, false)
    expect(wishCount(many)).toBe(50)
    expect(wishCount(wish(many, 'p79', T0 + 100, true))).toBe(49)
  })
})

describe('buckets', () => {
  const rows = fc.array(fc.tuple(fc.nat(30), fc.nat(5)), { maxLength: 40 })
  const fill = (list: readonly (readonly [number, number])[]): Buckets =>
    list.reduce<Buckets>((b, row) => addRow(b, row), NO_BUCKETS)

  test('[PRO-6] sums equal a plain recount, in any order and united from parts', () => {
    fc.assert(
      fc.property(rows, rows, fc.nat(30), fc.nat(30), (a, b, from, until) => {
        const expected = [...a, ...b].reduce((s, [n, v]) => (n >= from && n < until ? s + v : s), 0)
        const range = { from, until, width: 2 }
        expect(sumOf(fill([...a, ...b]), range)).toBe(expected)
        expect(sumOf(uniteBuckets(fill(b), fill(a), 2), range)).toBe(expected)
      }),
    )
  })
})

describe('sessions', () => {
  /** Activities as punctual ones are heard, unless `now` says later. */
  const sessionsOf = (offsets: readonly number[], now = T0): Sessions =>
    offsets.reduce((s, at) => addToSession(s, T0 + at, { now, gap: SESSION_GAP }), NO_SESSIONS)

  test('[PRO-6] [P6] the gap is inclusive: 30 minutes join, one ms more does not', () => {
    expect(sessionsOf([0, minutes(30)]).open).toEqual([
      { start: T0, end: T0 + minutes(30), events: 2, until: T0 + minutes(60) },
    ])
    expect(sessionsOf([0, minutes(30) + 1]).open).toHaveLength(2)
  })

  test('[PRO-6] [P6] an activity between two sessions joins them, whatever the order', () => {
    const minute = fc.array(fc.nat(300), { minLength: 1, maxLength: 25 })
    fc.assert(
      fc.property(minute, fc.nat(24), (list, cut) => {
        const offsets = list.map(minutes)
        const sorted = offsets.toSorted((a, b) => a - b)
        const gaps = sorted.filter((at, i) => at - (sorted[i - 1] ?? at) > SESSION_GAP).length
        const whole = sessionsOf(offsets)
        expect(whole.open).toHaveLength(1 + gaps)
        expect(whole.open.reduce((n, s) => n + s.events, 0)).toBe(list.length)
        const [a, b] = [sessionsOf(offsets.slice(cut)), sessionsOf(offsets.slice(0, cut))]
        expect(uniteSessions(a, b, SESSION_GAP)).toEqual(whole)
      }),
    )
  })

  test('[PRO-3] [P7] count and mean duration do not depend on whether a session is closed', () => {
    const open = sessionsOf([0, minutes(10), hours(3), hours(3) + minutes(20)])
    const now = T0 + hours(4)
    const { sessions, closed } = closeSessions(open, now)
    expect(closed).toHaveLength(2)
    expect(sessionFigures(sessions, now)).toEqual(sessionFigures(open, now))
    expect(sessionFigures(sessions, now)).toEqual({ count: 2, meanSeconds: 900 })
    expect(sessionFigures(sessions, T0 + days(90))).toEqual({ count: 0, meanSeconds: null })
  })

  test('[P6] the end is known one past the gap', () => {
    const open = sessionsOf([0])
    expect(nextClose(open)).toBe(T0 + SESSION_GAP + 1)
    expect(closeSessions(open, T0 + SESSION_GAP).closed).toEqual([])
    expect(closeSessions(open, T0 + SESSION_GAP + 1).closed).toHaveLength(1)
  })

  test('[ING-6] [P6] what comes hours late in one go is one session, closed 5 minutes after it came', () => {
    const now = T0 + hours(9)
    const late = sessionsOf([0, minutes(10), minutes(20)], now)
    expect(closeSessions(late, now).closed).toEqual([])
    expect(nextClose(late)).toBe(now + minutes(5) + 1)
    expect(closeSessions(late, now + minutes(5) + 1).closed).toMatchObject([{ events: 3 }])
  })
})

describe('engagement', () => {
  test('[PRO-6] [P8] windows equal a recount of their steps and expire without an event', () => {
    const ago = fc.array(fc.nat(days(100) / minutes(1)), { maxLength: 40 })
    fc.assert(
      fc.property(ago, fc.nat(days(3)), (list, later) => {
        const instants = list.map((m) => T0 - minutes(m)).sort((a, b) => a - b)
        const engagement = instants.reduce((e, at) => addActivity(e, at, at), NO_ENGAGEMENT)
        const now = T0 + later
        const inSteps = (width: number, n: number): number =>
          instants.filter((at) => Math.floor(at / width) > Math.floor(now / width) - n).length
        expect(engagementFigures(engagement, now)).toEqual({
          hour: inSteps(minutes(5), 12),
          day: inSteps(minutes(5), 288),
          days7: inSteps(days(1), 7),
          days30: inSteps(days(1), 30),
          days90: inSteps(days(1), 90),
        })
      }),
    )
  })
})

describe('cart', () => {
  const line = (id: string, quantity = 1, price: number | null = 100) => ({
    id,
    name: id,
    category: null,
    price,
    quantity,
  })

  test('[PRO-3] [P9] holds what was added and not taken out since the last order', () => {
    let cart = changeCart(EMPTY_CART, line('old'), T0, 1)
    cart = resetCart(cart, T0 + 1)
    cart = changeCart(changeCart(cart, line('mug', 3), T0 + 2, 1), line('mug', 1), T0 + 3, -1)
    expect(cartContent(cart)).toEqual({
      lines: [{ id: 'mug', name: 'mug', price: 100, quantity: 2 }],
      value: 200,
      changedAt: T0 + 3,
    })
    expect(cartContent(changeCart(cart, line('mug', 9), T0 + 4, -1))).toBeNull()
  })

  test('[ING-6] [P9] changes and orders may arrive in any order', () => {
    const steps = [
      (c = EMPTY_CART) => changeCart(c, line('a'), T0, 1),
      (c = EMPTY_CART) => resetCart(c, T0 + 5),
      (c = EMPTY_CART) => changeCart(c, line('b', 2), T0 + 6, 1),
      (c = EMPTY_CART) => changeCart(c, line('b', 1, null), T0 + 7, -1),
      (c = EMPTY_CART) => resetCart(c, T0 + 3, [line('z')]),
      (c = EMPTY_CART) => changeCart(c, line('c', 1, 55), T0 + 8, 1),
    ]
    const expected = steps.reduce((c, step) => step(c), EMPTY_CART)
    fc.assert(
      fc.property(fc.shuffledSubarray(steps, { minLength: steps.length }), (order) => {
        expect(order.reduce((c, step) => step(c), EMPTY_CART)).toEqual(expected)
      }),
    )
  })

  test('[P9] more than 40 changes are folded without a change of content', () => {
    let cart = EMPTY_CART
    for (let i = 0; i < 100; i++) cart = changeCart(cart, line(`p${i % 4}`), T0 + i, 1)
    expect(cart.changes.length).toBeLessThanOrEqual(40)
    expect(cartContent(cart)?.lines.reduce((sum, l) => sum + l.quantity, 0)).toBe(100)
  })
})

describe('traits', () => {
  const identify = (at: number, traits: object) =>
    event('i', { type: 'identify', at, traits: traits as never })

  test('[PRO-1] [P11] the latest statement by event time stands, however it arrives', () => {
    const early = identify(T0, {
      name: 'Eva Maria Smith',
      email: 'old@x.org',
      address: { city: 'Bern', country: 'CH' },
    })
    const late = identify(T0 + 1, { email: 'new@x.org', firstName: 'Eve', phone: null })
    for (const order of [
      [early, late],
      [late, early],
    ]) {
      const traits = order.reduce(hearTraits, NO_TRAITS)
      expect(traitOf(traits, 'email')).toBe('new@x.org')
      expect(traitOf(traits, 'first_name')).toBe('Eve')
      expect(traitOf(traits, 'last_name')).toBe('Maria Smith')
      expect(traitOf(traits, 'city')).toBe('Bern')
      expect(traitOf(traits, 'phone')).toBeNull()
    }
  })

  test('[PRO-1] [P11] the acquisition source is the first one named', () => {
    const visit = (at: number, source: string) =>
      event('v', { at, context: { campaign: { source } } })
    const traits = [visit(T0 + 5, 'mail'), visit(T0, 'ads'), visit(T0 + 9, 'social')].reduce(
      hearTraits,
      NO_TRAITS,
    )
    expect(traitOf(traits, 'acquisition_source')).toBe('ads')
  })

  test('[PRO-1] what is no address is not taken for one; null takes it back', () => {
    const known = hearTraits(NO_TRAITS, identify(T0, { email: 'a@x.org' }))
    expect(traitOf(hearTraits(known, identify(T0 + 1, { email: 'oops' })), 'email')).toBe('a@x.org')
    expect(traitOf(hearTraits(known, identify(T0 + 1, { email: null })), 'email')).toBeNull()
  })
})

describe('consents', () => {
  const given = (at: number, name: string, properties: object) =>
    event('c', { name, at, properties: properties as never })
  const hearAll = (events: ReturnType<typeof given>[]) =>
    events.reduce((c, e) => hearConsents(c, e, kindOf(e)), NO_CONSENTS)

  test('[CON-1] [P12] agreement is per channel and topic, with who, when, how and which wording', () => {
    const e = given(T0, 'Consent Given', {
      channel: 'sms',
      topic: 'cart_reminders',
      source: 'checkout',
      wording_version: 'v3',
    })
    const consents = hearAll([e])
    expect(consentFor(consents, 'sms', 'cart_reminders')).toEqual({
      channel: 'sms',
      topic: 'cart_reminders',
      granted: true,
      at: T0,
      by: 'customer',
      source: 'checkout',
      wording: 'v3',
    })
    expect(consentFor(consents, 'sms', 'marketing')).toBeNull()
    expect(consentFor(consents, 'email', 'cart_reminders')).toBeNull()
  })

  test('[CON-1] [P12] the later act wins; at one instant the withdrawal does, in any order', () => {
    const yes = given(T0, 'Consent Given', { channel: 'email' })
    const no = given(T0, 'Consent Withdrawn', { channel: 'email', topic: 'marketing' })
    const again = given(T0 + 1, 'Consent Given', { channel: 'email' })
    for (const order of [
      [yes, no],
      [no, yes],
    ])
      expect(consentFor(hearAll(order), 'email', 'marketing')?.granted).toBe(false)
    for (const order of [
      [yes, no, again],
      [again, no, yes],
    ])
      expect(consentFor(hearAll(order), 'email', 'marketing')?.granted).toBe(true)
  })

  test('[CON-2] [P12] unsubscribing or complaining withdraws every topic of email', () => {
    for (const name of ['Unsubscribed', 'Email Marked as Spam']) {
      const consents = hearAll([
        given(T0, 'Consent Given', { channel: 'email', topic: 'news' }),
        given(T0 + 1, name, {}),
      ])
      expect(consentFor(consents, 'email', 'news')?.granted).toBe(false)
      expect(consentFor(consents, 'email', 'anything')?.granted).toBe(false)
    }
  })

  test('[CON-1] [P12] the trait: true is marketing, false is everything, an object is by topic', () => {
    const traits = {
      consents: {
        email: true,
        sms: false,
        push: { news: { granted: true, by: 'agent-7' }, 'Bad Topic': true },
      },
    }
    const consents = hearAll([event('i', { type: 'identify', at: T0, traits })])
    expect(consentFor(consents, 'email', 'marketing')?.granted).toBe(true)
    expect(consentFor(consents, 'email', 'news')).toBeNull()
    expect(consentFor(consents, 'sms', 'news')?.granted).toBe(false)
    expect(consentFor(consents, 'push', 'news')).toMatchObject({ granted: true, by: 'agent-7' })
    expect(consents).toHaveLength(3)
  })

  test('[CON-1] agreement without a channel is none; withdrawal without one is of all', () => {
    expect(hearAll([given(T0, 'Consent Given', {})])).toEqual([])
    expect(hearAll([given(T0, 'Consent Withdrawn', {})])).toHaveLength(6)
  })
})
