/**
 * Variable-length integers and texts in a row: what packed data files are made of.
 *
 * Unsigned integers take 7 bits a byte, low bits first; signed ones are zigzag-coded before. Values
 * are whole numbers below 2^52 in size.
 */

export class PackWriter {
  #bytes = Buffer.allocUnsafe(1 << 16)
  #end = 0

  byte(value: number): void {
    if (this.#end === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#end++] = value
  }

  unsigned(value: number): void {
    let rest = value
    // Division, not shifts: values may exceed 32 bits.
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128)
    this.byte(rest)
  }

  signed(value: number): void {
    this.unsigned(value < 0 ? -2 * value - 1 : 2 * value)
  }

  text(value: string): void {
    const bytes = Buffer.from(value)
    this.unsigned(bytes.length)
    if (this.#end + bytes.length > this.#bytes.length) this.#grow(bytes.length)
    this.#end += bytes.copy(this.#bytes, this.#end)
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end)
  }

  #grow(by: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + by))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

export class PackReader {
  readonly #bytes: Buffer
  readonly #fail: (what: string) => Error
  #at = 0

  /** @param fail makes the error to throw when the bytes do not add up */
  constructor(bytes: Buffer, fail: (what: string) => Error) {
    this.#bytes = bytes
    this.#fail = fail
  }

  byte(): number {
    const value = this.#bytes[this.#at++]
    if (value === undefined) throw this.#fail('The content ends early.')
    return value
  }

  unsigned(): number {
    let value = 0
    for (let scale = 1; scale < Number.MAX_SAFE_INTEGER; scale *= 128) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    throw this.#fail('An integer is too long.')
  }

  signed(): number {
    const value = this.unsigned()
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2
  }

  /** The length of a list; every item takes a byte, so no more than are left can follow. */
  count(): number {
    const count = this.unsigned()
    if (count > this.#bytes.length - this.#at)
      throw this.#fail('A list is longer than the content.')
    return count
  }

  text(): string {
    const length = this.count()
    const from = this.#at
    this.#at += length
    return this.#bytes.toString('utf8', from, this.#at)
  }

  /** Everything has been read. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw this.#fail('There is content left over.')
  }
}
