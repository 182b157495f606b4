import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { allRecords, outcomes, recordsOf } from './testing.ts'

const SAMPLES = new URL('../../../examples/data/', import.meta.url).pathname

const REES46_HEADER =
  'event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n'
const rees46 = (...rows: string[]): string => `${REES46_HEADER}${rows.join('\n')}\n`

describe('rees46', () => {
  test('[ING-2] rows become e-commerce events of their kind, in order of time', async () => {
    const records = await recordsOf(
      'rees46',
      rees46(
        '2019-10-01 00:00:09 UTC,purchase,7,21,a.b,acme,10.50,u1,s1',
        '2019-10-01 00:00:03 UTC,remove_from_cart,7,21,,,10.50,u1,s1',
        '2019-10-01 00:00:02 UTC,cart,7,21,,,10.50,u1,s1',
        '2019-10-01 00:00:01 UTC,view,7,21,a.b,acme,10.50,u1,s1',
      ),
    )
    const item = { product_id: '7', category_id: '21', price: 10.5, session_id: 's1' }
    expect(outcomes(records)).toMatchObject([
      {
        type: 'track',
        event: 'Product Viewed',
        messageId: 'rees46-1569888001-5',
        userId: 'u1',
        timestamp: '2019-10-01T00:00:01.000Z',
        properties: { ...item, category: 'a.b', brand: 'acme' },
      },
      { event: 'Product Added', properties: { ...item, quantity: 1 } },
      { event: 'Product Removed', properties: { ...item, quantity: 1 } },
      {
        event: 'Order Completed',
        properties: {
          order_id: 'rees46-1569888009-2',
          total: 10.5,
          products: [{ product_id: '7', quantity: 1 }],
        },
      },
    ])
  })

  test('[ING-4] each wrong field has its code, and comes before the events', async () => {
    const records = await recordsOf(
      'rees46',
      rees46(
        '2019-10-01 00:00:01 UTC,view,7,21,,,1.00,u1,s1',
        '2019-10-01 00:00:01 UTC,wave,7,21,,,1.00,u1,s1',
        '2019-10-01 00:00:01 UTC,view,,21,,,1.00,u1,s1',
        '2019-10-01 00:00:01 UTC,view,7,21,,,1.00,,s1',
        '2019-02-30 00:00:01 UTC,view,7,21,,,1.00,u1,s1',
        '2019-10-01 00:00:01 UTC,view,7,21,,,NaN,u1,s1',
      ),
    )
    expect(outcomes(records)).toMatchObject([
      'unknown_event at 3',
      'missing_id at 4',
      'missing_id at 5',
      'bad_time at 6',
      'bad_number at 7',
      { messageId: 'rees46-1569888001-2' },
    ])
  })

  test('the sample has 1,000 events: 987 views, 3 added, 10 orders', async () => {
    const records = await allRecords(`${SAMPLES}rees46-2019-oct-sample.csv.gz`, {
      format: 'rees46',
    })
    const counts = new Map<unknown, number>()
    for (const r of records) {
      const name = r.kind === 'call' ? r.call['event'] : r.code
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    expect(Object.fromEntries(counts)).toEqual({
      'Product Viewed': 987,
      'Product Added': 3,
      'Order Completed': 10,
    })
  })
})

describe('diginetica', () => {
  const HEADER = 'session_id;user_id;item_id;timeframe;eventdate\n'

  test('[ING-2] a view is at the date plus the time frame, by user or by session', async () => {
    const content = `${HEADER}1;NA;81766;526309;2016-05-09\n2;77;31331;0;2016-05-09\n`
    expect(outcomes(await recordsOf('diginetica', content))).toEqual([
      {
        type: 'track',
        event: 'Product Viewed',
        messageId: 'diginetica-2-3',
        userId: '77',
        timestamp: '2016-05-09T00:00:00.000Z',
        properties: { product_id: '31331', session_id: '2' },
      },
      {
        type: 'track',
        event: 'Product Viewed',
        messageId: 'diginetica-1-2',
        anonymousId: 'session-1',
        timestamp: '2016-05-09T00:08:46.309Z',
        properties: { product_id: '81766', session_id: '1' },
      },
    ])
  })

  test('[ING-4] wrong fields are rejections', async () => {
    const content = `${HEADER}1;NA;;5;2016-05-09\n1;NA;2;-5;2016-05-09\n1;NA;2;5;09.05.2016\n`
    expect(outcomes(await recordsOf('diginetica', content))).toEqual([
      'missing_id at 2',
      'bad_number at 3',
      'bad_time at 4',
    ])
  })

  test('the sample has 12,391 views in order of time with ids of their own', async () => {
    const records = await allRecords(`${SAMPLES}diginetica-sample.csv.gz`, {
      format: 'diginetica',
    })
    expect(records).toHaveLength(12_391)
    const calls = records.flatMap((r) => (r.kind === 'call' ? [r.call] : []))
    expect(new Set(calls.map((c) => c['messageId'])).size).toBe(12_391)
    expect(calls.filter((c) => 'anonymousId' in c)).toHaveLength(7681)
    const times = calls.map((c) => String(c['timestamp']))
    expect(times).toEqual(times.toSorted())
  })
})

describe('rebase', () => {
  const content = rees46(
    '2019-09-30 23:59:59 UTC,view,7,21,,,1.00,u1,s1',
    '2019-10-01 10:00:00 UTC,view,7,21,,,1.00,u1,s1',
  )
  const endAt = Date.UTC(2026, 2, 15, 3)

  test('moves the last event to the date asked for and keeps the time of day', async () => {
    const records = await recordsOf('rees46', content, { rebase: { endAt } })
    expect(records.map((r) => (r.kind === 'call' ? r.call['timestamp'] : r.code))).toEqual([
      '2026-03-14T23:59:59.000Z',
      '2026-03-15T10:00:00.000Z',
    ])
  })

  test('changes no message id, so that a rebased import is a duplicate of the first', async () => {
    const ids = async (rebase?: { endAt: number }) =>
      (await recordsOf('rees46', content, rebase && { rebase })).map((r) =>
        r.kind === 'call' ? r.call['messageId'] : r.code,
      )
    expect(await ids({ endAt })).toEqual(await ids())
  })
})

describe('reading twice', () => {
  test('gives the same records, zipped or not', async () => {
    const content = rees46(
      '2019-10-01 00:00:02 UTC,view,7,21,,,1.00,u1,s1',
      '2019-10-01 00:00:02 UTC,view,8,21,,,1.00,u1,s1',
      'broken',
    )
    expect(await recordsOf('rees46', gzipSync(content))).toEqual(await recordsOf('rees46', content))
  })
})
