/**
 * The message a template makes for a customer. A value that is unknown is replaced by the template's
 * fallback, which the definitions guarantee to be there. Values are text and stay text: they are not
 * expanded again, lose control characters and line breaks (a subject becomes a mail header), and are
 * cut at 200 characters.
 */
import type { Json, Trigger } from '../contract.ts'
import type { TemplateSpec } from '../definitions/content.ts'
import type { ShopSpec } from '../definitions/limits.ts'
import { substitute, type Variable } from '../definitions/placeholders.ts'
import type { CustomerFacts } from './facts.ts'

export interface Rendered {
  readonly subject: string | null
  readonly body: string
}

export function render(
  template: TemplateSpec,
  from: { readonly facts: CustomerFacts; readonly trigger: Trigger; readonly shop: ShopSpec },
): Rendered {
  const { facts, trigger, shop } = from
  const of = (fact: string): string => textOf(trigger.facts[fact])
  const values: Record<Variable, string> = {
    first_name: textOf(facts.firstName),
    city: textOf(facts.city),
    shop_name: textOf(shop.name),
    cart_count: of('cart_count'),
    cart_value: amountOf(trigger.facts['cart_value'], shop.currency),
    product_name: of('product_name'),
    order_count: of('order_count'),
    days_away: of('days_away'),
  }
  const valueOf = (name: string): string =>
    (values as Readonly<Record<string, string>>)[name] || (template.fallbacks[name] ?? '')
  return {
    subject: template.subject === undefined ? null : substitute(template.subject, valueOf),
    body: substitute(template.body, valueOf),
  }
}

const MAX_VALUE = 200

const textOf = (value: Json | undefined): string =>
  typeof value === 'string' || typeof value === 'number'
    ? String(value)
        .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
        .trim()
        .slice(0, MAX_VALUE)
    : ''

const amountOf = (value: Json | undefined, currency: string): string =>
  typeof value === 'number' ? `${currency} ${value.toFixed(2)}` : ''
