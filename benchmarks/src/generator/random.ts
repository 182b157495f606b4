/**
 * The one source of randomness of the benchmark generators: a uint32 hash of (seed, event, field).
 *
 * It has no state, so event i can be made without its predecessors and in any order, and it uses
 * only 32-bit integer operations, so that an implementation in another language gives the same
 * stream. The mixing constants are those of the benchmark definition.
 */

/**
 * @param index number of the event, from 0
 * @param field number of the draw within the event; two draws with one number are equal
 * @returns an integer in [0, 2^32)
 */
export function rnd(seed: number, index: number, field: number): number {
  let x = (seed + Math.imul(index, 0x9e3779b1) + Math.imul(field, 0x85ebca77)) >>> 0
  x ^= x >>> 16
  x = Math.imul(x, 0x21f0aaad)
  x ^= x >>> 15
  x = Math.imul(x, 0x735a2d97)
  x ^= x >>> 15
  return x >>> 0
}
