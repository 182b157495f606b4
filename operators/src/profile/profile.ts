/**
 * Operator `profile`: keeps what is known of a customer and tells the rest of the pipeline, the sinks
 * and the shop stage.
 *
 * State: ProfileState (state.ts). Timers: `session` (the first open session's end), `stage` (the next
 * crossing by time alone). A timer may be early, never late: it is moved forward only when it fires, so
 * that an event that extends a session costs no timer write.
 *
 * P17 Every event gives one `profiled`, after the state was stored: the operators behind it read the
 *    profile that the event made (PRO-7), as the facts or the view that they need.
 * P18 A `snapshot` is written where something a reader waits for changed: order, refund or
 *     cancellation, traits by identify, consent, stage, a session's close, a merged identity. Page
 *     views alone write none.
 * P19 A stage crossed by time is told at its exact instant, once, without an event.
 */
import {
  type Broadcast,
  type Context,
  days,
  type Millis,
  operator,
  output,
  stateSpec,
} from '#engine'
import type { CustomerEvent, LifecycleStage } from '../contract.ts'
import { kindOf } from '../ingest/vocabulary.ts'
import { bucketOf } from './buckets.ts'
import { isKnown } from './contribution.ts'
import { cutPoints, cutPointsAt } from './cutpoints.ts'
import { wasActiveOn } from './engagement.ts'
import { hear } from './hear.ts'
import {
  LIFECYCLE_DEFAULTS,
  type LifecycleThresholds,
  nextStageCrossing,
  stageOf,
} from './lifecycle.ts'
import { closeSessions, nextClose, secondsOf } from './sessions.ts'
import {
  lifecycleFacts,
  NO_PROFILE,
  type ProfileState,
  profileCodec,
  uniteProfiles,
} from './state.ts'
import { profileView } from './view.ts'
import type { ProfileView } from './view-schema.ts'

export interface Profiled {
  readonly event: CustomerEvent
}

/** A closed session; one row of the `sessions` table. */
export interface SessionRow {
  readonly customer_id: string
  readonly start: Millis
  readonly end: Millis
  readonly duration_s: number
  readonly events: number
}

export type SnapshotCause =
  | 'order'
  | 'refund'
  | 'traits'
  | 'consent'
  | 'stage'
  | 'session'
  | 'identity'

export interface SnapshotRow {
  /** The first of these, in this order, that applies. */
  readonly cause: SnapshotCause
  readonly profile: ProfileView
}

export interface ProfileOptions {
  /** Where the lifecycle thresholds in force come from; absent: the defaults. */
  readonly lifecycle?: {
    readonly broadcast: Broadcast<unknown, never>
    readonly read: (value: unknown) => LifecycleThresholds
  }
}

const outputs = {
  profiled: output<Profiled>(),
  session: output<SessionRow>(),
  snapshot: output<SnapshotRow>(),
  /** Something that a contribution to the cut points rests on is another than before. */
  changed: output<null>(),
}
type Cx = Context<ProfileState, typeof outputs>

/** Task time, which before the first mark of every source is before any instant. */
const nowOf = (cx: Cx): Millis => Math.max(0, cx.now)

function causeOf(
  event: CustomerEvent,
  before: ProfileState,
  after: ProfileState,
): SnapshotCause | null {
  const kind = kindOf(event)
  if (kind === 'order_completed') return 'order'
  if (kind === 'order_refunded' || kind === 'order_cancelled') return 'refund'
  if (before.consents !== after.consents) return 'consent'
  return kind === 'identify' ? 'traits' : null
}

/**
 * Whether the contribution at some midnight to come is another with this event. That of a day in which
 * the customer was active before waits for its midnight already.
 */
function contributesAnew(
  event: CustomerEvent,
  of: { readonly key: string; readonly before: ProfileState; readonly after: ProfileState },
  now: Millis,
): boolean {
  const { key, before, after } = of
  if (before.orders !== after.orders || isKnown(key, before) !== isKnown(key, after)) return true
  if (before.engagement === after.engagement) return false
  const day = bucketOf(event.at, days(1))
  return day < bucketOf(now, days(1)) || !wasActiveOn(before.engagement, day)
}

export function createProfile(options: ProfileOptions = {}) {
  const { lifecycle } = options

  let inForce: unknown
  let thresholdsInForce = LIFECYCLE_DEFAULTS
  /** Read anew only when other definitions come into force. */
  const thresholds = (cx: Cx): LifecycleThresholds => {
    const value = lifecycle === undefined ? undefined : cx.shared(lifecycle.broadcast)
    if (lifecycle === undefined || value === inForce) return thresholdsInForce
    inForce = value
    thresholdsInForce = lifecycle.read(value)
    return thresholdsInForce
  }

  const view = (state: ProfileState, cx: Cx): ProfileView =>
    profileView(state, nowOf(cx), {
      customer: cx.key,
      cutPoints: cutPointsAt(cx.shared(cutPoints), nowOf(cx)),
      thresholds: thresholds(cx),
    })

  const stageNow = (state: ProfileState, cx: Cx): LifecycleStage =>
    stageOf(lifecycleFacts(state), nowOf(cx), thresholds(cx))

  /** Closes sessions, notes the stage, stores, tells the sink, and arms what is to come. */
  const settle = (state: ProfileState, cx: Cx, cause: SnapshotCause | null): void => {
    const { sessions, closed } = closeSessions(state.sessions, nowOf(cx))
    for (const { start, end, events } of closed) {
      const duration_s = secondsOf({ start, end, events })
      cx.emit('session', { customer_id: cx.key, start, end, duration_s, events })
    }
    const stage = stageNow(state, cx)
    const crossed = stage !== state.toldStage
    const settled = crossed || closed.length > 0 ? { ...state, sessions, toldStage: stage } : state
    if (settled !== cx.get()) cx.set(settled)
    arm(settled, cx)
    const told = cause ?? (crossed ? 'stage' : closed.length > 0 ? 'session' : null)
    if (told !== null) cx.emit('snapshot', { cause: told, profile: view(settled, cx) })
  }

  const arm = (state: ProfileState, cx: Cx): void => {
    armBy(cx, 'session', nextClose(state.sessions))
    const facts = lifecycleFacts(state)
    armBy(cx, 'stage', nextStageCrossing(facts, nowOf(cx), thresholds(cx)))
  }

  return operator({
    id: 'profile',
    state: stateSpec({ version: 1, initial: NO_PROFILE, codec: profileCodec }),
    outputs,
    broadcasts: lifecycle === undefined ? [cutPoints] : [cutPoints, lifecycle.broadcast],
    merge: uniteProfiles,
    onRecord(event: CustomerEvent, cx: Cx) {
      const before = cx.get()
      const heard = hear(before, event, nowOf(cx))
      settle(heard, cx, causeOf(event, before, heard))
      const of = { key: cx.key, before, after: heard }
      if (contributesAnew(event, of, nowOf(cx))) cx.emit('changed', null)
      cx.emit('profiled', { event })
    },
    onTimer(name, cx: Cx) {
      // Armed by a release that told the shop of everybody every midnight: it is now told once of each.
      if (name === 'midnight') cx.emit('changed', null)
      else settle(cx.get(), cx, null)
    },
    onMerged(_from, cx: Cx) {
      settle(cx.get(), cx, 'identity')
      cx.emit('changed', null)
    },
  })
}

/** Sets a timer unless one is due by then. */
function armBy(cx: Cx, name: string, due: Millis | null): void {
  if (due === null) return
  const armed = cx.timerDue(name)
  if (armed === undefined || due < armed) cx.setTimer(name, due)
}

export const profile = createProfile()
