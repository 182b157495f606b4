/**
 * The faults of a run, drawn from a seed: what happens, to whom, at which step of the engine, for how
 * long. Which worker it is is said as a number that is taken modulo those that run then.
 */
import type { WorkerOptions } from '#engine'
import { Prng } from '#engine/testing'
import type { Held } from './proxy.ts'

/** Between any two steps of the engine. */
type WorkerStep = Parameters<NonNullable<WorkerOptions['onStep']>>[0]

/** At the n-th passing of a step; so many ms after it, where the step itself goes on beside. */
export interface Moment {
  readonly step: WorkerStep
  readonly count: number
  readonly afterMs: number
}

export type Fault =
  /** SIGKILL at a moment; started again after `downMs`. */
  | { readonly kind: 'kill'; readonly worker: number; readonly at: Moment; readonly downMs: number }
  /** SIGKILL, and again while it takes its tasks back. */
  | { readonly kind: 'kill in restore'; readonly worker: number; readonly at: Moment }
  /** One stays away until its partitions are given to the others; one of those dies taking them. */
  | { readonly kind: 'kill in rebalance'; readonly worker: number; readonly at: Moment }
  /** SIGSTOP, and SIGCONT when everybody else holds it for dead. */
  | {
      readonly kind: 'zombie'
      readonly worker: number
      readonly at: Moment
      readonly pastSessionMs: number
    }
  /** The broker, kill -9, and again after `downMs`. */
  | { readonly kind: 'broker'; readonly downMs: number }
  | {
      readonly kind: 'delay'
      readonly worker: number
      readonly ms: number
      readonly forMs: number
    }
  | { readonly kind: 'cut'; readonly worker: number; readonly forMs: number }
  | {
      readonly kind: 'half-open'
      readonly worker: number
      readonly held: Held
      readonly forMs: number
    }
  /** Another number of workers: `to`, or, where that is what runs, one less; of one, all. */
  | { readonly kind: 'scale'; readonly to: number }

export type FaultKind = Fault['kind']

/** Cards of a pack: each kind comes as often in every pack, in another order. */
const PACK: readonly FaultKind[] = [
  'kill',
  'kill',
  'kill',
  'kill',
  'kill',
  'kill',
  'kill in restore',
  'kill in restore',
  'kill in rebalance',
  'zombie',
  'zombie',
  'zombie',
  'broker',
  'delay',
  'cut',
  'cut',
  'half-open',
  'half-open',
  'scale',
  'scale',
]

const KILL_STEPS: readonly WorkerStep[] = [
  'begin',
  'processed',
  'commit',
  'commit',
  'committed',
  'checkpoint',
  'checkpointed',
]
const FREEZE_STEPS: readonly WorkerStep[] = ['begin', 'processed', 'commit', 'committed']
const RESTORE_STEPS: readonly WorkerStep[] = ['claim', 'restored']
/** Steps that come often are let pass for a while. */
const MOST_PASSED = 4

export class FaultPlan {
  readonly #prng: Prng
  readonly #workers: number
  #pack: FaultKind[] = []

  /** @param workers the most that run */
  constructor(seed: number, workers: number) {
    this.#prng = new Prng(seed)
    this.#workers = workers
  }

  next(): Fault {
    if (this.#pack.length === 0) this.#pack = this.#shuffled()
    return this.#draw(this.#pack.pop() as FaultKind)
  }

  #draw(kind: FaultKind): Fault {
    const prng = this.#prng
    const worker = prng.below(this.#workers)
    switch (kind) {
      case 'kill': {
        const at = this.#moment(KILL_STEPS)
        // Both sides of the session timeout: some find their partitions, some have lost them.
        return { kind, worker, at, downMs: prng.below(3) === 0 ? 4_000 : prng.below(500) }
      }
      case 'kill in restore':
      case 'kill in rebalance':
        return { kind, worker, at: { ...this.#moment(RESTORE_STEPS), count: 1 + prng.below(3) } }
      case 'zombie':
        return {
          kind,
          worker,
          at: this.#moment(FREEZE_STEPS),
          pastSessionMs: 500 + prng.below(1_500),
        }
      case 'broker':
        return { kind, downMs: prng.below(2_000) }
      case 'delay':
        return { kind, worker, ms: 20 + prng.below(300), forMs: 1_000 + prng.below(2_000) }
      case 'cut':
        return { kind, worker, forMs: prng.below(5_000) }
      case 'half-open': {
        const held = prng.below(2) === 0 ? 'both' : 'answers'
        return { kind, worker, held, forMs: 500 + prng.below(6_000) }
      }
      case 'scale':
        return { kind, to: 1 + prng.below(this.#workers) }
    }
  }

  #moment(steps: readonly WorkerStep[]): Moment {
    const step = steps[this.#prng.below(steps.length)] as WorkerStep
    const often = step.startsWith('checkpoint') ? 2 : MOST_PASSED
    const afterMs = step === 'commit' ? this.#prng.below(6) : 0
    return { step, count: 1 + this.#prng.below(often), afterMs }
  }

  #shuffled(): FaultKind[] {
    const pack = [...PACK]
    for (let i = pack.length - 1; i > 0; i--) {
      const j = this.#prng.below(i + 1)
      ;[pack[i], pack[j]] = [pack[j] as FaultKind, pack[i] as FaultKind]
    }
    return pack
  }
}
