/** Short ways to write events in tests; every field that a test does not name has a plain value. */
import type { CustomerEvent, JsonObject } from '../contract.ts'
import { routingKey } from './routing.ts'

export const T0 = Date.UTC(2026, 2, 10, 12)

export const event = (id: string, fields: Partial<CustomerEvent> = {}): CustomerEvent => ({
  messageId: id,
  derivedId: false,
  type: 'track',
  name: 'Something Done',
  userId: null,
  anonymousId: null,
  previousId: null,
  at: T0,
  receivedAt: fields.at ?? T0,
  properties: {},
  traits: {},
  context: {},
  hops: 0,
  ...fields,
})

export const track = (
  id: string,
  name: string,
  at: number,
  properties: JsonObject = {},
): CustomerEvent => event(id, { name, at, properties, userId: '1' })

/** Where a producer's event goes, and as what. */
export const routed = (e: CustomerEvent) => [routingKey(e), { kind: 'event', event: e }] as const
