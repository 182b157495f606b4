/**
 * The growing output of a decompressor of the LZ77 family: runs copied from the input and runs
 * repeated from what was written before. Never grows over its limit, and never reads before its
 * start or behind its end.
 */
import { CorruptData } from './corrupt.ts'

/** Below this many bytes a loop is quicker than a call into the runtime (measured on Node 20). */
const SHORT = 32

export class Output {
  #bytes: Buffer
  #at = 0
  readonly #limit: number

  /** @param expected a guess, which need not be right or trustworthy */
  constructor(expected: number, limit: number) {
    this.#limit = limit
    // Never more at once than growth would have given anyway, so that a lie costs little.
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(64, Math.min(expected, limit, 1 << 20)))
  }

  append(source: Uint8Array, from: number, to: number): void {
    const end = this.#at + to - from
    if (end > this.#bytes.length) this.#grow(end)
    const bytes = this.#bytes
    if (to - from < SHORT) {
      let at = this.#at
      for (let i = from; i < to; i++) bytes[at++] = source[i] as number
    } else bytes.set(source.subarray(from, to), this.#at)
    this.#at = end
  }

  /** Repeats `length` bytes from `distance` bytes back; they may overlap what they make. */
  repeat(distance: number, length: number): void {
    const start = this.#at - distance
    if (distance === 0 || start < 0) throw new CorruptData('a repetition from before the start')
    const end = this.#at + length
    if (end > this.#bytes.length) this.#grow(end)
    const bytes = this.#bytes
    if (length >= SHORT && distance >= length) bytes.copyWithin(this.#at, start, start + length)
    else for (let at = this.#at, i = start; at < end; ) bytes[at++] = bytes[i++] as number
    this.#at = end
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  get length(): number {
    return this.#at
  }

  #grow(needed: number): void {
    if (needed > this.#limit) throw new CorruptData(`more than ${this.#limit} bytes when unpacked`)
    const size = Math.min(this.#limit, Math.max(needed, this.#bytes.length * 2))
    const larger = Buffer.allocUnsafeSlow(size)
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}
