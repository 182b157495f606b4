/**
 * Which model serves. Owns, per model id, the active artefact and the one before it, both compiled and
 * ready; holds nothing else and does no I/O: bytes come in from whoever read them (in the stream, an
 * activation record).
 *
 * R1 An offer is validated completely before it replaces anything. A refused offer leaves the active
 *    model as it was (the last good one keeps serving) and is an answer, not an exception.
 * R2 Offering what is already active changes nothing, so that a replayed activation is harmless.
 * R3 Scoring is deterministic per version: a version is the hash of everything that computes.
 * R4 Bounded: at most MOST_MODELS ids, two artefacts each.
 */
import { type ModelRefusal, type ModelRefusalCode, refuse } from './artefact.ts'
import { readArtefact, type UpliftArtefact } from './uplift/artefact.ts'
import { compileFeatures, type FeatureMap } from './uplift/features.ts'
import {
  compileForward,
  type ForwardPass,
  type OutputLayout,
  outputLayout,
} from './uplift/forward.ts'

const MOST_MODELS = 64

/** A model ready to score. `score` reuses its buffers: one call at a time. */
export interface ServingModel {
  readonly artefact: UpliftArtefact
  readonly features: FeatureMap
  readonly score: ForwardPass
  readonly layout: OutputLayout
}

/** The answer to an offer or a roll back. */
export type Offer =
  | {
      readonly outcome: 'activated'
      readonly id: string
      readonly version: string
      /** The version that served until now. */
      readonly previous: string | null
    }
  | { readonly outcome: 'unchanged'; readonly id: string; readonly version: string }
  | {
      readonly outcome: 'refused'
      readonly id: string
      readonly code: ModelRefusalCode
      readonly reason: string
      /** The version that goes on serving under this id; null when there is none. */
      readonly serving: string | null
    }

export interface ModelRegistry {
  /** Validates an artefact and, if it is good, makes it the active one of `id`. */
  offer(id: string, bytes: Uint8Array): Offer
  /** The active model; undefined when none was ever good: then nothing is scored. */
  active(id: string): ServingModel | undefined
  /** Makes the previous version active again; what served until now becomes the previous one. */
  rollBack(id: string): Offer
}

interface Slot {
  readonly active: ServingModel
  readonly previous: ServingModel | null
}

/** An empty registry. */
export function createModelRegistry(): ModelRegistry {
  const slots = new Map<string, Slot>()
  const refused = (id: string, why: ModelRefusal): Offer => ({
    outcome: 'refused',
    id,
    code: why.code,
    reason: why.reason,
    serving: slots.get(id)?.active.artefact.version ?? null,
  })
  return {
    offer: (id, bytes) => {
      const read = readArtefact(bytes)
      if (!read.ok) return refused(id, read)
      if (read.artefact.id !== id)
        return refused(id, refuse('model_foreign', `an artefact of ${read.artefact.id}`))
      const slot = slots.get(id)
      const version = read.artefact.version
      if (slot?.active.artefact.version === version) return { outcome: 'unchanged', id, version }
      if (slot === undefined && slots.size >= MOST_MODELS)
        return refused(id, refuse('model_too_large', `${MOST_MODELS} models are active already`))
      const previous = slot?.active ?? null
      slots.set(id, { active: serve(read.artefact), previous })
      return { outcome: 'activated', id, version, previous: previous?.artefact.version ?? null }
    },
    active: (id) => slots.get(id)?.active,
    rollBack: (id) => {
      const slot = slots.get(id)
      if (!slot?.previous) return refused(id, refuse('model_missing', 'no earlier version'))
      slots.set(id, { active: slot.previous, previous: slot.active })
      return {
        outcome: 'activated',
        id,
        version: slot.previous.artefact.version,
        previous: slot.active.artefact.version,
      }
    },
  }
}

/** Compiles an artefact that readArtefact accepted. */
function serve(artefact: UpliftArtefact): ServingModel {
  return {
    artefact,
    features: compileFeatures(artefact),
    score: compileForward(artefact),
    layout: outputLayout(artefact),
  }
}
