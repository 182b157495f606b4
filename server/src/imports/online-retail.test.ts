import { describe, expect, test } from 'vitest'
import type { ImportedCall } from './records.ts'
import { allRecords, outcomes, recordsOf, withFile } from './testing.ts'

const PACKED = new URL('../../../examples/data/online-retail.oretail', import.meta.url).pathname

const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n'
const retail = (...rows: string[]): string => `${HEADER}${rows.join('\n')}\n`

/** The one order that these rows make. */
async function orderFrom(...rows: string[]): Promise<ImportedCall> {
  const records = await recordsOf('online-retail', retail(...rows))
  expect(records).toHaveLength(1)
  const [record] = records
  return record?.kind === 'call' ? record.call : {}
}

interface OrderProperties {
  readonly total: number
  readonly revenue: number
  readonly adjustment?: string
  readonly products: readonly { readonly price: number; readonly quantity: number }[]
  readonly services?: readonly { readonly price: number; readonly quantity: number }[]
}

const propertiesOf = (call: ImportedCall): OrderProperties => call['properties'] as OrderProperties

describe('invoices as orders', () => {
  test('[ING-2] a purchase is an Order Completed with its lines', async () => {
    const call = await orderFrom(
      '536365,85123A,"HOLDER, WHITE",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
      '536365,POST,POSTAGE,1,2010-12-01 08:27:00,18.0,17850.0,United Kingdom',
    )
    expect(call).toEqual({
      type: 'track',
      event: 'Order Completed',
      messageId: 'retail-536365',
      userId: '17850',
      timestamp: '2010-12-01T08:26:00.000Z',
      properties: {
        order_id: '536365',
        currency: 'GBP',
        total: 33.3,
        revenue: 15.3,
        shipping: 18,
        products: [{ product_id: '85123A', name: 'HOLDER, WHITE', price: 2.55, quantity: 6 }],
        services: [
          { product_id: 'POST', name: 'POSTAGE', price: 18, quantity: 1, service: 'shipping' },
        ],
      },
      context: { location: { country: 'United Kingdom' } },
    })
  })

  test('a cancellation is an Order Refunded in positive figures', async () => {
    const call = await orderFrom(
      'C536379,22632,MUG,-2,2010-12-01 09:41:00,1.25,14527,United Kingdom',
      'C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527,United Kingdom',
    )
    expect(call).toMatchObject({
      event: 'Order Refunded',
      properties: {
        total: 30,
        revenue: 30,
        discount: 27.5,
        products: [{ product_id: '22632', quantity: 2, price: 1.25 }],
        services: [{ service: 'discount', quantity: 1 }],
      },
    })
  })

  test('an order without a customer has an anonymous id of its own', async () => {
    const call = await orderFrom('536544,21773,BOX,1,2010-12-01 14:32:00,2.51,,United Kingdom')
    expect(call).toMatchObject({ event: 'Order Completed', anonymousId: 'invoice-536544' })
    expect(call).not.toHaveProperty('userId')
    expect(propertiesOf(call).adjustment).toBeUndefined()
  })

  test('goods written off are a refund of nothing, marked as stock adjustment', async () => {
    const call = await orderFrom('536589,21777,,-10,2010-12-01 16:50:00,0.0,,United Kingdom')
    expect(call).toMatchObject({
      event: 'Order Refunded',
      properties: { total: 0, revenue: 0, adjustment: 'stock', products: [{ quantity: 10 }] },
    })
    expect(JSON.stringify(call)).not.toContain('name')
  })

  test('bad debt is a book entry outside revenue, whatever its sign', async () => {
    const row = (price: string) => `A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,${price},,UK`
    expect(await orderFrom(row('-11062.06'))).toMatchObject({
      event: 'Order Refunded',
      properties: { total: 11_062.06, revenue: 0, adjustment: 'debt', products: [] },
    })
    expect(await orderFrom(row('11062.06'))).toMatchObject({
      event: 'Order Completed',
      properties: { total: 11_062.06, revenue: 0, adjustment: 'debt' },
    })
  })

  test('rows of one invoice that lie apart make one order; orders come in order of time', async () => {
    const content = retail(
      '2,A1,a,1,2010-12-02 08:00:00,1.0,5,UK',
      '1,A1,a,1,2010-12-01 08:00:00,1.0,5,UK',
      '2,B1,b,1,2010-12-02 08:00:00,1.0,5,UK',
    )
    const records = await recordsOf('online-retail', content)
    expect(outcomes(records)).toMatchObject([
      { messageId: 'retail-1' },
      { messageId: 'retail-2', properties: { total: 2 } },
    ])
    expect(records.map((r) => r.line)).toEqual([3, 2])
  })

  test('the columns and dates of the other editions are taken', async () => {
    const content =
      'Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n' +
      '489434,85048,BALL,12,12/1/2009 7:45,6.95,13085,United Kingdom\n'
    expect(outcomes(await recordsOf('online-retail', content))).toMatchObject([
      { userId: '13085', timestamp: '2009-12-01T07:45:00.000Z', properties: { total: 83.4 } },
    ])
  })

  test('[ING-4] a bad row is rejected and its invoice goes on without it', async () => {
    const content = retail(
      '1,A1,a,one,2010-12-01 08:00:00,1.0,5,UK',
      '1,A1,a,1,2010-13-01 08:00:00,1.0,5,UK',
      '1,A1,a,1,2010-12-01 08:00:00,1e9,5,UK',
      ',A1,a,1,2010-12-01 08:00:00,1.0,5,UK',
      '1,A1,a,2,2010-12-01 08:00:00,1.0,5,UK',
    )
    expect(outcomes(await recordsOf('online-retail', content))).toMatchObject([
      'bad_number at 2',
      'bad_time at 3',
      'bad_number at 4',
      'missing_id at 5',
      { messageId: 'retail-1', properties: { total: 2 } },
    ])
  })

  test('a torn packed file is import_corrupt', async () => {
    await withFile('OPRETAIL1\nnothing of use', async (path) => {
      await expect(allRecords(path, { format: 'online-retail' })).rejects.toMatchObject({
        code: 'import_corrupt',
      })
    })
  })
})

describe('the whole of Online Retail', async () => {
  const records = await allRecords(PACKED, { format: 'online-retail' })
  const calls = records.flatMap((r) => (r.kind === 'call' ? [r.call] : []))
  const lines = (call: ImportedCall) => {
    const { products, services = [] } = propertiesOf(call)
    return [...products, ...services]
  }
  const sales = calls.filter((c) => c['event'] === 'Order Completed' && 'userId' in c)

  test('[ING-3] every row is a line of exactly one of 25,900 orders', () => {
    expect(records).toHaveLength(25_900)
    expect(new Set(calls.map((c) => c['messageId'])).size).toBe(25_900)
    expect(calls.reduce((sum, c) => sum + lines(c).length, 0)).toBe(541_909)
  })

  test('sales to customers have the published figures', () => {
    const valid = sales
      .map((c) => lines(c).filter((l) => l.quantity > 0 && l.price > 0))
      .filter((l) => l.length > 0)
    expect(valid.length).toBe(18_532)
    expect(valid.reduce((sum, l) => sum + l.length, 0)).toBe(397_884)
    const paying = sales.filter((c) => propertiesOf(c).total > 0)
    expect(new Set(paying.map((c) => c['userId'])).size).toBe(4338)
    const pence = sales.reduce((sum, c) => sum + Math.round(propertiesOf(c).total * 1000), 0)
    expect(pence).toBe(8_911_407_904)
  })

  test('comes in order of time', () => {
    const times = calls.map((c) => String(c['timestamp']))
    expect(times).toEqual(times.toSorted())
    expect([times[0], times.at(-1)]).toEqual([
      '2010-12-01T08:26:00.000Z',
      '2011-12-09T12:50:00.000Z',
    ])
  })

  test('adds up: total is the sum of all lines', () => {
    for (const call of calls) {
      const sum = lines(call).reduce((s, l) => s + Math.round(l.price * 1000) * l.quantity, 0)
      expect(Math.round(propertiesOf(call).total * 1000)).toBe(sum)
    }
  })
})
