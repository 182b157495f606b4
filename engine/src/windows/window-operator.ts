/**
 * Windows over a keyed stream as plain operators: the runtime knows state and timers, not windows.
 * Event time is the record's own, the watermark is task time: a window [start, end) fires when `now`
 * reaches `end`. Rules W1..: `engine/SPEC.md`.
 */
import { OpportuneError } from '../errors.ts'
import type { Operator } from '../operator.ts'
import { checkLateness, type Hopping, type SessionAssigner, type Tumbling } from './assigners.ts'
import { paneOperator } from './pane-operator.ts'
import type { PaneState } from './panes.ts'
import { sessionOperator } from './session-operator.ts'
import type { SessionState } from './sessions.ts'
import type {
  Aggregate,
  CombiningAggregate,
  OutputsOf,
  WindowOptions,
  WindowOutputs,
} from './window.ts'

/**
 * An operator with outputs `out` (results), `late` (records whose windows had all expired) and `meta`
 * (what happened to windows, where `options.meta` asks for it); with `options.retract` also `retract`
 * (results that the next one to `out` takes the place of).
 * @example
 * windowOperator('views', tumbling({ size: seconds(10) }), { initial: 0, add: (n) => n + 1 })
 * @throws window_invalid
 */
export function windowOperator<In, A, R = A, O extends WindowOptions<A> = WindowOptions<A>>(
  id: string,
  assigner: Tumbling,
  aggregate: Aggregate<In, A, R>,
  options?: O,
): Operator<In, PaneState<A>, OutputsOf<In, R, O>>
export function windowOperator<In, A, R = A, O extends WindowOptions<A> = WindowOptions<A>>(
  id: string,
  assigner: Hopping,
  aggregate: CombiningAggregate<In, A, R>,
  options?: O,
): Operator<In, PaneState<A>, OutputsOf<In, R, O>>
export function windowOperator<In, A, R = A, O extends WindowOptions<A> = WindowOptions<A>>(
  id: string,
  assigner: SessionAssigner,
  aggregate: CombiningAggregate<In, A, R>,
  options?: O,
): Operator<In, SessionState<A>, OutputsOf<In, R, O>>
export function windowOperator<In, A, R>(
  id: string,
  assigner: Tumbling | Hopping | SessionAssigner,
  aggregate: Aggregate<In, A, R>,
  options: WindowOptions<A> = {},
):
  | Operator<In, PaneState<A>, WindowOutputs<In, R>>
  | Operator<In, SessionState<A>, WindowOutputs<In, R>> {
  checkLateness(options.lateness ?? 0)
  if (assigner.kind === 'tumbling') return paneOperator(id, assigner, aggregate, options)
  if (!combines(aggregate))
    throw new OpportuneError('window_invalid', `Operator ${id}: ${assigner.kind} needs combine.`)
  if (assigner.kind === 'hopping') return paneOperator(id, assigner, aggregate, options)
  return sessionOperator(id, assigner, aggregate, options)
}

const combines = <In, A, R>(
  aggregate: Aggregate<In, A, R>,
): aggregate is CombiningAggregate<In, A, R> => aggregate.combine !== undefined
