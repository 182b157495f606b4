/**
 * Linking decisions as they leave a task. The head of the chain is the task's state: an epoch that is
 * aborted takes it back together with its decisions, and fencing keeps two owners from forking it.
 */
import { assert, OpportuneError, type SinkChain } from '#engine'
import type { Decision } from '../topics/decision.ts'
import { type AuditHeader, decodeRecord, GENESIS, writeRecord } from './record.ts'

/** The head of a chain: what the next record has to follow. JSON, kept with the task. */
export interface ChainHead {
  readonly chain: string
  /** The next record's. */
  readonly seq: number
  readonly prev: string
}

export interface Linked {
  readonly kind: string
  readonly refs: readonly string[]
}

/** A chain of values whose codec writes JSON text; `describe` says what goes into the header. */
export function chainOf<T>(describe: (value: T) => Linked): SinkChain<T> {
  return {
    initial: (chain): ChainHead => ({ chain, seq: 0, prev: GENESIS }),
    next(state, value, at) {
      const head = state as ChainHead
      assert(head.seq >= 0, 'a chain head has a sequence number')
      const { kind, refs } = describe(value)
      const header: AuditHeader = { ...head, now: at.now, kind, pid: null, refs }
      const body = at.bytes.toString('utf8')
      const { hash, bytes } = writeRecord(header, body)
      const after: ChainHead = { chain: head.chain, seq: head.seq + 1, prev: hash }
      return { state: after, bytes }
    },
  }
}

/** For the sink `decisions`; its codec must be `jsonCodec()`. */
export const decisionChain: SinkChain<Decision> = chainOf((decision) => ({
  kind: 'decision',
  refs: decision.continues === null ? [] : [decision.continues],
}))

/**
 * The decision in a record of the topic `decisions`.
 * @throws audit_record_invalid
 */
export function readDecision(bytes: Uint8Array): Decision {
  const record = decodeRecord(bytes)
  if (record === undefined || record.header.kind !== 'decision')
    throw new OpportuneError(
      'audit_record_invalid',
      'A record is not a decision as it was written.',
    )
  try {
    return JSON.parse(record.body) as Decision
  } catch (error) {
    throw new OpportuneError('audit_record_invalid', "A decision's body is not JSON.", {}, error)
  }
}
