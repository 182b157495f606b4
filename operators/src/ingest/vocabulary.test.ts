import { describe, expect, test } from 'vitest'
import { event, T0, track } from './events.fixture.ts'
import { orderRevenue, productOf, productsOf, refundAmount, toCents } from './fields.ts'
import { linkTarget, routingKey } from './routing.ts'
import { canonicalName, isActivity, kindOf, trackKind } from './vocabulary.ts'

describe('names', () => {
  test.each([
    'Order Completed',
    'order completed',
    'order_completed',
    'OrderCompleted',
    'Completed Order',
    'ORDER-COMPLETED',
  ])('[ING-2] %s is an order', (name) => {
    expect(trackKind(name)).toBe('order_completed')
  })

  test('[ING-2] an unknown name is kept as other, and counts as activity', () => {
    const e = track('1', 'Lottery Ticket Scratched', T0)
    expect(kindOf(e)).toBe('other')
    expect(isActivity(e, 'other')).toBe(true)
  })

  test('[ING-2] every Segment name is its own canonical name', () => {
    for (const name of [
      'Product Viewed',
      'Cart Viewed',
      'Order Refunded',
      'Product Added to Wishlist',
      'Email Marked as Spam',
    ])
      expect(canonicalName(trackKind(name))).toBe(name)
  })

  test('[LIF-2] what the shop or a provider did is no activity; neither is a call marked inactive', () => {
    for (const name of ['Order Refunded', 'Order Shipped', 'Email Opened', 'Email Delivered'])
      expect(isActivity(track('1', name, T0), trackKind(name))).toBe(false)
    expect(isActivity(event('1', { context: { active: false } }), 'other')).toBe(false)
    expect(isActivity(track('1', 'Email Link Clicked', T0), 'email_clicked')).toBe(true)
  })
})

describe('money', () => {
  test('[ANA-1] an order brings in its revenue, else subtotal, else its lines less the discount, else the total less tax and shipping', () => {
    const lines = productsOf({
      products: [
        { product_id: 'a', price: 10, quantity: 3 },
        { sku: 'b', price: '2.50' },
      ],
    })
    expect(orderRevenue({ revenue: 25, subtotal: 1, total: 99 }, lines)).toBe(2_500)
    expect(orderRevenue({ subtotal: 24 }, lines)).toBe(2_400)
    expect(orderRevenue({ discount: 5, total: 99 }, lines)).toBe(2_750)
    expect(orderRevenue({ total: 30, tax: 4, shipping: 6 }, [])).toBe(2_000)
    expect(orderRevenue({}, [])).toBeNull()
  })

  test('[ANA-1] a refund without amount and lines is of all of the order; signs do not matter', () => {
    expect(refundAmount({ order_id: 'x' }, [])).toBeNull()
    expect(refundAmount({ revenue: -12.34 }, [])).toBe(1_234)
    expect(refundAmount({ total: -12 }, [])).toBe(1_200)
  })

  test('amounts are rounded half away from zero; absurd ones are absent', () => {
    expect(toCents(0.125)).toBe(13)
    expect(toCents(-0.125)).toBe(-13)
    expect(toCents(1e300)).toBeNull()
  })

  test('a line without an id is no line; numbers may come as text', () => {
    expect(productOf({ price: 3 })).toBeNull()
    expect(productOf({ product_id: 9, price: ' 3.5 ', quantity: '2' })).toMatchObject({
      id: '9',
      price: 350,
      quantity: 2,
    })
    expect(productsOf({ products: 'none' })).toEqual([])
    expect(productsOf({ products: [null, [], { price: 1 }] })).toEqual([])
  })
})

describe('routing', () => {
  test('[ING-7] [I1] identify goes to the visitor, alias to the previous id, all others to the user', () => {
    const ids = { userId: '42', anonymousId: '9f', previousId: 'old' }
    expect(routingKey({ ...ids, type: 'identify' })).toBe('a:9f')
    expect(routingKey({ ...ids, type: 'alias' })).toBe('a:old')
    expect(routingKey({ ...ids, type: 'track' })).toBe('u:42')
    expect(routingKey({ ...ids, type: 'page', userId: null })).toBe('a:9f')
    expect(routingKey({ ...ids, type: 'identify', anonymousId: null })).toBe('u:42')
  })

  test('[I1] a user and a visitor of one name do not share a key', () => {
    const user = routingKey({ type: 'track', userId: '42', anonymousId: null, previousId: null })
    const visitor = routingKey({ type: 'track', userId: null, anonymousId: '42', previousId: null })
    expect(user).not.toBe(visitor)
  })

  test('[I1] an event without any id is a bug', () => {
    const none = { type: 'track', userId: null, anonymousId: null, previousId: null } as const
    expect(() => routingKey(none)).toThrow(/event_without_id/)
  })

  test('[I1] only the id that a call names is asked to link', () => {
    const call = { type: 'identify', userId: '42', anonymousId: '9f', previousId: null } as const
    expect(linkTarget(call, 'a:9f')).toBe('u:42')
    expect(linkTarget(call, 'a:other')).toBeNull()
    expect(linkTarget({ ...call, type: 'track' }, 'a:9f')).toBeNull()
    const self = { type: 'alias', userId: '42', anonymousId: null, previousId: '42' } as const
    expect(linkTarget(self, 'u:42')).toBeNull()
  })
})
