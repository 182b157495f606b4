import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ISO_TIME_PATTERN, parseIsoTime } from './iso-time.ts'

test('[ING-6] [V3] reads every instant that toISOString writes', () => {
  const instants = fc.date({
    min: new Date('1900-01-01'),
    max: new Date('2199-12-31'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(instants, (date) => {
      expect(parseIsoTime(date.toISOString())).toBe(date.getTime())
    }),
  )
})

test.each([
  ['2026-03-10', Date.UTC(2026, 2, 10)],
  ['2026-03-10T12:30', Date.UTC(2026, 2, 10, 12, 30)],
  ['2026-03-10T12:30:15', Date.UTC(2026, 2, 10, 12, 30, 15)],
  ['2026-03-10 12:30:15Z', Date.UTC(2026, 2, 10, 12, 30, 15)],
  ['2026-03-10T12:30:15.5Z', Date.UTC(2026, 2, 10, 12, 30, 15, 500)],
  ['2026-03-10T12:30:15.123456789Z', Date.UTC(2026, 2, 10, 12, 30, 15, 123)],
  ['2026-03-10T12:30:15+02:00', Date.UTC(2026, 2, 10, 10, 30, 15)],
  ['2026-03-10T12:30:15-0530', Date.UTC(2026, 2, 10, 18, 0, 15)],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
  ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
])('[ING-6] [V3] reads %s, without a zone as UTC', (text, at) => {
  expect(parseIsoTime(text)).toBe(at)
})

test.each([
  '',
  'yesterday',
  'Tue Mar 10 2026',
  '2026-3-10',
  '2026-13-01',
  '2026-02-29',
  '2026-04-31T00:00:00Z',
  '2026-03-10T24:00:00Z',
  '2026-03-10T12:60:00Z',
  '2026-03-10T12:30:15.Z',
  '2026-03-10T12:30:15Zz',
  '2026-03-10T12:30:15+2',
  '1741608000000',
])('[ING-4] [V3] refuses %j', (text) => {
  expect(parseIsoTime(text)).toBeNaN()
})

test('[V3] the schema’s pattern and the parser agree, save for days a month does not have', () => {
  const pattern = new RegExp(ISO_TIME_PATTERN)
  const piece = fc.constantFrom(
    '2026',
    '-03',
    '-31',
    '-02',
    'T12',
    ':30',
    ':61',
    '.5',
    'Z',
    '+02:00',
    ' ',
    'x',
  )
  const text = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(text, (candidate) => {
      const parsed = !Number.isNaN(parseIsoTime(candidate))
      if (parsed) expect(pattern.test(candidate)).toBe(true)
      else if (pattern.test(candidate)) expect(candidate).toMatch(/^\d{4}-02-(29|3[01])/)
    }),
    { numRuns: 1_000 },
  )
})
