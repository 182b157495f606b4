/**
 * The conformance suite of the event log port: rules L1 to L6 and every operation, the same tests for
 * every implementation. A log passes all of it or is not one.
 */
import { describe } from 'vitest'
import { cleanupRules } from './conformance/cleanup.ts'
import { epochRules } from './conformance/epochs.ts'
import type { MakeLog } from './conformance/harness.ts'
import { membershipRules } from './conformance/membership.ts'
import { modelRule } from './conformance/model.ts'
import { overlapRules } from './conformance/overlap.ts'
import { pollingRules } from './conformance/polling.ts'
import { recordRules } from './conformance/records.ts'

export type { LogSettings, LogUnderTest, MakeLog } from './conformance/harness.ts'

export interface ConformanceOptions {
  /**
   * `log` (default): the log cleans when it is told to, so the suite can say what must be left. A log
   * that cleans when it likes has tests of its own for what it asks its cleaner to do.
   */
  readonly cleaning?: 'log' | 'elsewhere'
  /** Random traces of the model rule; fewer where each takes seconds. */
  readonly traces?: number
  /** Limit of one test in ms, for logs that wait for others. Such logs' tests run side by side. */
  readonly timeoutMs?: number
}

export function eventLogConformance(
  name: string,
  make: MakeLog,
  options: ConformanceOptions = {},
): void {
  const { timeoutMs } = options
  const waits = timeoutMs === undefined ? {} : { timeout: timeoutMs, concurrent: true }
  describe(`event log: ${name}`, waits, () => {
    recordRules(make)
    epochRules(make)
    overlapRules(make)
    pollingRules(make)
    membershipRules(make)
    if (options.cleaning !== 'elsewhere') cleanupRules(make)
    modelRule(make, options.traces, timeoutMs)
  })
}
