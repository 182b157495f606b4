/** The HTTP side's ports on the running app. */
import { describe, describeMermaid, describeText, OpportuneError } from '#engine'
import type { Analytics } from '#sinks'
import { applyDefinitions } from '../app/activate.ts'
import type { App } from '../app/app.ts'
import { deadLetters, redrive } from '../cli/backend/dead-letters.ts'
import { findDecision, latestDecisions } from '../cli/backend/decisions.ts'
import { profileOf } from '../cli/backend/profile-of.ts'
import type { HttpPorts } from '../http/ports.ts'
import type { Decision, Health, Topology } from '../http/views.ts'
import type { DecisionTail } from './decision-tail.ts'
import type { RateMeter } from './rates.ts'

export interface PortParts {
  readonly app: App
  readonly analytics: Analytics
  readonly decisions: DecisionTail
  readonly meter: RateMeter
  readonly health: () => Health
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly savepoint: HttpPorts['savepoint']
}

const BEHIND_WAIT_MS = 1_000

export function portsOf(parts: PortParts): HttpPorts {
  const { app, analytics, decisions, meter } = parts
  const description = describe(app.plan)
  const shown = {
    data: structuredClone(description) as unknown as Topology,
    text: describeText(description),
    mermaid: describeMermaid(description),
  }
  return {
    ingest: (records, receivedAt) => app.ingest(records, receivedAt),
    health: parts.health,
    metrics: parts.metrics,
    savepoint: parts.savepoint,
    topology: () => shown,
    rates: () => meter.rates(),
    profile: (customer, { minEpoch }) => profileAnswer(app, customer, minEpoch),
    decision: async (id) => (await findDecision(app.log, id))?.decision as Decision | undefined,
    why: async (id) => (await findDecision(app.log, id)) as never,
    async latestDecisions(filter) {
      if (filter.customer !== null) return latestDecisions(app.log, filter) as never
      return decisions.latest(filter.limit) as never
    },
    async query(sql, options) {
      const started = performance.now()
      const answer = await analytics.query(sql, options.params)
      if (options.signal.aborted)
        throw new OpportuneError('http_timeout', 'The query took too long.')
      return {
        columns: answer.columns.map(({ name, type }) => ({ name, type })),
        rows: answer.rows
          .slice(0, options.maxRows)
          .map((row) => answer.columns.map(({ name }) => row[name])),
        truncated: answer.rows.length > options.maxRows,
        elapsed_ms: performance.now() - started,
      }
    },
    deadLetters: (filter) => deadLetters(app.log, filter),
    redrive: (what) => redrive(app.log, what, (calls) => app.ingest(calls, app.options.now())),
    applyDefinitions: (files) => applyDefinitions(app, files),
  }
}

/** Waits a moment for the epoch asked for (read your writes). */
async function profileAnswer(app: App, customer: string, minEpoch: number | null) {
  const until = performance.now() + BEHIND_WAIT_MS
  for (;;) {
    const profile = profileOf(app, customer)
    if (profile === undefined) return { kind: 'unknown' as const }
    if (minEpoch === null || profile.epoch >= minEpoch)
      return { kind: 'found' as const, ...profile }
    if (performance.now() > until) return { kind: 'behind' as const, epoch: profile.epoch }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
