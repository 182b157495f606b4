/**
 * Seeded randomness for training and evaluation. Serving draws nothing.
 *
 * A stream is derived from a seed and a path of labels, so that adding a draw in one place (another
 * ensemble member, one more epoch) moves no draw in another. Not for secrets.
 */

/** Uniform draws in [0, 1) with 32 bits; the same seed gives the same sequence on every machine. */
export type Uniform = () => number

/** Folds labels into a seed: FNV-1a over the labels, then an avalanche step. */
export function deriveSeed(seed: number, ...labels: readonly (string | number)[]): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0
  for (const label of labels) {
    const text = `${label}|`
    for (let i = 0; i < text.length; i++)
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The mulberry32 generator: 32 bits of state, enough for shuffles and bootstrap weights. */
export function uniformFrom(seed: number): Uniform {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Shuffles in place, every order equally likely (Fisher-Yates). */
export function shuffle(values: Uint32Array, uniform: Uniform): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1))
    const held = values[i] as number
    values[i] = values[j] as number
    values[j] = held
  }
}

/**
 * A Poisson(1) draw by inversion: how often a row appears in a bootstrap sample of a large data set.
 * Bounded at 12, whose excess probability is below 1e-10.
 */
export function poissonOne(uniform: Uniform): number {
  const u = uniform()
  let probability = Math.exp(-1)
  let cumulative = probability
  let k = 0
  while (u > cumulative && k < 12) {
    k++
    probability /= k
    cumulative += probability
  }
  return k
}
