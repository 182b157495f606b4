/**
 * Cuts a byte stream into responses: each is a size of four bytes and that many bytes. A response's
 * bytes are gathered in one buffer of its own, which later lives as long as the batches in it.
 */
import { MalformedMessage } from './wire.ts'

export class ResponseSplitter {
  readonly #limit: number
  readonly #size = Buffer.alloc(4)
  #sizeBytes = 0
  #body: Buffer | undefined
  #filled = 0

  /** @param limit a larger response is taken for the answer of something that is not a broker */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** @throws MalformedMessage; nothing can be read from the stream any more */
  push(chunk: Buffer, found: (response: Buffer) => void): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#body === undefined) {
        const taken = Math.min(4 - this.#sizeBytes, chunk.length - at)
        chunk.copy(this.#size, this.#sizeBytes, at, at + taken)
        this.#sizeBytes += taken
        at += taken
        if (this.#sizeBytes < 4) return
        this.#body = Buffer.allocUnsafeSlow(this.#checkedSize())
        this.#filled = 0
      }
      const body = this.#body
      const taken = Math.min(body.length - this.#filled, chunk.length - at)
      chunk.copy(body, this.#filled, at, at + taken)
      this.#filled += taken
      at += taken
      if (this.#filled < body.length) return
      this.#body = undefined
      this.#sizeBytes = 0
      found(body)
    }
  }

  #checkedSize(): number {
    const size = this.#size.readInt32BE(0)
    if (size < 4 || size > this.#limit)
      throw new MalformedMessage(`a response of ${size} bytes, where at most ${this.#limit} can be`)
    return size
  }
}
