/**
 * A stand-in for the running system, with a small made-up shop: for the tests of the HTTP side and
 * for looking at the page without an engine (tools/page). What was ingested is kept for inspection.
 */
import { OpportuneError } from '#engine'
import { CALL_SCHEMAS } from '#operators'
import type { HttpOptions } from './options.ts'
import type { Definitions, HttpPorts } from './ports.ts'
import { sampleDecisions, sampleProfile, sampleTopology } from './sample.ts'
import { createHttpServer, type HttpServer } from './server.ts'
import type { Decision, Health, Rates } from './views.ts'

export const WRITE_KEY = 'wk_test_0123456789'
export const OPERATOR_TOKEN = 'ot_test_0123456789abcdef0123456789abcdef'
export const NOW = Date.UTC(2026, 10, 22, 9, 30)

export const basic = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`
export const operator = { authorization: `Bearer ${OPERATOR_TOKEN}` }

export interface Received {
  readonly record: string
  readonly receivedAt: number
}

/** Ports over fixed data; any of them can be replaced in a test. */
export class FakeSystem implements HttpPorts {
  readonly received: Received[] = []
  readonly applied: (readonly Definitions[])[] = []
  decisionList: readonly Decision[] = sampleDecisions(NOW, 24)
  healthNow: Health = { live: true, ready: true, reasons: [] }
  /** Set to make the next appends fail. */
  ingestError: Error | null = null

  ingest(records: readonly Uint8Array[], receivedAt: number): Promise<void> {
    if (this.ingestError !== null) return Promise.reject(this.ingestError)
    for (const it of records)
      this.received.push({ record: Buffer.from(it).toString('utf8'), receivedAt })
    return Promise.resolve()
  }

  health(): Health {
    return this.healthNow
  }

  metrics(): ReturnType<HttpPorts['metrics']> {
    return Promise.resolve({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      text: '# HELP opportune_up Whether it runs.\n# TYPE opportune_up gauge\nopportune_up 1\n',
    })
  }

  profile(
    customer: string,
    options: Parameters<HttpPorts['profile']>[1],
  ): ReturnType<HttpPorts['profile']> {
    if (!this.decisionList.some((it) => it.customer_id === customer))
      return Promise.resolve({ kind: 'unknown' })
    if ((options.minEpoch ?? 0) > 412) return Promise.resolve({ kind: 'behind', epoch: 412 })
    return Promise.resolve({
      kind: 'found',
      customer_id: customer,
      canonical_id: customer,
      epoch: 412,
      profile: sampleProfile(customer, NOW),
    })
  }

  members(): ReturnType<HttpPorts['members']> {
    return []
  }

  decision(id: string): Promise<Decision | undefined> {
    return Promise.resolve(this.decisionList.find((it) => it.decision_id === id))
  }

  why(id: string): ReturnType<HttpPorts['why']> {
    const decision = this.decisionList.find((it) => it.decision_id === id)
    if (decision === undefined) return Promise.resolve(undefined)
    const lines = [
      `The trigger ${decision.trigger.definition} fired.`,
      `${decision.rejected.length + (decision.chosen === null ? 0 : 1)} candidates were weighed.`,
      `The outcome was ${decision.action}, because ${decision.reason}.`,
    ]
    const audit = { chain: 'decisions-0', seq: 1041, hash: 'b5'.repeat(32) }
    return Promise.resolve({ decision, lines, audit })
  }

  latestDecisions(filter: {
    readonly limit: number
    readonly customer: string | null
  }): Promise<readonly Decision[]> {
    const { limit, customer } = filter
    const all = this.decisionList.filter((it) => customer === null || it.customer_id === customer)
    return Promise.resolve(all.slice(0, limit))
  }

  topology(): ReturnType<HttpPorts['topology']> {
    return {
      data: sampleTopology(),
      text: 'topology opportune\n',
      mermaid: 'flowchart LR\n  events --> validate\n',
    }
  }

  rates(): Rates {
    return {
      at: NOW,
      nodes: { validate: { records_per_second: 1204.4, records_total: 412_031 } },
      totals: {
        read: 412_031,
        accepted: 410_002,
        duplicates: 1_911,
        rejected: 118,
        decisions: { send: 812, defer: 204, block: 1_377, nothing: 9_120 },
      },
    }
  }

  query(sql: string, _options: Parameters<HttpPorts['query']>[1]): ReturnType<HttpPorts['query']> {
    if (!/^\s*select\b/i.test(sql))
      return Promise.reject(new OpportuneError('http_query_failed', 'Only SELECT may run.'))
    return Promise.resolve({
      columns: [{ name: 'n', type: 'UInt64' }],
      rows: [['12']],
      truncated: false,
      elapsed_ms: 3,
    })
  }

  queryArrow(
    sql: string,
    _options: Parameters<HttpPorts['queryArrow']>[1],
  ): ReturnType<HttpPorts['queryArrow']> {
    return Promise.resolve(Buffer.from(`ARROW1 ${sql} ARROW1`))
  }

  deadLetters(): ReturnType<HttpPorts['deadLetters']> {
    return Promise.resolve({
      dead_letters: [
        {
          id: 'events-0-17',
          code: 'invalid_json',
          detail: '',
          at: NOW,
          source: { topic: 'events', partition: 0, offset: 17 },
          size: 3,
          bytes_base64: 'e30i',
        },
      ],
      next_cursor: null,
    })
  }

  redrive(what: Parameters<HttpPorts['redrive']>[0]): ReturnType<HttpPorts['redrive']> {
    return Promise.resolve({ redriven: 'ids' in what ? what.ids.length : 1, unknown: [] })
  }

  applyDefinitions(files: readonly Definitions[]): ReturnType<HttpPorts['applyDefinitions']> {
    this.applied.push(files)
    const wrong = files.find((it) => it.text.includes('wrong'))
    if (wrong === undefined)
      return Promise.resolve({ ok: true, version: '4f1c0d2e9a7b6c53', changed: true })
    const problem = { file: wrong.path, line: 3, path: 'spec.cap', reason: 'must be a number' }
    return Promise.resolve({ ok: false, problems: [problem] })
  }

  savepoint(): ReturnType<HttpPorts['savepoint']> {
    return Promise.resolve({ id: 'sp-000412', path: 'savepoints/sp-000412', at: NOW })
  }
}

/** A server on a fake system whose clock stands at NOW until moved. */
export function testServer(options: Partial<HttpOptions> = {}): {
  readonly system: FakeSystem
  readonly server: HttpServer
  readonly clock: { at: number }
} {
  const system = new FakeSystem()
  const clock = { at: NOW }
  const server = createHttpServer(system, {
    version: '0.0.0-test',
    port: 0,
    writeKeys: [WRITE_KEY],
    operatorToken: OPERATOR_TOKEN,
    clock: { now: () => clock.at, monotonic: () => clock.at },
    callSchemas: CALL_SCHEMAS,
    ...options,
  })
  return { system, server, clock }
}
