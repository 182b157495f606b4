/**
 * Nothing was heard of the customer: `inactivity` after days, `dormancy` after a season, the same
 * rule with another delay. Anchor: the last activity; cause `inactivity:<last activity>`. Any
 * activity heard of since cancels, one told late included.
 */
import { days } from '#engine'
import { nothingCaused, type TriggerRule } from './rule.ts'
import { NEVER } from './signals.ts'
import { firedUpTo } from './state.ts'

export const quietFor = (kind: 'inactivity' | 'dormancy'): TriggerRule => ({
  kind,
  due({ activeAt, fired }, { plan }) {
    return activeAt === NEVER || activeAt <= firedUpTo(fired, plan.id)
      ? null
      : activeAt + plan.delay
  },
  elapsed: ({ activeAt }, { plan }) => ({
    mark: plan.id,
    cause: `${kind}:${activeAt}`,
    facts: { active_at: activeAt, days_away: Math.floor(plan.delay / days(1)) },
  }),
  caused: nothingCaused,
  stands: (state, trigger) => state.activeAt === trigger.facts['active_at'],
})

export const inactivity = quietFor('inactivity')
