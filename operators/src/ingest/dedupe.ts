/**
 * Drops what was delivered before (ING-5). First operator of the customer stage.
 *
 * State: the message ids seen by this key (seen.ts). Exact across restarts, as all state is.
 *
 * D1 A message id is let through once within the horizon, whichever of a person's linked ids it
 *    arrives at: only roots remember, pointers pass everything on, and a hand-over takes the ids
 *    seen along with the state that the messages made.
 * D2 A call that links is not a duplicate of itself: the record that carries it behind the hand-over
 *    (kind `linked`) is known by its link and step, because the call's own id is already among the
 *    ids that the hand-over brought.
 * D3 Links and redirects are idempotent and pass.
 * D4 At most 10,000 ids a key; evictions are counted in the state and emitted.
 */
import { days, operator, output, stateSpec } from '#engine'
import type { InboxRecord, LinkedRecord } from '../contract.ts'
import { identity } from './identity.ts'
import {
  addSeen,
  fingerprint,
  hasSeen,
  NOTHING_SEEN,
  type SeenLimits,
  seenCodec,
  uniteSeen,
} from './seen.ts'

export interface DuplicateRow {
  readonly message_id: string
  /** Without an id of the producer's, two equal events count as one: worth watching. */
  readonly derived_id: boolean
  readonly event_at: number
  readonly received_at: number
}

const DEDUPE_DEFAULTS: SeenLimits = { horizon: days(7), limit: 10_000 }

const linkedId = (record: LinkedRecord): string => `${record.link} ${record.path.length}`

export const createDedupe = (limits: SeenLimits = DEDUPE_DEFAULTS) =>
  operator({
    id: 'dedupe',
    state: stateSpec({ version: 1, initial: NOTHING_SEEN, codec: seenCodec }),
    outputs: {
      fresh: output<InboxRecord>(),
      duplicate: output<DuplicateRow>(),
      /** How many ids were given up to keep the limit. */
      overflow: output<{ readonly evicted: number }>(),
    },
    reads: [identity],
    merge: (mine, theirs, at) => uniteSeen(mine, theirs, at, limits),
    onRecord(record: InboxRecord, cx) {
      if (record.kind === 'link' || record.kind === 'redirect') return cx.emit('fresh', record)
      if (cx.read(identity).to !== null) return cx.emit('fresh', record)
      const { event } = record
      const id = fingerprint(record.kind === 'linked' ? linkedId(record) : record.event.messageId)
      const seen = cx.get()
      if (hasSeen(seen, id)) {
        if (event !== null) cx.emit('duplicate', duplicateRow(event))
        return undefined
      }
      const next = addSeen(seen, id, cx.now, limits)
      cx.set(next)
      if (next.evicted > seen.evicted) cx.emit('overflow', { evicted: next.evicted - seen.evicted })
      return cx.emit('fresh', record)
    },
  })

const duplicateRow = (event: NonNullable<LinkedRecord['event']>): DuplicateRow => ({
  message_id: event.messageId,
  derived_id: event.derivedId,
  event_at: event.at,
  received_at: event.receivedAt,
})
