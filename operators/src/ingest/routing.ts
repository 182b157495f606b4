/**
 * Which customer entity a call goes to first (protocols, "Identity merge" 1). Ids of the two
 * namespaces carry a prefix, so that user 42 and anonymous visitor 42 never meet by accident:
 * `u:42`, `a:42`.
 *
 * I1 identify with both ids goes to the anonymous id, alias to the previous id: the entity that gives
 *    its history away must see the call in its own order. All others go to the user id if there is
 *    one, else to the anonymous id.
 *
 * An alias does not say which namespace previousId belongs to. It goes to the anonymous one; the
 * identity operator there asks the user of that name to link as well, unless the call's own
 * anonymousId settles the question.
 */
import { OpportuneError } from '#engine'
import type { CustomerEvent } from '../contract.ts'

export const userKey = (id: string): string => `u:${id}`
export const isUserKey = (key: string): boolean => key.startsWith('u:')
export const anonymousKey = (id: string): string => `a:${id}`

type Ids = Pick<CustomerEvent, 'type' | 'userId' | 'anonymousId' | 'previousId'>

/** @throws id_missing for an event without ids, which validation lets no one make */
export function routingKey(event: Ids): string {
  if (event.type === 'alias' && event.previousId !== null) return anonymousKey(event.previousId)
  if (event.type === 'identify' && event.anonymousId !== null)
    return anonymousKey(event.anonymousId)
  if (event.userId !== null) return userKey(event.userId)
  if (event.anonymousId !== null) return anonymousKey(event.anonymousId)
  throw new OpportuneError('event_without_id', 'An event reached routing without any id.')
}

/** The key that `event` asks `key` to become part of; null where it asks nothing of it. */
export function linkTarget(event: Ids, key: string): string | null {
  if (event.userId === null) return null
  const target = userKey(event.userId)
  if (target === key) return null
  if (event.type === 'alias' && event.previousId !== null) {
    const asked = key === anonymousKey(event.previousId) || key === userKey(event.previousId)
    return asked ? target : null
  }
  if (event.type === 'identify' && event.anonymousId !== null)
    return key === anonymousKey(event.anonymousId) ? target : null
  return null
}
