/**
 * A small seeded generator for simulations (the mulberry32 recurrence): the same seed gives the same
 * sequence on every machine. Not for decisions, and not for anything secret.
 */
export class Prng {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** Uniform in 0 .. limit-1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }
}
