/** Chains as tasks write them, for tests. */
import { someDecision } from '../topics/decision.fixture.ts'
import { decisionChain } from './chain.ts'
import { decodeRecord } from './record.ts'
import type { SealedHead } from './seal.ts'
import type { StoredRecord } from './verify.ts'

/** The stored bytes of `count` decisions of one chain. */
export function chainBytes(chain: string, count: number): readonly Buffer[] {
  let state = decisionChain.initial(chain)
  return Array.from({ length: count }, (_, n) => {
    const decision = someDecision(n, n % 5 === 4 ? { continues: `d-${n - 1}` } : {})
    const body = Buffer.from(JSON.stringify(decision))
    const linked = decisionChain.next(state, decision, { now: decision.timestamp, bytes: body })
    state = linked.state
    return linked.bytes
  })
}

export const stored = (chain: string, bytes: readonly Uint8Array[]): readonly StoredRecord[] =>
  bytes.map((record, offset) => ({ chain, offset, bytes: record }))

export function headAt(chain: string, bytes: readonly Uint8Array[], seq: number): SealedHead {
  const hash = decodeRecord(bytes[seq] ?? new Uint8Array())?.hash ?? ''
  return { chain, seq, hash, next: seq + 1 }
}
