/** Events for tests: the least that is valid, at a stated time. */
import type { Millis } from '#engine'
import type { CustomerEvent, JsonObject } from '../contract.ts'
import { readDefinitions } from '../definitions/read.ts'
import type { DefinitionSet } from '../definitions/set.ts'

/** A Monday noon in winter, UTC. */
export const NOON: Millis = Date.UTC(2026, 0, 12, 12)

export function event(
  at: Millis,
  name: string,
  properties: JsonObject = {},
  more: Partial<CustomerEvent> = {},
): CustomerEvent {
  return {
    messageId: `m-${at}-${name}`,
    derivedId: false,
    type: 'track',
    name,
    userId: '42',
    anonymousId: null,
    previousId: null,
    at,
    receivedAt: Math.max(at, more.receivedAt ?? at),
    properties,
    traits: {},
    context: {},
    hops: 0,
    ...more,
  }
}

export const added = (at: Millis, product = 'lamp', price = 30): CustomerEvent =>
  event(at, 'Product Added', { product_id: product, name: `A ${product}`, price, quantity: 1 })
export const removed = (at: Millis, product = 'lamp'): CustomerEvent =>
  event(at, 'Product Removed', { product_id: product, quantity: 1 })
export const viewed = (at: Millis, product = 'lamp'): CustomerEvent =>
  event(at, 'Product Viewed', { product_id: product, name: `A ${product}` })
export const ordered = (at: Millis, order = `o-${at}`): CustomerEvent =>
  event(at, 'Order Completed', { order_id: order })
export const page = (at: Millis): CustomerEvent => event(at, '', {}, { type: 'page' })

/** The set of the given YAML documents; throws with the problems where it is not one. */
export function setOf(...documents: string[]): DefinitionSet {
  const result = readDefinitions([{ path: 'test', text: documents.join('\n---\n') }])
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.set
}

export const ALL_TRIGGERS = setOf(
  'kind: trigger\nid: cart\nspec: { on: abandoned_cart }',
  'kind: trigger\nid: browse\nspec: { on: browse_abandonment }',
  'kind: trigger\nid: week\nspec: { on: inactivity }',
  'kind: trigger\nid: season\nspec: { on: dormancy }',
  'kind: trigger\nid: stage\nspec: { on: stage_change, to: [new, active, at_risk, churned] }',
  'kind: trigger\nid: milestone\nspec: { on: purchase_milestone }',
)
