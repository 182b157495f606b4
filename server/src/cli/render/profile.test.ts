import { expect, test } from 'vitest'
import { ProfileViewSchema } from '#operators'
import { fieldDescriptions } from '../backend/profile-fields.ts'
import { profileText, THEMES } from './profile.ts'

const DAY = Date.UTC(2026, 10, 20)

test('[PRO-6] every field of the profile has a theme and a meaning, and only one', () => {
  const fields = Object.keys(ProfileViewSchema.properties).toSorted()
  expect(THEMES.flatMap(([, names]) => names).toSorted()).toEqual(fields)
  expect([...fieldDescriptions().keys()].toSorted()).toEqual(fields)
})

const answer = {
  customer_id: '42',
  canonical_id: 'u:42',
  epoch: 7,
  profile: {
    customer_id: 'u:42',
    as_of: DAY,
    lifecycle_stage: 'active',
    first_name: null,
    consents: [],
    total_orders: 2,
    average_order_value: 12.345678,
    transaction_history: [
      {
        order_id: 'o1',
        at: DAY - 86_400_000,
        revenue: 10,
        refunded: 0,
        items: 1,
        cancelled: false,
      },
    ],
    viewed_product_pages: Array.from({ length: 7 }, (_, i) => ({ product_id: `p${i}`, at: DAY })),
    abandoned_cart_details: {
      value: 5,
      changed_at: DAY,
      lines: [{ product_id: 'p1', name: null, price: 5, quantity: 1 }],
    },
    product_categories_purchased: ['a', 'b'],
    a_field_of_a_newer_release: 1,
  },
}

test('by theme, without what is not known', () => {
  expect(profileText(answer, { verbose: false, descriptions: new Map() })).toBe(
    `Customer 42, kept as u:42
as of epoch 7

Customer
  customer_id                     u:42
  as_of                           2026-11-20 00:00 UTC
  lifecycle_stage                 active

Orders
  total_orders                    2
  average_order_value             12.3457
  product_categories_purchased    a, b
  transaction_history             order_id o1, at 2026-11-19 00:00 UTC, revenue 10, refunded 0, items 1, cancelled no

Browsing
  viewed_product_pages            2 earlier ones
                                  product_id p2, at 2026-11-20 00:00 UTC
                                  product_id p3, at 2026-11-20 00:00 UTC
                                  product_id p4, at 2026-11-20 00:00 UTC
                                  product_id p5, at 2026-11-20 00:00 UTC
                                  product_id p6, at 2026-11-20 00:00 UTC
  abandoned_cart_details          value 5, changed_at 2026-11-20 00:00 UTC, lines (1) [product_id p1, name -, price 5, quantity 1]

Other
  a_field_of_a_newer_release      1
`,
  )
})

test('--verbose adds meanings, and what is not known', () => {
  const text = profileText(answer, { verbose: true, descriptions: fieldDescriptions() })
  expect(text).toContain(
    '  first_name                      -\n                                  (First name.)\n',
  )
  expect(text).toContain('  consents                        none\n')
})
