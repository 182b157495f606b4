/**
 * When a process of the run is to be killed, drawn from a seed.
 *
 * `step`: at the n-th passing of a step between two steps of the engine, or of an append of the feed:
 * the process kills itself there, so that the place is exact. `clock`: by its parent, so many
 * milliseconds after it was started, wherever it is then; small numbers meet the start. `analytics`:
 * the process that loads into ClickHouse kills itself after it recorded a block, or inserted a part
 * of one; the stream goes on.
 */
import { Prng } from '#engine/testing'
import type { CrashPoint } from '#sinks'

export const STEPS = [
  'claim',
  'restored',
  'begin',
  'processed',
  'commit',
  'committed',
  'checkpoint',
  'checkpointed',
  'append',
  'appended',
] as const

export type KillStep = (typeof STEPS)[number]

export type Kill =
  | { readonly kind: 'step'; readonly step: KillStep; readonly count: number }
  | { readonly kind: 'clock'; readonly afterMs: number }
  | { readonly kind: 'analytics'; readonly crash: CrashPoint }

/** Passings that come often are let pass for a while: every life has to get somewhere. */
const OFTEN: Readonly<Record<KillStep, number>> = {
  claim: 5,
  restored: 5,
  begin: 40,
  processed: 60,
  commit: 40,
  committed: 40,
  checkpoint: 8,
  checkpointed: 8,
  append: 16,
  appended: 16,
}
/** Of ten kills, where analytics runs: so many by the clock, so many of analytics. */
const BY_CLOCK = 1
const OF_ANALYTICS = 6
const LONGEST_MS = 4_000
const TABLES = ['events', 'sessions', 'profiles', 'decisions']
const FIRST_BLOCKS = 2

export class KillPlan {
  readonly #prng: Prng

  constructor(seed: number) {
    this.#prng = new Prng(seed)
  }

  /** @param analytics whether the process of analytics runs in this life */
  next(analytics: boolean): Kill {
    const draw = this.#prng.below(10)
    if (draw < BY_CLOCK) return { kind: 'clock', afterMs: 50 + this.#prng.below(LONGEST_MS) }
    if (analytics && draw < BY_CLOCK + OF_ANALYTICS)
      return {
        kind: 'analytics',
        crash: { after: this.#load(), n: 1 + this.#prng.below(FIRST_BLOCKS) },
      }
    const step = STEPS[this.#prng.below(STEPS.length)] as KillStep
    return { kind: 'step', step, count: 1 + this.#prng.below(OFTEN[step]) }
  }

  #load(): CrashPoint['after'] {
    const table = TABLES[this.#prng.below(TABLES.length * 2)]
    return table === undefined ? 'recorded' : { inserted: table }
  }
}
