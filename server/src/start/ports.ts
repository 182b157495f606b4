/** The HTTP side's ports on the running app. */
import { describe, describeMermaid, describeText, OpportuneError, type Plan } from '#engine'
import type { Analytics } from '#sinks'
import { applyDefinitions } from '../app/activate.ts'
import type { App } from '../app/app.ts'
import { deadLetters, redrive } from '../cli/backend/dead-letters.ts'
import { findDecision, latestDecisions } from '../cli/backend/decisions.ts'
import { profileOf } from '../cli/backend/profile-of.ts'
import type { Members } from '../cluster/members.ts'
import type { RemoteReads } from '../cluster/remote-reads.ts'
import type { HttpPorts } from '../http/ports.ts'
import type { Decision, Health, Rates, Topology } from '../http/views.ts'
import type { CurrentStage } from './stage.ts'

export interface PortParts {
  readonly stage: CurrentStage
  /** Of a stage: the same for all of them. */
  readonly plan: Plan
  readonly analytics: Analytics
  /** Whether events may come in. */
  readonly open: () => boolean
  readonly now: () => number
  readonly health: () => Health
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly savepoint: HttpPorts['savepoint']
  /** The other processes of the log; null where there are none, or they are not known yet. */
  readonly cluster?: () => { readonly members: Members; readonly reads: RemoteReads } | null
}

const BEHIND_WAIT_MS = 1_000

export function portsOf(parts: PortParts): HttpPorts {
  const { stage, analytics } = parts
  const app = (): App => stage.get().app
  const description = describe(parts.plan)
  const shown = {
    data: structuredClone(description) as unknown as Topology,
    text: describeText(description),
    mermaid: describeMermaid(description),
  }
  return {
    async ingest(records, receivedAt) {
      if (!parts.open()) throw new OpportuneError('server_importing', '')
      await app().ingest(records, receivedAt)
    },
    health: parts.health,
    metrics: parts.metrics,
    savepoint: parts.savepoint,
    topology: () => shown,
    rates: () => stage.found?.meter.rates() ?? noRates(parts.now()),
    profile(customer, question) {
      const read = (key: string) => profileAnswer(app(), key, question.minEpoch)
      const cluster = parts.cluster?.() ?? null
      if (cluster === null) return read(customer)
      return cluster.reads.profile(app(), customer, question, read)
    },
    members: () => parts.cluster?.()?.members.all() ?? [],
    decision: async (id) => (await findDecision(app().log, id))?.decision as Decision | undefined,
    why: async (id) => (await findDecision(app().log, id)) as never,
    async latestDecisions(filter) {
      if (filter.customer !== null) return latestDecisions(app().log, filter) as never
      return (stage.found?.decisions.latest(filter.limit) ?? []) as never
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
    async queryArrow(sql, options) {
      const file = await analytics.arrow(sql, options.params)
      if (options.signal.aborted)
        throw new OpportuneError('http_timeout', 'The query took too long.')
      return file
    },
    deadLetters: (filter) => deadLetters(app().log, filter),
    redrive: (what) => redrive(app().log, what, (calls) => app().ingest(calls, parts.now())),
    applyDefinitions: (files) => applyDefinitions(app(), files),
  }
}

const noRates = (at: number): Rates => ({
  at,
  nodes: {},
  totals: { read: 0, accepted: 0, duplicates: 0, rejected: 0, decisions: {} },
})

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
