/**
 * Short texts seen before, by their bytes: a field with few different values is decoded once for each
 * of them instead of once a record, and the text that comes back has its hash worked out already.
 *
 * A table of fixed size, one place per hash; a newcomer takes the place. A field that hardly repeats
 * is decoded without it from then on. It only saves work: what `text` returns is the same with any
 * table and with none.
 */
const PLACES = 1024
/** After this many texts it is decided whether the table is worth its keep. */
const TRIAL = 4096
/** Longer texts are decoded each time. */
const MAX_BYTES = 48

export class SeenTexts {
  readonly #texts: string[] = []
  /** 0: an empty place; otherwise the length + 1. */
  readonly #lengths = new Uint8Array(PLACES)
  /** Made at the first use: most fields of a shape hold numbers. */
  #bytes: Uint8Array | null = null
  #asked = 0
  #found = 0
  #worthwhile = true

  /** The UTF-8 text of the bytes [from, to). */
  text(buffer: Buffer, from: number, to: number): string {
    const length = to - from
    if (length > MAX_BYTES || length === 0 || !this.#worthwhile)
      return buffer.toString('utf8', from, to)
    const bytes = (this.#bytes ??= this.#allocate())
    if (++this.#asked === TRIAL) this.#judge()
    const place = placeOf(buffer, from, to)
    const start = place * MAX_BYTES
    if (this.#lengths[place] === length + 1) {
      let i = length - 1
      while (i >= 0 && bytes[start + i] === buffer[from + i]) i--
      if (i < 0) {
        this.#found++
        return this.#texts[place] as string
      }
    }
    const text = buffer.toString('utf8', from, to)
    for (let i = 0; i < length; i++) bytes[start + i] = buffer[from + i] as number
    this.#lengths[place] = length + 1
    this.#texts[place] = text
    return text
  }

  #judge(): void {
    this.#worthwhile = this.#found > TRIAL / 4
    this.#asked = 0
    this.#found = 0
  }

  #allocate(): Uint8Array {
    for (let place = 0; place < PLACES; place++) this.#texts.push('')
    return new Uint8Array(PLACES * MAX_BYTES)
  }
}

/** Ids tend to differ at their ends, words at their beginnings. */
function placeOf(buffer: Buffer, from: number, to: number): number {
  let hash = (to - from) ^ ((buffer[from] as number) << 7)
  for (let p = Math.max(from, to - 4); p < to; p++)
    hash = Math.imul(hash, 31) + (buffer[p] as number)
  return (hash ^ (hash >>> 10)) & (PLACES - 1)
}
