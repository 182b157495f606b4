import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter, days } from '#engine'
import {
  cancelOrder,
  NO_ORDERS,
  type Orders,
  orderTotals,
  placeOrder,
  readOrders,
  refundOrder,
  uniteOrders,
  writeOrders,
  yearTotals,
} from './orders.ts'

const NOW = Date.UTC(2026, 5, 1)
type Op =
  | { readonly op: 'place'; readonly id: string; readonly day: number; readonly revenue: number }
  | {
      readonly op: 'refund'
      readonly id: string
      readonly day: number
      readonly amount: number | null
    }
  | { readonly op: 'cancel'; readonly id: string }

const apply = (orders: Orders, op: Op): Orders => {
  if (op.op === 'cancel') return cancelOrder(orders, op.id, NOW)
  const at = NOW - days(op.day)
  return op.op === 'place'
    ? placeOrder(
        orders,
        { id: op.id, at, revenue: op.revenue, items: 1, categories: [`c${op.id}`] },
        NOW,
      )
    : refundOrder(orders, { id: op.id, at, amount: op.amount }, NOW)
}
const run = (ops: readonly Op[]): Orders => ops.reduce(apply, NO_ORDERS)
const place = (id: string, day: number, revenue: number): Op => ({ op: 'place', id, day, revenue })
const refund = (id: string, day: number, amount: number | null): Op => ({
  op: 'refund',
  id,
  day,
  amount,
})

describe('totals', () => {
  test('[PRO-2] [P2] lifetime value is net of refunds, which take at most the order', () => {
    const totals = orderTotals(
      run([
        place('1', 10, 5_000),
        place('2', 400, 3_000),
        refund('1', 5, 2_000),
        refund('2', 5, 9_999),
      ]),
      NOW,
    )
    expect(totals).toMatchObject({
      orders: 2,
      revenue: 8_000,
      net: 3_000,
      yearOrders: 1,
      yearNet: 3_000,
    })
    expect(totals.lastAt).toBe(NOW - days(10))
  })

  test('[PRO-2] [P1] one order is credited once', () => {
    expect(orderTotals(run([place('1', 10, 5_000), place('1', 10, 5_000)]), NOW)).toMatchObject({
      orders: 1,
      net: 5_000,
    })
  })

  test('[PRO-2] [P2] a refund may come before its order, and one without order counts in full', () => {
    expect(orderTotals(run([refund('1', 5, null), place('1', 10, 5_000)]), NOW)).toMatchObject({
      orders: 1,
      net: 0,
    })
    expect(orderTotals(run([place('1', 10, 5_000), refund('C1', 5, 700)]), NOW)).toMatchObject({
      net: 4_300,
    })
  })

  test('[ANA-1] [P3] a cancelled order counts neither as order nor as money', () => {
    expect(orderTotals(run([place('1', 10, 5_000), { op: 'cancel', id: '1' }]), NOW)).toMatchObject(
      { orders: 0, net: 0, lastAt: null },
    )
  })

  test('[PRO-2] [P5] 12 months are the 365 days that end with today', () => {
    expect(orderTotals(run([place('1', 364, 1), place('2', 365, 1)]), NOW).yearOrders).toBe(1)
    // The same state a day later, without an event.
    expect(orderTotals(run([place('1', 364, 1)]), NOW + days(1)).yearOrders).toBe(0)
  })

  test('[PRO-6] [C4] as of a midnight, later orders do not count', () => {
    const orders = run([place('1', 10, 100), place('2', 1, 100)])
    expect(orderTotals(orders, NOW - days(2) - 1, NOW - days(2))).toMatchObject({
      orders: 1,
      yearNet: 100,
    })
  })

  test('[C4] [P4] the totals of a year count orders that were folded away', () => {
    const orders = run(Array.from({ length: 250 }, (_, n) => place(`${n}`, 300 - n, 100)))
    const { lastAt, yearOrders, yearNet } = orderTotals(orders, NOW - 1, NOW)
    expect(yearOrders).toBe(250)
    expect(yearTotals(orders, NOW - 1, NOW)).toEqual({ lastAt, yearOrders, yearNet })
  })

  test('[PRO-2] [P4] 250 orders: 100 are kept, every total is as if all were', () => {
    const ops = Array.from({ length: 250 }, (_, i) => place(`o${i}`, i * 2, 100 + i))
    const orders = run(ops)
    const within = ops.filter((op) => op.op === 'place' && op.day < 365)
    expect(orders.recent).toHaveLength(100)
    expect(orderTotals(orders, NOW)).toMatchObject({
      orders: 250,
      revenue: 250 * 100 + (249 * 250) / 2,
      yearOrders: within.length,
      yearNet: within.reduce((sum, op) => sum + (op.op === 'place' ? op.revenue : 0), 0),
    })
  })
})

describe('order of arrival', () => {
  const id = fc.constantFrom('1', '2', '3', '4')
  const day = fc.nat(500)
  const op: fc.Arbitrary<Op> = fc.oneof(
    fc.record({ op: fc.constant('place' as const), id, day, revenue: fc.nat(9_999) }),
    fc.record({ op: fc.constant('refund' as const), id, day, amount: fc.option(fc.nat(9_999)) }),
    fc.record({ op: fc.constant('cancel' as const), id }),
  )
  const ops = fc.array(op, { maxLength: 12 })

  test('[ING-6] [P16] makes no difference', () => {
    fc.assert(
      fc.property(
        ops.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([a, b]) => {
          expect(run(b)).toEqual(run(a))
        },
      ),
    )
  })

  test('[ING-7] [P16] neither does which id heard what: merged parts equal the whole', () => {
    fc.assert(
      fc.property(ops, ops, ops, (a, b, c) => {
        const whole = run([...a, ...b, ...c])
        const [x, y, z] = [run(a), run(b), run(c)]
        expect(uniteOrders(uniteOrders(x, y, NOW), z, NOW)).toEqual(whole)
        expect(uniteOrders(z, uniteOrders(y, x, NOW), NOW)).toEqual(whole)
      }),
    )
  })

  test('[C4] [P5] the totals of a year, asked for alone, are those of all totals', () => {
    fc.assert(
      fc.property(ops, fc.nat(500), (list, ago) => {
        const orders = run(list)
        const midnight = NOW - days(ago)
        const { lastAt, yearOrders, yearNet } = orderTotals(orders, midnight - 1, midnight)
        expect(yearTotals(orders, midnight - 1, midnight)).toEqual({ lastAt, yearOrders, yearNet })
      }),
    )
  })

  test('the stored form loses nothing', () => {
    fc.assert(
      fc.property(ops, (list) => {
        const orders = run(list)
        const out = new ByteWriter()
        writeOrders(orders, out)
        expect(readOrders(new ByteReader(out.copy()))).toEqual(orders)
      }),
    )
  })
})
