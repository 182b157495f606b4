/**
 * What the processes of a simulation share: a log in one piece, of which a crash ends them all, or brokers
 * that each of them talks to over a connection of its own.
 *
 * Times are short, so that a run of a second sees sessions, transactions and commits run out of theirs.
 */
import type { EventLog } from '../log/port.ts'
import { SimulatedBrokers } from '../log/simulated/broker/brokers.ts'
import type { FaultPlan, FaultPoint, InjectedFault } from '../log/simulated/faults.ts'
import { createSimulatedLog } from '../log/simulated/log.ts'
import type { Prng } from '../log/simulated/prng.ts'
import type { VirtualTime } from './simulation-time.ts'

export type WorldKind = 'log' | 'brokers'

/** Where one process stands. */
export interface Station {
  readonly log: EventLog
  kill(): void
  cut(ms: number): void
}

interface WorldLog extends EventLog {
  compact(topic: string, partition: number): Promise<number>
}

export interface World {
  /** The log as somebody sees it to whom nothing happens. */
  readonly log: WorldLog
  readonly faults: readonly InjectedFault[]
  station(): Station
  /** Whether anything that was written may still come or go. */
  undecided(): boolean
  /** What happened that no fault was injected for, by kind. */
  happened(): Readonly<Record<string, number>>
}

export interface Surroundings {
  readonly prng: Prng
  readonly time: VirtualTime
  readonly probability: Partial<Record<FaultPoint, number>>
}

export function makeWorld(kind: WorldKind, { prng, time, probability }: Surroundings): World {
  const faults: FaultPlan = { seed: prng.below(0x7fff_ffff), probability }
  const around = { faults, now: () => time.now, scheduler: time }
  return kind === 'log' ? inOnePiece(around, prng.below(2) === 0) : overWires(around, prng)
}

interface Around {
  readonly faults: FaultPlan
  readonly now: () => number
  readonly scheduler: VirtualTime
}

function inOnePiece(around: Around, markers: boolean): World {
  const log = createSimulatedLog({
    ...around,
    markers,
    slowMs: 40,
    revokeMs: 100,
    keepPlaceMs: 300,
  })
  return {
    log,
    faults: log.faults,
    station: () => ({ log, kill() {}, cut() {} }),
    undecided: () => false,
    happened: () => ({}),
  }
}

const TIMES = {
  heartbeatMs: 6,
  sessionMs: 50,
  rebalanceMs: 60,
  transactionMs: 90,
  commitMs: 25,
  latencyMs: 2,
  lateMs: 120,
}

function overWires(around: Around, prng: Prng): World {
  const seed = prng.below(0x7fff_ffff)
  // Which of two time limits is reached first decides which way things go wrong.
  const requestMs = [20, 70][prng.below(2)] as number
  const revokeMs = [15, 40][prng.below(2)] as number
  const times = { ...TIMES, requestMs, revokeMs }
  const brokers = new SimulatedBrokers({ ...around, seed, times })
  return {
    log: brokers.connect(),
    faults: brokers.faults,
    station() {
      const log = brokers.connect()
      return { log, kill: () => log.kill(), cut: (ms) => log.cut(ms) }
    },
    undecided: () => brokers.store.undecided,
    happened: () => brokers.happened(),
  }
}
