/** How sure a decision is (CMP-4): the probability that acting beats doing nothing. */

/**
 * P(effect * value > cost) for an effect that is Normal(mean, sd).
 * @returns 0..1; 0.5 where both sides are equal and certain
 */
export function confidenceOf(of: {
  readonly effect: number
  readonly effectSd: number
  readonly value: number
  readonly cost: number
}): number {
  const gain = of.effect * of.value - of.cost
  const spread = of.effectSd * of.value
  if (spread <= 0) return gain > 0 ? 1 : gain < 0 ? 0 : 0.5
  return normalCdf(gain / spread)
}

/**
 * The standard normal distribution function by formula 26.2.17 of Abramowitz and Stegun, Handbook of
 * Mathematical Functions (1964); absolute error below 7.5e-8.
 */
export function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const tail = 0.3989422804014327 * Math.exp((-x * x) / 2) * poly
  return x >= 0 ? 1 - tail : tail
}
