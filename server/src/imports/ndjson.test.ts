import { describe, expect, test } from 'vitest'
import { MAX_LINE_BYTES } from './lines.ts'
import { outcomes, recordsOf } from './testing.ts'

describe('ndjson', () => {
  test('[ING-2] hands on calls unchanged in file order', async () => {
    const calls = [
      { type: 'track', event: 'B', timestamp: '2026-01-02T00:00:00Z', userId: 'u' },
      { type: 'identify', timestamp: '2026-01-01T00:00:00Z', traits: { n: [1, null] } },
    ]
    const content = `\uFEFF${calls.map((c) => JSON.stringify(c)).join('\r\n\r\n')}`
    expect(outcomes(await recordsOf('ndjson', content))).toEqual(calls)
  })

  test('[ING-4] lines that are no objects are rejections with line and bytes', async () => {
    const content = Buffer.concat([
      Buffer.from('{"a":1}\n{"a":\n[1]\nnull\n"x"\nNaN\n'),
      Buffer.from([0x22, 0xc3, 0x22, 0x0a]),
      Buffer.from(`{"a":"${'x'.repeat(2 * MAX_LINE_BYTES)}"}\n{"b":2}`),
    ])
    const records = await recordsOf('ndjson', content)
    expect(outcomes(records)).toEqual([
      { a: 1 },
      'not_json at 2',
      'not_an_object at 3',
      'not_an_object at 4',
      'not_an_object at 5',
      'not_json at 6',
      'not_utf8 at 7',
      'too_large at 8',
      { b: 2 },
    ])
    const [, torn, , , , , , large] = records
    expect(torn?.kind === 'rejected' && Buffer.from(torn.bytes).toString()).toBe('{"a":')
    expect(large?.kind === 'rejected' && large.size).toBe(2 * MAX_LINE_BYTES + 8)
  })

  test('a key named __proto__ stays data, also when times are moved', async () => {
    const line = '{"__proto__":{"admin":true},"timestamp":"2026-01-01T00:00:00Z"}'
    const rebase = { endAt: Date.UTC(2026, 0, 3) }
    const [record] = await recordsOf('ndjson', line, { rebase })
    const call = record?.kind === 'call' ? record.call : {}
    expect(Object.getPrototypeOf(call)).toBe(Object.prototype)
    expect(Object.keys(call)).toContain('__proto__')
    expect('admin' in call).toBe(false)
    expect(call['timestamp']).toBe('2026-01-03T00:00:00.000Z')
  })

  test('a rebase moves all times of a call together and leaves what is no time', async () => {
    const content = [
      '{"timestamp":"2026-01-05T10:00:00.5Z","sentAt":"2026-01-05T12:00:01+02:00"}',
      '{"timestamp":"yesterday","properties":{"timestamp":"2026-01-01T00:00:00Z"}}',
      'broken',
    ].join('\n')
    const rebase = { endAt: Date.UTC(2026, 0, 4) }
    expect(outcomes(await recordsOf('ndjson', content, { rebase }))).toEqual([
      { timestamp: '2026-01-04T10:00:00.500Z', sentAt: '2026-01-04T10:00:01.000Z' },
      { timestamp: 'yesterday', properties: { timestamp: '2026-01-01T00:00:00Z' } },
      'not_json at 3',
    ])
  })

  test('an empty file has no records', async () => {
    expect(await recordsOf('ndjson', '')).toEqual([])
    expect(await recordsOf('ndjson', '\n\n', { rebase: { endAt: 0 } })).toEqual([])
  })
})
