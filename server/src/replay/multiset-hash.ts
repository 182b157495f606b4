/**
 * A hash of lines whose order does not matter: the sum of their SHA-256 digests modulo 2^256.
 *
 * Partitions interleave their outputs freely, so the outcome of a run is a multiset. Unlike XOR, a sum
 * notices a line that is there twice; unlike sorting, it needs no memory. Against accident, not attack.
 */
import { createHash } from 'node:crypto'

const WORDS = 8

export class MultisetHash {
  readonly #sum = new Uint32Array(WORDS)
  count = 0

  add(line: string | Uint8Array): void {
    const digest = createHash('sha256').update(line).digest()
    let carry = 0
    for (let word = WORDS - 1; word >= 0; word--) {
      const total = (this.#sum[word] as number) + digest.readUInt32BE(word * 4) + carry
      this.#sum[word] = total >>> 0
      carry = total > 0xffffffff ? 1 : 0
    }
    this.count++
  }

  /** 64 hex digits. */
  digest(): string {
    return [...this.#sum].map((word) => word.toString(16).padStart(8, '0')).join('')
  }
}
