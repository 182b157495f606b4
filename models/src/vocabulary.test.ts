import { expect, test } from 'vitest'
import { INTERVENTION_ALIASES, INTERVENTIONS, interventionNamed } from './vocabulary.ts'

test('[MOD-1] members and aliases resolve to members, anything else to nothing', () => {
  for (const member of INTERVENTIONS) expect(interventionNamed(member)).toBe(member)
  for (const [alias, member] of Object.entries(INTERVENTION_ALIASES)) {
    expect(interventionNamed(alias)).toBe(member)
    expect(INTERVENTIONS).not.toContain(alias)
  }
  for (const word of ['', 'Discount', 'bribe', '__proto__', 'constructor', 'toString'])
    expect(interventionNamed(word)).toBeUndefined()
})
