import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { instant, integer, pair, webAddress } from './options.ts'
import { rowsText } from './render/rows.ts'
import { counted } from './render/summary.ts'
import { number, printable, table, time, value } from './text.ts'

test('text from the data cannot steer the terminal', () => {
  expect(printable('a\u001b[31mred\u0007\u202egnp')).toBe('a\ufffd[31mred\ufffd\ufffdgnp')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
      expect(
        table([{ name: 'x' }], [[text]])
          .trimEnd()
          .split('\n'),
      ).toHaveLength(printable(text).trim() === '' ? 1 : 2)
    }),
    { numRuns: 200 },
  )
})

test('a table: columns as wide as they need, numbers to the right, long values cut', () => {
  const columns = [{ name: 'name', most: 6 }, { name: 'n', right: true }, { name: 'last' }]
  expect(
    table(columns, [
      ['abcdefgh', '7', 'x'],
      ['b', '1234', ''],
    ]),
  ).toBe('name       n  last\nabcde~     7  x\nb       1234\n')
})

test('values: UTC, four decimals, words for what is not there', () => {
  expect(time(Date.UTC(2026, 10, 22, 9, 5))).toBe('2026-11-22 09:05 UTC')
  expect(time(Number.MAX_VALUE)).toBe(String(Number.MAX_VALUE))
  expect([number(3), number(1 / 3), number(1234567)]).toEqual(['3', '0.3333', '1234567'])
  expect([null, true, 'a', [1], { a: 1 }].map(value)).toEqual(['-', 'yes', 'a', '[1]', '{"a":1}'])
  expect(counted({ b: 1, a: 1, c: 5 })).toBe('7 (c 5, a 1, b 1)')
  expect(counted({})).toBe('0')
})

test('rows as a table, CSV and JSON lines', () => {
  const result = {
    columns: [
      { name: 'who', type: 'String' },
      { name: 'n', type: 'UInt64' },
    ],
    rows: [
      ['a "b", c', 12],
      [null, 3],
    ],
    truncated: true,
    elapsed_ms: 4.4,
  }
  expect(rowsText(result, 'table')).toBe(
    'who        n\na "b", c  12\n-          3\n2 rows, and there are more (--max-rows), 4 ms\n',
  )
  expect(rowsText(result, 'csv')).toBe('who,n\r\n"a ""b"", c",12\r\n,3\r\n')
  expect(rowsText(result, 'json')).toBe('{"who":"a \\"b\\", c","n":12}\n{"who":null,"n":3}\n')
})

test('option values are read strictly', () => {
  expect(integer(1, 5)('5')).toBe(5)
  for (const wrong of ['0', '6', '1.5', '', '1e0', '0x1', ' 1'])
    expect(() => integer(1, 5)(wrong)).toThrow('from 1 to 5')
  expect(instant('2026-11-22')).toBe(Date.UTC(2026, 10, 22))
  expect(instant('2026-11-22T10:00:00+01:00')).toBe(Date.UTC(2026, 10, 22, 9))
  for (const wrong of ['2026-11-22T10:00', '2026-13-01', '1700000000', 'now'])
    expect(() => instant(wrong)).toThrow('2026-11-20T09:00:00Z')
  expect(pair('b=2=3', pair('a=1', undefined))).toEqual({ a: '1', b: '2=3' })
  expect(() => pair('=1', undefined)).toThrow('name=value')
  expect(webAddress('http://x:1/')).toBe('http://x:1')
  for (const wrong of ['x:1', 'ftp://x', '']) expect(() => webAddress(wrong)).toThrow('http://')
})
