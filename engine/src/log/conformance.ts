/**
 * The conformance suite of the event log port: rules L1 to L5 and every operation, the same tests for
 * every implementation. A log passes all of it or is not one.
 */
import { describe } from 'vitest'
import { cleanupRules } from './conformance/cleanup.ts'
import { epochRules } from './conformance/epochs.ts'
import type { MakeLog } from './conformance/harness.ts'
import { membershipRules } from './conformance/membership.ts'
import { modelRule } from './conformance/model.ts'
import { pollingRules } from './conformance/polling.ts'
import { recordRules } from './conformance/records.ts'

export type { LogSettings, LogUnderTest, MakeLog } from './conformance/harness.ts'

export function eventLogConformance(name: string, make: MakeLog): void {
  describe(`event log: ${name}`, () => {
    recordRules(make)
    epochRules(make)
    pollingRules(make)
    membershipRules(make)
    cleanupRules(make)
    modelRule(make)
  })
}
