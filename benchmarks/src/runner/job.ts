/** What a child process of the runner is asked to do, and what it answers. */
import type { EngineQuery } from '../engine/run.ts'
import type { QueryResult } from '../verification.ts'

export interface Job {
  /** `oracle` computes what the hash must be and measures nothing; `profile` answers `Shares`. */
  readonly kind: 'engine' | 'bare' | 'oracle' | 'profile'
  readonly query: EngineQuery
  readonly events: number
  readonly seed: number
  /** Events of a run before the measured one, so that both sides are compiled; 0: none. */
  readonly warmUp: number
  /** Where an embedded log lives; absent: in memory. */
  readonly directory?: string
  readonly durability: 'disk' | 'os'
}

export interface Outcome extends QueryResult {
  /** Wall time, from the first record read to the last output; 0 for an oracle. */
  readonly seconds: number
  /** All threads of the process over that time. */
  readonly cpuSeconds: number
  readonly epochs: number
  /** The most memory that was resident at any time, loading the input and warming up included. */
  readonly rssPeakMb: number
}

/** Microseconds an event, by part of the engine. */
export interface Shares {
  readonly parts: Readonly<Record<string, number>>
  readonly total: number
}
