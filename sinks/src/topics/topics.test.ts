import { Check } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { activity } from '../clickhouse/shop.fixture.ts'
import { someDecision } from './decision.fixture.ts'
import { DecisionSchema } from './decision.ts'
import { topicsReference } from './reference.ts'
import { ActivitySchema } from './rows.ts'
import { SINK_TOPICS } from './topics.ts'

describe('schemas of sink topics', () => {
  test('[SNK-1 AUD-1] fit what is written, and refuse what is not', () => {
    for (let n = 0; n < 6; n++) {
      expect(Check(DecisionSchema, someDecision(n))).toBe(true)
      expect(Check(ActivitySchema, activity(n))).toBe(true)
    }
    expect(Check(DecisionSchema, { ...someDecision(0), action: 'perhaps' })).toBe(false)
    const { guardrail_checks: _, ...lacking } = someDecision(0)
    expect(Check(DecisionSchema, lacking)).toBe(false)
  })

  test('[AUD-1] a decision carries every field that the audit asks for', () => {
    const asked = [
      'timestamp',
      'decision_id',
      'customer_id',
      'agent',
      'action',
      'guardrail_checks',
      'confidence_score',
      'human_override',
      'override_reason',
      'execution_status',
      'inputs',
      'versions',
    ]
    expect(Object.keys(DecisionSchema.properties)).toEqual(expect.arrayContaining(asked))
  })

  test('[SNK-1] the reference lists every field of every topic with its meaning', () => {
    const page = topicsReference({
      properties: { city: { type: 'string', description: 'City | town.' } },
    })
    for (const { name } of SINK_TOPICS) expect(page).toContain(`## \`${name}\``)
    expect(page).toContain('| `chosen.trigger.kind` | `abandoned_cart`, ')
    expect(page).toContain('| `rejected[].candidate.channel` | `email`, ')
    expect(page).toContain('| `order.amount` | number or null |')
    expect(page).toContain('| `profile.city` | string (may lack) | City \\| town. |')
    expect(page).not.toMatch(/\|\s+\|$/m)
    expect(page).not.toContain('undefined')
  })
})
