/** Consecutive messages of one partition as the client handed them over: one object each. */
import type { ByteRange, LogBatch } from '../port.ts'
import type { ClientMessage } from './client.ts'

type Headers = readonly (readonly [string, Uint8Array])[]

const NO_HEADERS: Headers = []

export class MessageBatch implements LogBatch {
  readonly topic: string
  readonly partition: number
  readonly length: number
  readonly bytes: number
  readonly nextOffset: number
  readonly #messages: readonly ClientMessage[]

  /** @param messages at least one, of one partition, in the order of their offsets */
  constructor(topic: string, messages: readonly ClientMessage[]) {
    const last = messages.at(-1) as ClientMessage
    this.topic = topic
    this.partition = last.partition
    this.length = messages.length
    this.nextOffset = last.offset + 1
    let bytes = 0
    for (const message of messages) bytes += message.value?.length ?? 0
    this.bytes = bytes
    this.#messages = messages
  }

  offset(index: number): number {
    return this.#at(index).offset
  }

  timestamp(index: number): number {
    return this.#at(index).timestamp
  }

  key(index: number): Uint8Array | null {
    return this.#at(index).key
  }

  value(index: number): Uint8Array | null {
    return this.#at(index).value
  }

  locate(index: number, range: ByteRange): boolean {
    const value = this.#at(index).value
    if (value === null) return false
    range.buffer = value
    range.from = 0
    range.to = value.length
    return true
  }

  headers(index: number): Headers {
    const { headers } = this.#at(index)
    if (headers === undefined) return NO_HEADERS
    // An object each, because Kafka allows a name more than once.
    return headers.flatMap((header) => Object.entries(header))
  }

  #at(index: number): ClientMessage {
    const message = this.#messages[index]
    if (message === undefined)
      throw new RangeError(`no record ${index} in a batch of ${this.length}`)
    return message
  }
}
