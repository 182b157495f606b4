import * as fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { days, hours, type Millis, minutes } from '#engine'
import type { Channel, Verdict } from '../contract.ts'
import type { CustomerFacts } from '../decide/facts.ts'
import { countryOf } from './countries.ts'
import { isOpenInAll, nextOpen, type Week } from './open-hours.ts'
import { createQuietHours } from './quiet-hours.ts'
import { planWith, request } from './testing.ts'
import { createZoneClock } from './zone-clock.ts'

const quietHours = createQuietHours()

function at(iso: string, facts: Partial<CustomerFacts> = {}, channel: Channel = 'email'): Verdict {
  return quietHours.evaluate(request({ now: Date.parse(iso), facts, channel }))
}
const outcome = (verdict: Verdict): string =>
  verdict.outcome === 'defer'
    ? new Date(verdict.until).toISOString().replace(':00.000Z', 'Z')
    : verdict.outcome === 'block'
      ? verdict.reason
      : 'pass'

describe('default hours', () => {
  test('[TIM-3] [GR4] 09:00 is allowed and 21:00 is not, to the millisecond', () => {
    expect(outcome(at('2026-01-12T08:59:59.999Z'))).toBe('2026-01-12T09:00Z')
    expect(outcome(at('2026-01-12T09:00:00.000Z'))).toBe('pass')
    expect(outcome(at('2026-01-12T20:59:59.999Z'))).toBe('pass')
    expect(outcome(at('2026-01-12T21:00:00.000Z'))).toBe('2026-01-13T09:00Z')
  })

  test('[TIM-3] web and in-app are exempt; WhatsApp, SMS and push are not', () => {
    for (const channel of ['web', 'in_app'] as const)
      expect(outcome(at('2026-01-12T03:00Z', { zone: null, country: null }, channel))).toBe('pass')
    for (const channel of ['sms', 'whatsapp', 'push'] as const)
      expect(outcome(at('2026-01-12T03:00Z', {}, channel))).toBe('2026-01-12T09:00Z')
  })

  test('[TIM-3] [QH1] the hours are local', () => {
    const zone = 'Asia/Kolkata'
    expect(outcome(at('2026-01-12T03:29Z', { zone }))).toBe('2026-01-12T03:30Z')
    expect(outcome(at('2026-01-12T15:29Z', { zone }))).toBe('pass')
    expect(outcome(at('2026-01-12T15:30Z', { zone }))).toBe('2026-01-13T03:30Z')
  })
})

describe('summer time', () => {
  test('[TIM-3] [QH3] the morning after the clocks change is an hour earlier or later', () => {
    const zone = 'Europe/London'
    expect(outcome(at('2026-03-28T22:00Z', { zone }))).toBe('2026-03-29T08:00Z')
    expect(outcome(at('2026-10-24T21:30Z', { zone }))).toBe('2026-10-25T09:00Z')
  })

  test('[TIM-3] a window whose start the clocks skip opens with the change', () => {
    const week: Week = Array.from({ length: 7 }, () => ({ from: 90, to: 600 }))
    const next = nextOpen(
      createZoneClock(),
      { zones: ['Europe/London'], week },
      Date.parse('2026-03-29T00:30Z'),
      days(1),
    )
    expect(new Date(next ?? 0).toISOString()).toBe('2026-03-29T01:00:00.000Z')
  })

  test('[TIM-3] [QH3] property: agrees with a scan minute by minute, over the changes of a year', () => {
    const clock = createZoneClock()
    const zones = ['America/New_York', 'Australia/Lord_Howe', 'Europe/Berlin', 'Africa/Casablanca']
    const changes = zones.flatMap((zone) =>
      clock.changes(zone, Date.UTC(2026, 0, 1), Date.UTC(2026, 11, 31)),
    )
    expect(changes.length).toBeGreaterThanOrEqual(8)
    const arbWindow = fc
      .tuple(fc.integer({ min: 0, max: 1440 }), fc.integer({ min: 0, max: 1440 }))
      .map(([from, to]) => ({ from, to }))
    fc.assert(
      fc.property(
        fc.constantFrom(...changes),
        fc.integer({ min: -30 * 60, max: 12 * 60 }),
        fc.subarray(zones, { minLength: 1, maxLength: 2 }),
        fc.array(arbWindow, { minLength: 7, maxLength: 7 }),
        (change, offset, some, week) => {
          const from = change + minutes(offset)
          const horizon = hours(20)
          fc.pre(!isOpenInAll(clock, some, week, from))
          expect(nextOpen(clock, { zones: some, week }, from, horizon)).toBe(
            scan(some, week, from, horizon),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  test('[TIM-3] property: local time is that of Temporal, at any instant', () => {
    const clock = createZoneClock()
    const zones = ['America/St_Johns', 'Pacific/Chatham', 'Europe/Dublin', 'Asia/Tehran', 'UTC']
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: Date.UTC(2005, 0, 1), max: Date.UTC(2035, 0, 1) }),
        (zone, instant) => {
          const zoned = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone)
          expect(clock.offsetAt(zone, instant)).toBe(zoned.offsetNanoseconds / 1e6)
        },
      ),
      { numRuns: 150 },
    )
  })
})

/** Asks Intl, which shares nothing with the code under test, for the wall clock of every minute. */
function scan(zones: readonly string[], week: Week, from: Millis, horizon: Millis): Millis | null {
  const names = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
  const formats = zones.map(
    (timeZone) =>
      new Intl.DateTimeFormat('en-US', {
        timeZone,
        weekday: 'short',
        hour: 'numeric',
        minute: 'numeric',
        hourCycle: 'h23',
      }),
  )
  for (let t = from + minutes(1); t <= from + horizon; t += minutes(1)) {
    const open = formats.every((format) => {
      const [, name = '', hour, minute] = /^(\w+),? (\d+):(\d+)$/.exec(format.format(t)) ?? []
      const now = Number(hour) * 60 + Number(minute)
      const window = week[names.indexOf(name)]
      return window !== undefined && window.from <= now && now < window.to
    })
    if (open) return t
  }
  return null
}

test('[TIM-3] property: an answer does not depend on what was asked before', () => {
  const used = createQuietHours()
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(2026, 2, 25), max: Date.UTC(2026, 3, 1) }),
      fc.constantFrom('Europe/London', 'America/New_York', null),
      fc.constantFrom<Channel>('sms', 'email'),
      (now, zone, channel) => {
        const asked = request({ now, channel, facts: { zone, country: 'US' } })
        expect(used.evaluate(asked)).toEqual(createQuietHours().evaluate(asked))
      },
    ),
    { numRuns: 15 },
  )
})

describe('unknown whereabouts', () => {
  test('[TIM-3] [QH1] [QH3] unknown zone: only when every zone of the country allows it', () => {
    const us = { zone: null, country: 'US', region: 'CA' }
    // 09:00 in Honolulu is 14:00 in New York; 21:00 in New York is 16:00 in Honolulu.
    expect(outcome(at('2026-01-12T18:59Z', us))).toBe('2026-01-12T19:00Z')
    expect(outcome(at('2026-01-12T19:00Z', us))).toBe('pass')
    expect(outcome(at('2026-01-13T01:59Z', us))).toBe('pass')
    expect(outcome(at('2026-01-13T02:00Z', us))).toBe('2026-01-13T19:00Z')
  })

  test('[TIM-3] [QH1] a name that is no zone counts as unknown', () => {
    for (const zone of ['Mars/Olympus', '+05:30', '', 'x'.repeat(300)])
      expect(outcome(at('2026-01-12T09:00Z', { zone, country: 'United Kingdom' }))).toBe('pass')
  })

  test('[TIM-3] [QH3] a country so wide that its days do not overlap is never open', () => {
    expect(outcome(at('2026-01-12T09:00Z', { zone: null, country: 'FR' }))).toBe('pass')
    expect(countryOf('RU')?.zones.length).toBeGreaterThan(10)
    const narrow = planWith('kind: quiet-hours\nspec: { allowed: { from: "10:00", to: "18:00" } }')
    const asked = request({ plan: narrow, facts: { zone: null, country: 'RU' } })
    expect(outcome(quietHours.evaluate(asked))).toBe('no_open_hour')
  })

  test('[GRD-3] [QH1] neither zone nor country: nobody can tell, so no send', () => {
    expect(outcome(at('2026-01-12T12:00Z', { zone: null, country: null }))).toBe(
      'guardrail_undecided',
    )
    expect(outcome(at('2026-01-12T12:00Z', { zone: null, country: 'Atlantis' }))).toBe(
      'guardrail_undecided',
    )
  })
})

describe('the law', () => {
  const sms = (iso: string, facts: Partial<CustomerFacts>) =>
    outcome(at(iso, { country: 'US', ...facts }, 'sms'))

  test('[TIM-3] US SMS ends at 20:00 local, email at 21:00', () => {
    const facts = { zone: 'America/New_York', region: 'NY' }
    expect(sms('2026-01-13T00:59Z', facts)).toBe('pass')
    expect(sms('2026-01-13T01:00Z', facts)).toBe('2026-01-13T14:00Z')
    expect(outcome(at('2026-01-13T01:00Z', { country: 'US', ...facts }))).toBe('pass')
  })

  test('[TIM-3] FL, OK, MD, NJ and CT end at 20:00', () => {
    for (const region of ['FL', 'OK', 'MD', 'NJ', 'CT']) {
      expect(sms('2026-01-13T01:00Z', { zone: 'America/New_York', region })).not.toBe('pass')
      expect(sms('2026-01-13T00:59Z', { zone: 'America/New_York', region })).toBe('pass')
    }
  })

  test('[TIM-3] Texas opens at noon on Sundays', () => {
    const facts = { zone: 'America/Chicago', region: 'TX' }
    expect(sms('2026-01-11T17:59Z', facts)).toBe('2026-01-11T18:00Z')
    expect(sms('2026-01-12T15:00Z', facts)).toBe('pass')
    expect(sms('2026-01-11T17:59Z', { ...facts, region: 'IL' })).toBe('pass')
  })

  test('[TIM-3] [CPL-5] [QH2] a state or country that is unknown counts as the strictest', () => {
    const zone = 'America/Chicago'
    for (const region of [null, 'Texas', 'Fla.'])
      expect(sms('2026-01-11T17:00Z', { zone, region })).toBe('2026-01-11T18:00Z')
    const nowhere = { country: null, region: null }
    expect(sms('2026-01-11T17:00Z', { ...nowhere, zone })).toBe('2026-01-11T18:00Z')
    expect(sms('2026-01-11T10:00Z', { ...nowhere, zone: 'Europe/Berlin' })).toBe('pass')
    expect(sms('2026-01-11T17:00Z', { ...nowhere, zone: 'US/Central' })).toBe('2026-01-11T18:00Z')
  })

  test('[TIM-3] definitions can tighten legal hours and never loosen them', () => {
    const sunday = Date.parse('2026-01-11T20:00Z')
    const rule = (from: string, to: string) =>
      `kind: quiet-hours\nspec:\n  allowed: { from: "${from}", to: "${to}" }\n  tighter: [{ country: GB, channels: [email], days: [sun], from: "12:00", to: "18:00" }]`
    const late = { zone: 'America/New_York', country: 'US', region: 'NY' }
    const lax = planWith(rule('00:00', '24:00'))
    const asked = { plan: lax, channel: 'sms' as const, facts: late }
    expect(
      outcome(quietHours.evaluate(request({ ...asked, now: Date.parse('2026-01-13T01:00Z') }))),
    ).toBe('2026-01-13T14:00Z')
    expect(outcome(quietHours.evaluate(request({ plan: lax, now: sunday })))).toBe(
      '2026-01-12T00:00Z',
    )
  })
})

test('[TIM-3] every zone of every country is one that this build knows', () => {
  const clock = createZoneClock()
  for (const code of ['US', 'RU', 'AQ', 'CA', 'AU', 'FR', 'GB', 'BR'])
    for (const zone of countryOf(code)?.zones ?? ['none']) expect(clock.knows(zone)).toBe(true)
  const week: Week = Array.from({ length: 7 }, () => ({ from: 0, to: 1440 }))
  expect(isOpenInAll(clock, countryOf('US')?.zones ?? [], week, 0)).toBe(true)
})
