/**
 * The one closed vocabulary of interventions: kinds of persuasion, not channels or offers. Models map
 * each arm of their training data to a member of it, and everything downstream speaks only of members.
 */

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
