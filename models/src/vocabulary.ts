/**
 * The closed vocabularies that models, operators and sinks share, declared once: what a decision may
 * be about, through which channel, and what caused it. Models map each arm of their training data to
 * a member of the interventions, and everything downstream speaks only of members.
 *
 * An entry of its own (`#models/vocabulary`) that imports nothing, so that the sinks, which know
 * neither models nor operators, can write the same words into their schemas.
 */

/** Kinds of persuasion, not channels or offers. */
export const INTERVENTIONS = [
  'free_shipping',
  'discount',
  'scarcity',
  'social_proof',
  'exclusivity',
  'content',
  'none',
] as const

export type Intervention = (typeof INTERVENTIONS)[number]

/** Ways to reach a customer. */
export const CHANNELS = ['email', 'sms', 'whatsapp', 'push', 'in_app', 'web'] as const

export type Channel = (typeof CHANNELS)[number]

/** What can cause a decision (TRG-1). */
export const TRIGGER_KINDS = [
  'abandoned_cart',
  'browse_abandonment',
  'inactivity',
  'dormancy',
  'stage_change',
  'purchase_milestone',
] as const

export type TriggerKind = (typeof TRIGGER_KINDS)[number]

/** Other words for a member, as briefs and older campaign exports spell them. */
export const INTERVENTION_ALIASES: Readonly<Record<string, Intervention>> = Object.freeze({
  free_expedited_shipping: 'free_shipping',
  scarcity_message: 'scarcity',
  exclusivity_offer: 'exclusivity',
})

/** The member that a word stands for, itself or through the alias table; undefined when neither. */
export function interventionNamed(word: string): Intervention | undefined {
  const member = INTERVENTIONS.find((known) => known === word)
  if (member !== undefined) return member
  return Object.hasOwn(INTERVENTION_ALIASES, word) ? INTERVENTION_ALIASES[word] : undefined
}
