/** A customer's profile out of the committed state of the app. */
import { keyGroup, partitionOf } from '#engine'
import {
  type CutPointsInForce,
  cutPoints,
  cutPointsAt,
  type DefinitionSet,
  definitions,
  lifecycleOf,
  profileView,
} from '#operators'
import type { App } from '../../app/app.ts'
import { TOPICS } from '../../app/topology.ts'
import type { Profile } from '../../http/views.ts'

/** As of the task's time, not the clock's: what a decision would see. Undefined: not known here. */
export function profileOf(app: App, id: string): Profile | undefined {
  const found = app.customer(id)
  if (found === null) return undefined
  const partition = partitionOf(keyGroup(found.key), app.options.partitions)
  const task = app.worker.tasks.find(
    (t) => t.stage.id === TOPICS.customerInbox && t.partition === partition,
  )
  const now = task?.committed.clock.now ?? 0
  const set = app.shared(definitions.id) as DefinitionSet | undefined
  const cuts = app.shared(cutPoints.id) as CutPointsInForce | undefined
  const profile = profileView(found.profile, now, {
    customer: found.key,
    cutPoints: cuts === undefined ? null : cutPointsAt(cuts, now),
    ...(set === undefined ? {} : { thresholds: lifecycleOf(set) }),
  })
  return {
    customer_id: id,
    canonical_id: found.key,
    epoch: task?.committed.epoch ?? 0,
    profile,
  }
}
