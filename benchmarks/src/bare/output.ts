/**
 * Where the bare loop puts its rows: one growing run of bytes, as if they were about to be sent.
 *
 * Rows are written as bytes at once because an engine has to do that too; they are read back as text
 * only for verification, outside the measured time.
 */
export class OutputBytes {
  #bytes = Buffer.allocUnsafe(1 << 20)
  #end = 0

  /** @param line ASCII, without a newline */
  readonly emit = (line: string): void => {
    if (this.#end + line.length + 1 > this.#bytes.length) this.#grow(line.length + 1)
    this.#end += this.#bytes.write(line, this.#end, 'latin1')
    this.#bytes[this.#end++] = 10
  }

  #grow(by: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + by))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }

  /** Every row in the order in which it was put out. */
  *lines(): Generator<string> {
    for (let from = 0; from < this.#end; ) {
      const to = this.#bytes.indexOf(10, from)
      yield this.#bytes.toString('latin1', from, to)
      from = to + 1
    }
  }
}
