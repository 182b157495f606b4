/** The uplift model that scores, activated in-band, and its use on one customer. */
import { broadcast, type Millis } from '#engine'
import {
  compileFeatures,
  compileForward,
  outputLayout,
  type RetailProfile,
  type UpliftArtefact,
} from '#models/serving'
import type { CustomerFacts } from './facts.ts'

/** Puts a model in force. The artefact was accepted by the registry before this was written. */
export interface ModelActivated {
  readonly artefact: UpliftArtefact | null
}

/** Null: no model is active, and channel priors score. */
export const activeModel = broadcast<UpliftArtefact | null, ModelActivated>({
  id: 'active-model',
  initial: null,
  fold: (_current, record) => record.artefact,
})

export interface Effect {
  readonly effect: number
  readonly sd: number
}

export interface ModelScores {
  /** By arm; the control arm has none. */
  readonly effects: ReadonlyMap<string, Effect>
  /** The feature values that were scored, by name: what a decision has to show. */
  readonly features: Readonly<Record<string, number>>
  /** False: the customer is unlike those the model learned from, and its scores are not used. */
  readonly applicable: boolean
}

/** What the model's feature contract asks of a shop; this one has no such categories or channels. */
const retailProfileOf = (facts: CustomerFacts): RetailProfile => ({
  firstOrderAt: facts.firstOrderAt,
  lastOrderAt: facts.lastOrderAt,
  spend12Months: facts.spend12Months,
  boughtMens: null,
  boughtWomens: null,
  area: null,
  channel: null,
})

type Scorer = (facts: CustomerFacts, now: Millis) => ModelScores

function compile(artefact: UpliftArtefact): Scorer {
  const featuresOf = compileFeatures(artefact)
  const score = compileForward(artefact)
  const layout = outputLayout(artefact)
  const row = new Float64Array(artefact.features.length)
  const out = new Float64Array(layout.length)
  return (facts, now) => {
    const inPopulation = featuresOf(retailProfileOf(facts), now, row)
    score(row, out)
    const effects = new Map<string, Effect>()
    for (const [k, arm] of artefact.arms.slice(1).entries())
      effects.set(arm.id, {
        effect: out[layout.effect + k] ?? Number.NaN,
        sd: out[layout.sd + k] ?? Number.NaN,
      })
    return {
      effects,
      features: Object.fromEntries(artefact.features.map((name, i) => [name, row[i] ?? 0])),
      applicable: inPopulation,
    }
  }
}

/** Scores with the artefact given, compiled once for as long as the same one is in force. */
export function createModelScorer(): (
  artefact: UpliftArtefact,
  facts: CustomerFacts,
  now: Millis,
) => ModelScores {
  const scorers = new WeakMap<UpliftArtefact, Scorer>()
  return (artefact, facts, now) => {
    const scorer = scorers.get(artefact) ?? compile(artefact)
    scorers.set(artefact, scorer)
    return scorer(facts, now)
  }
}
