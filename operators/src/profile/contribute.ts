/**
 * Operator `contribute`: tells the shop stage what a customer adds to the cut points.
 *
 * State: the contributions that the shop counts for this customer: none or one, and after a merge
 * those of the ids that came in as well. One timer, `midnight`, at the next one that may change it.
 *
 * C8 A customer tells the shop what changed and only when it did: what was counted so far, and what is
 *    to be counted from that midnight on. Growing older is no change, since contributions hold days
 *    and not ages; where a day leaves a window there is a timer at that midnight. A customer of whom
 *    nothing is counted and nothing is heard has neither state nor timer.
 *
 * Failure: state and message are of one step and so of one epoch; an epoch that is repeated tells it
 * once. A merge brings the other id's contributions along, and the next midnight takes them out. An
 * id on its way into another at midnight counts as it was told last.
 */
import { type Context, operator, output, type StateSpec, stateSpec } from '#engine'
import {
  type Contribution,
  type ContributionChange,
  contributionAt,
  isKnown,
  nextChange,
  nextMidnight,
  sameContribution,
} from './contribution.ts'
import { contributionsCodec } from './contribution-codec.ts'
import type { ProfileState } from './state.ts'

type Told = readonly Contribution[]

const NOTHING_TOLD: Told = []
const TIMER = 'midnight'

const outputs = { change: output<ContributionChange>() }
type Cx = Context<Told, typeof outputs>

/** @param profile whose state is read: the profile operator's */
export function createContribute(profile: {
  readonly id: string
  readonly state: StateSpec<ProfileState>
}) {
  return operator({
    id: 'contribute',
    state: stateSpec({ version: 1, initial: NOTHING_TOLD, codec: contributionsCodec }),
    outputs,
    reads: [profile],
    merge: (mine: Told, theirs: Told): Told => [...mine, ...theirs],
    /** A record says that the profile changed in what a contribution rests on. */
    onRecord(_changed: unknown, cx: Cx) {
      if (cx.get().length > 0 || isKnown(cx.key, cx.read(profile))) armBy(cx)
    },
    onTimer(_name, cx: Cx) {
      tell(cx.read(profile), cx)
    },
    onMerged(_from, cx: Cx) {
      armBy(cx)
    },
  })
}

/** Sees to it that the next midnight finds a timer. Task time is before any instant at first. */
function armBy(cx: Cx): void {
  const due = nextMidnight(Math.max(0, cx.now))
  const armed = cx.timerDue(TIMER)
  if (armed === undefined || due < armed) cx.setTimer(TIMER, due)
}

/** The timer's due time is the midnight itself. */
function tell(profile: ProfileState, cx: Cx): void {
  const midnight = cx.now
  const known = isKnown(cx.key, profile)
  const is = known ? contributionAt(profile, midnight) : null
  const was = cx.get()
  if (!isTold(was, is)) {
    cx.emit('change', { midnight, was, is })
    if (is === null) cx.clear()
    else cx.set([is])
  }
  const next = known ? nextChange(profile, midnight) : null
  if (next !== null) cx.setTimer(TIMER, next)
}

function isTold(was: Told, is: Contribution | null): boolean {
  const [only] = was
  if (is === null || only === undefined) return is === null && only === undefined
  return was.length === 1 && sameContribution(only, is)
}
