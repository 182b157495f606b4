/**
 * The primitive types of Kafka's protocol, as its guide lists them: big-endian integers, compact
 * (flexible) strings and arrays whose size is stored plus one, and tagged fields.
 *
 * A reader never reads outside of its bytes: what ends early or has an impossible size throws
 * `MalformedMessage`, which the connection turns into its own end.
 */

/** Bytes from a broker do not follow the protocol. Never leaves this folder. */
export class MalformedMessage extends Error {
  constructor(what: string) {
    super(`malformed message: ${what}`)
    this.name = 'MalformedMessage'
  }
}

export class ByteReader {
  readonly bytes: Buffer
  #at: number
  readonly #end: number

  constructor(bytes: Buffer, from = 0, to = bytes.length) {
    this.bytes = bytes
    this.#at = from
    this.#end = to
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#end - this.#at
  }

  int8(): number {
    return this.bytes.readInt8(this.#take(1))
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#take(4))
  }

  /** Exact up to 2^53, which no offset or time reaches. */
  int64(): number {
    const at = this.#take(8)
    return this.bytes.readInt32BE(at) * 2 ** 32 + this.bytes.readUInt32BE(at + 4)
  }

  /** Producer ids only need to be told apart, and are small numbers in practice; kept exact anyway. */
  bigint64(): bigint {
    return this.bytes.readBigInt64BE(this.#take(8))
  }

  uuid(): string {
    const at = this.#take(16)
    return this.bytes.toString('hex', at, at + 16)
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.#take(1)] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new MalformedMessage('a varint of more than five bytes')
  }

  compactString(): string {
    const text = this.compactNullableString()
    if (text === null) throw new MalformedMessage('a null where a string is due')
    return text
  }

  compactNullableString(): string | null {
    const size = this.unsignedVarint()
    if (size === 0) return null
    const at = this.#take(size - 1)
    return this.bytes.toString('utf8', at, at + size - 1)
  }

  nullableString(): string | null {
    const size = this.int16()
    if (size < 0) return null
    const at = this.#take(size)
    return this.bytes.toString('utf8', at, at + size)
  }

  /** The place of a run of bytes whose size was read before. */
  range(size: number): { readonly from: number; readonly to: number } {
    const from = this.#take(size)
    return { from, to: from + size }
  }

  /** A view, not a copy. */
  compactBytes(): Buffer {
    const size = this.unsignedVarint()
    if (size === 0) return Buffer.alloc(0)
    const at = this.#take(size - 1)
    return this.bytes.subarray(at, at + size - 1)
  }

  compactArray<T>(read: (from: ByteReader) => T): T[] {
    return this.#items(this.unsignedVarint() - 1, read)
  }

  array<T>(read: (from: ByteReader) => T): T[] {
    return this.#items(this.int32(), read)
  }

  /** @param known called for each tagged field, which is skipped to its end whatever it reads */
  tags(known?: (tag: number, field: ByteReader) => void): void {
    const count = this.unsignedVarint()
    for (let i = 0; i < count; i++) {
      const tag = this.unsignedVarint()
      const size = this.unsignedVarint()
      const at = this.#take(size)
      known?.(tag, new ByteReader(this.bytes, at, at + size))
    }
  }

  #items<T>(count: number, read: (from: ByteReader) => T): T[] {
    // An element takes a byte at least, so a larger count is garbage, not a reason to allocate.
    if (count > this.left) throw new MalformedMessage('more elements than bytes')
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(this))
    return items
  }

  #take(size: number): number {
    const at = this.#at
    if (size < 0 || size > this.#end - at)
      throw new MalformedMessage(`${size} bytes are due, ${this.#end - at} are left`)
    this.#at = at + size
    return at
  }
}

export class ByteWriter {
  #bytes: Buffer
  #at = 0

  constructor(size = 256) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  int8(value: number): this {
    const at = this.#reserve(1)
    this.#bytes.writeInt8(value, at)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  int16(value: number): this {
    const at = this.#reserve(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#reserve(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }

  int64(value: number): this {
    const at = this.#reserve(8)
    this.#bytes.writeBigInt64BE(BigInt(value), at)
    return this
  }

  unsignedVarint(value: number): this {
    let left = value
    for (; left >= 0x80; left = Math.floor(left / 128)) this.#byte((left & 0x7f) | 0x80)
    this.#byte(left)
    return this
  }

  compactString(text: string): this {
    const size = Buffer.byteLength(text)
    this.unsignedVarint(size + 1)
    const at = this.#reserve(size)
    this.#bytes.write(text, at, 'utf8')
    return this
  }

  string(text: string): this {
    const size = Buffer.byteLength(text)
    this.int16(size)
    const at = this.#reserve(size)
    this.#bytes.write(text, at, 'utf8')
    return this
  }

  compactBytes(bytes: Uint8Array): this {
    this.unsignedVarint(bytes.byteLength + 1)
    return this.raw(bytes)
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.byteLength)
    this.#bytes.set(bytes, at)
    return this
  }

  uuid(hex: string): this {
    return this.raw(Buffer.from(hex, 'hex'))
  }

  compactArray<T>(items: readonly T[], write: (item: T, to: ByteWriter) => void): this {
    this.unsignedVarint(items.length + 1)
    for (const item of items) write(item, this)
    return this
  }

  noTags(): this {
    return this.unsignedVarint(0)
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #byte(value: number): void {
    const at = this.#reserve(1)
    this.#bytes[at] = value
  }

  #reserve(size: number): number {
    const at = this.#at
    this.#at = at + size
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#at, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    return at
  }
}
