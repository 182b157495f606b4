/**
 * The fast way of a projection: scans a document's bytes once, checks them, makes the wanted fields.
 *
 * Names are first compared with those that stood at the same place in documents before (producers
 * write them in one order), and short strings with ones seen before, so that "view" is made once. Both
 * only save work. Whatever a scan does not know how to read it leaves to `JSON.parse` (J2).
 */
import { type AnyShape, readWhole } from './json-shape.ts'
import { SeenTexts } from './seen-texts.ts'

interface Field {
  readonly name: Uint8Array
  /** null: the value as it is. */
  readonly plan: Plan | null
  readonly texts: SeenTexts
}

/** One object of the shape. */
interface Plan {
  readonly shape: AnyShape
  readonly names: readonly string[]
  readonly fields: readonly Field[]
  /** Cloned for each value. */
  readonly blank: Readonly<Record<string, unknown>>
  /** What the members of former documents were called, by place, and which field that is (-1: none). */
  readonly expectedNames: Uint8Array[]
  readonly expectedFields: number[]
}

/** Members beyond this place are looked up by name each time. */
const EXPECTED = 64
/** Deeper documents are left to JSON.parse, which has a stack of its own. */
const MAX_DEPTH = 32

function planOf(shape: AnyShape): Plan {
  const names = Object.keys(shape)
  const blank: Record<string, unknown> = {}
  for (const name of names) blank[name] = undefined
  const fields = names.map((name): Field => {
    const below = shape[name] as true | AnyShape
    return {
      name: Buffer.from(name, 'utf8'),
      plan: below === true ? null : planOf(below),
      texts: new SeenTexts(),
    }
  })
  return { shape, names, fields, blank, expectedNames: [], expectedFields: [] }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const EMPTY = Buffer.alloc(0)

/** Where a scan gave up: the document is invalid or out of the ordinary. */
const IN_DOUBT = -1

export class ProjectionReader {
  readonly #plan: Plan
  #bytes: Uint8Array = EMPTY
  #buffer: Buffer = EMPTY
  #view: DataView = new DataView(EMPTY.buffer, EMPTY.byteOffset, 0)
  #end = 0
  /** The value read last. */
  #value: unknown
  /** Whether the string scanned last holds an escape. */
  #escaped = false

  constructor(shape: AnyShape) {
    this.#plan = planOf(shape)
  }

  /** @throws SyntaxError where the bytes hold no JSON */
  read(buffer: Buffer, from: number, to: number): unknown {
    if (this.#buffer !== buffer) {
      this.#bytes = buffer
      this.#buffer = buffer
      this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    }
    this.#end = to
    let at = this.#space(from)
    if (at < to && this.#bytes[at] === OPEN_BRACE) {
      at = this.#object(at, this.#plan, 0)
      if (at !== IN_DOUBT && this.#space(at) === to) return this.#value
    }
    return readWhole(buffer, from, to, this.#plan.shape)
  }

  /** Reads the object that opens at `at`. @returns the position after it */
  #object(at: number, plan: Plan, depth: number): number {
    if (depth > MAX_DEPTH) return IN_DOUBT
    const bytes = this.#bytes
    const value: Record<string, unknown> = { ...plan.blank }
    let p = this.#space(at + 1)
    if (p < this.#end && bytes[p] === CLOSE_BRACE) {
      this.#value = value
      return p + 1
    }
    for (let place = 0; ; place++) {
      if (p >= this.#end || bytes[p] !== QUOTE) return IN_DOUBT
      const nameEnd = this.#expected(p + 1, plan, place)
      let field: number
      if (nameEnd !== IN_DOUBT) {
        field = plan.expectedFields[place] as number
        p = nameEnd + 1
      } else {
        const end = this.#string(p)
        // A name may be any of ours behind its escapes.
        if (end === IN_DOUBT || this.#escaped) return IN_DOUBT
        field = this.#field(p + 1, end - 1, plan, place)
        p = end
      }
      if (p >= this.#end || bytes[p] !== COLON) {
        p = this.#space(p)
        if (p >= this.#end || bytes[p] !== COLON) return IN_DOUBT
      }
      p = this.#space(p + 1)
      if (field < 0) p = this.#skip(p, depth + 1)
      else {
        p = this.#wanted(p, plan.fields[field] as Field, depth + 1)
        value[plan.names[field] as string] = this.#value
      }
      if (p === IN_DOUBT) return IN_DOUBT
      p = this.#space(p)
      if (p >= this.#end) return IN_DOUBT
      const c = bytes[p]
      if (c === CLOSE_BRACE) {
        this.#value = value
        return p + 1
      }
      if (c !== COMMA) return IN_DOUBT
      p = this.#space(p + 1)
    }
  }

  /** The closing quote of the name that begins at `at`, if it is the one expected at this place. */
  #expected(at: number, plan: Plan, place: number): number {
    if (place >= plan.expectedNames.length) return IN_DOUBT
    const name = plan.expectedNames[place] as Uint8Array
    const { length } = name
    const bytes = this.#bytes
    const close = at + length
    if (close >= this.#end || bytes[close] !== QUOTE) return IN_DOUBT
    for (let i = 0; i < length; i++) if (bytes[at + i] !== name[i]) return IN_DOUBT
    return close
  }

  /** Which field is called [from, to), which holds no escape; expected at this place from now on. */
  #field(from: number, to: number, plan: Plan, place: number): number {
    let found = -1
    for (let f = 0; f < plan.fields.length; f++) {
      const { name } = plan.fields[f] as Field
      if (name.length === to - from && this.#equals(name, from)) found = f
    }
    // Only the next free place: the list has no holes.
    if (place < EXPECTED && place <= plan.expectedNames.length) {
      plan.expectedNames[place] = this.#bytes.slice(from, to)
      plan.expectedFields[place] = found
    }
    return found
  }

  #equals(name: Uint8Array, from: number): boolean {
    for (let i = 0; i < name.length; i++) if (this.#bytes[from + i] !== name[i]) return false
    return true
  }

  /** Reads a value that is wanted into `#value`. @returns the position after it */
  #wanted(at: number, field: Field, depth: number): number {
    if (at >= this.#end) return IN_DOUBT
    const c = this.#bytes[at] as number
    if (c === QUOTE) {
      const end = this.#string(at)
      if (end !== IN_DOUBT) this.#value = this.#text(at, end, field)
      return end
    }
    if (c === OPEN_BRACE && field.plan !== null) return this.#object(at, field.plan, depth)
    if (c === MINUS || (c >= ZERO && c <= NINE)) return this.#number(at)
    const end = this.#skip(at, depth)
    if (end !== IN_DOUBT) this.#value = JSON.parse(this.#buffer.toString('utf8', at, end))
    return end
  }

  /** The string whose quotes stand at `at` and before `end`. */
  #text(at: number, end: number, field: Field): string {
    if (this.#escaped) return JSON.parse(this.#buffer.toString('utf8', at, end)) as string
    return field.texts.text(this.#buffer, at + 1, end - 1)
  }

  /** Reads a number into `#value`. */
  #number(at: number): number {
    const bytes = this.#bytes
    const negative = bytes[at] === MINUS
    const first = negative ? at + 1 : at
    // 15 digits are exact whatever they are, and there is no carry to care for.
    const limit = Math.min(this.#end, first + 15)
    let value = 0
    let p = first
    let c = 0
    while (p < limit) {
      c = bytes[p] as number
      if (c < ZERO || c > NINE) break
      value = value * 10 + c - ZERO
      p++
    }
    const whole = p < limit && c !== POINT && (c | 0x20) !== 0x65
    if (whole && p > first && (bytes[first] !== ZERO || p === first + 1)) {
      this.#value = negative ? -value : value
      return p
    }
    const end = this.#skipNumber(at)
    if (end !== IN_DOUBT) this.#value = Number(this.#buffer.toString('latin1', at, end))
    return end
  }

  /** Steps over a value of any kind, checking it. @returns the position after it */
  #skip(at: number, depth: number): number {
    if (at >= this.#end) return IN_DOUBT
    switch (this.#bytes[at] as number) {
      case QUOTE:
        return this.#string(at)
      case OPEN_BRACE:
        return this.#skipObject(at, depth)
      case OPEN_BRACKET:
        return this.#skipArray(at, depth)
      case 0x74: // t
        return this.#literal(at, TRUE)
      case 0x66: // f
        return this.#literal(at, FALSE)
      case 0x6e: // n
        return this.#literal(at, NULL)
      default:
        return this.#skipNumber(at)
    }
  }

  #skipObject(at: number, depth: number): number {
    if (depth > MAX_DEPTH) return IN_DOUBT
    const bytes = this.#bytes
    let p = this.#space(at + 1)
    if (p < this.#end && bytes[p] === CLOSE_BRACE) return p + 1
    for (;;) {
      if (p >= this.#end || bytes[p] !== QUOTE) return IN_DOUBT
      p = this.#string(p)
      if (p === IN_DOUBT) return IN_DOUBT
      p = this.#space(p)
      if (p >= this.#end || bytes[p] !== COLON) return IN_DOUBT
      p = this.#skip(this.#space(p + 1), depth + 1)
      if (p === IN_DOUBT) return IN_DOUBT
      p = this.#space(p)
      if (p >= this.#end) return IN_DOUBT
      if (bytes[p] === CLOSE_BRACE) return p + 1
      if (bytes[p] !== COMMA) return IN_DOUBT
      p = this.#space(p + 1)
    }
  }

  #skipArray(at: number, depth: number): number {
    if (depth > MAX_DEPTH) return IN_DOUBT
    const bytes = this.#bytes
    let p = this.#space(at + 1)
    if (p < this.#end && bytes[p] === CLOSE_BRACKET) return p + 1
    for (;;) {
      p = this.#skip(p, depth + 1)
      if (p === IN_DOUBT) return IN_DOUBT
      p = this.#space(p)
      if (p >= this.#end) return IN_DOUBT
      if (bytes[p] === CLOSE_BRACKET) return p + 1
      if (bytes[p] !== COMMA) return IN_DOUBT
      p = this.#space(p + 1)
    }
  }

  /** The position after the string that opens at `at`; `#escaped` says whether it holds escapes. */
  #string(at: number): number {
    const view = this.#view
    const bytes = this.#bytes
    const end = this.#end
    this.#escaped = false
    let p = at + 1
    for (;;) {
      while (p + 4 <= end && !hasStop(view.getInt32(p, true))) p += 4
      for (; p < end; p++) {
        const c = bytes[p] as number
        if (c === QUOTE) return p + 1
        if (c < 0x20) return IN_DOUBT
        if (c === BACKSLASH) break
      }
      if (p >= end) return IN_DOUBT
      p = this.#escape(p)
      if (p === IN_DOUBT) return IN_DOUBT
    }
  }

  /** Steps over an escape. */
  #escape(at: number): number {
    this.#escaped = true
    const bytes = this.#bytes
    const kind = at + 1 < this.#end ? bytes[at + 1] : undefined
    if (kind !== 0x75 /* u */)
      return kind !== undefined && SIMPLE_ESCAPES.includes(kind) ? at + 2 : IN_DOUBT
    if (at + 6 > this.#end) return IN_DOUBT
    for (let p = at + 2; p < at + 6; p++) if (!isHexDigit(bytes[p] as number)) return IN_DOUBT
    return at + 6
  }

  #skipNumber(at: number): number {
    const bytes = this.#bytes
    let p = at
    if (bytes[p] === MINUS) p++
    const whole = p
    p = this.#digits(p)
    // At least one digit, and no zero in front of others.
    if (p === whole || (p - whole > 1 && bytes[whole] === ZERO)) return IN_DOUBT
    if (p < this.#end && bytes[p] === POINT) {
      const fraction = p + 1
      p = this.#digits(fraction)
      if (p === fraction) return IN_DOUBT
    }
    if (p < this.#end && ((bytes[p] as number) | 0x20) === 0x65) {
      p++
      if (p < this.#end && (bytes[p] === MINUS || bytes[p] === 0x2b)) p++
      const exponent = p
      p = this.#digits(exponent)
      if (p === exponent) return IN_DOUBT
    }
    return p
  }

  #digits(at: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let p = at
    while (p < end) {
      const c = bytes[p] as number
      if (c < ZERO || c > NINE) break
      p++
    }
    return p
  }

  #literal(at: number, word: Uint8Array): number {
    if (at + word.length > this.#end || !this.#equals(word, at)) return IN_DOUBT
    return at + word.length
  }

  /** The first position from `at` on that is no white space. */
  #space(at: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let p = at
    while (p < end) {
      const c = bytes[p] as number
      if (c > 0x20 || (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09)) break
      p++
    }
    return p
  }
}

/**
 * Whether one of four bytes ends a run of plain characters: a quote, a backslash, or a control
 * character. (x - 1) & ~x has a byte's top bit set where that byte is zero; a borrow may set it in the
 * byte above one that is, never in a word without any. The bytes of other scripts have a top bit of
 * their own and are masked out of the comparison.
 */
function hasStop(word: number): boolean {
  const quote = word ^ 0x22222222
  const backslash = word ^ 0x5c5c5c5c
  const stops =
    ((quote - 0x01010101) & ~quote) |
    ((backslash - 0x01010101) & ~backslash) |
    ((word - 0x20202020) & ~word)
  return (stops & 0x80808080) !== 0
}

/** What may follow a backslash, other than u and four digits. */
const SIMPLE_ESCAPES = Buffer.from('"\\/bfnrt')

const isHexDigit = (c: number): boolean =>
  (c >= ZERO && c <= NINE) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66)

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')
