/** A system that is not there: rates that breathe, a decision every few seconds. */
import { CALL_SCHEMAS } from '#operators'
import { sampleDecision } from '../../server/src/http/sample.ts'
import { createHttpServer } from '../../server/src/http/server.ts'
import { FakeSystem } from '../../server/src/http/testing.ts'
import type { Rates } from '../../server/src/http/views.ts'

const BASE: Readonly<Record<string, number>> = {
  'import/import': 0,
  'import/validate': 0,
  'import/rejected': 0,
  events: 1_204,
  validate: 1_204,
  rejected: 0.4,
  control: 0,
  'customer-inbox': 1_216,
  dedupe: 1_216,
  duplicates: 5.6,
  identity: 1_210,
  identities: 3,
  refused: 0,
  activity: 1_204,
  profile: 1_204,
  sessions: 38,
  profiles: 1_204,
  triggers: 1_204,
  'triggers-sink': 6.4,
  decide: 6.4,
  decisions: 6.4,
  outbox: 1.2,
  touches: 1_205,
  'shop-inbox': 14,
  'cut-points': 14,
}

class LivelySystem extends FakeSystem {
  readonly #start = Date.now()
  #made = 24

  override rates(): Rates {
    const seconds = (Date.now() - this.#start) / 1000
    const breath = 1 + 0.08 * Math.sin(seconds / 3)
    this.#decide()
    const nodes = Object.fromEntries(
      Object.entries(BASE).map(([id, rate]) => [
        id,
        {
          records_per_second: rate * breath,
          records_total: Math.round(412_031 * (rate / 1204) + rate * seconds),
        },
      ]),
    )
    const accepted = 410_002 + Math.round(1_198 * seconds)
    const [duplicates, rejected] = [1_911 + Math.round(5.6 * seconds), 118]
    const { decisions } = super.rates().totals
    return {
      at: Date.now(),
      nodes,
      totals: { read: accepted + duplicates + rejected, accepted, duplicates, rejected, decisions },
    }
  }

  #decide(): void {
    this.#made++
    this.decisionList = [sampleDecision(Date.now(), this.#made), ...this.decisionList].slice(0, 200)
  }
}

/** @returns the address */
export function startDemo(port: number): Promise<string> {
  const system = new LivelySystem()
  system.decisionList = Array.from({ length: 24 }, (_, i) =>
    sampleDecision(Date.now() - i * 7_300, 24 - i),
  )
  return createHttpServer(system, {
    version: 'demo',
    port,
    writeKeys: ['wk_demo_0123456789'],
    operatorToken: 'ot_demo_0123456789abcdef0123456789abcdef',
    callSchemas: CALL_SCHEMAS,
  }).listen()
}
