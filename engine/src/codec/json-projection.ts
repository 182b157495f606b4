/**
 * JSON read for the fields that are wanted alone: one pass over the bytes that builds no text of the
 * document and no object of what is left out. A source of wide events, of which a topology looks at a
 * few fields, spends most of its time in parsing; this is the projection pushed down into it.
 *
 * J1 For every document the value equals the projection of what `JSON.parse` gives (`project`), and
 *    where `JSON.parse` refuses a document this throws as well: what is left out is still checked.
 * J2 Escapes in names or wanted strings, deep nesting and anything out of the ordinary are left to
 *    `JSON.parse`, over the whole document: the fast way may give up, never guess.
 * J3 Every value has all the fields of the shape, in its order; a missing one is undefined.
 *
 * Names are first compared with those that stood at the same place in documents before (producers
 * write them in one order), and short strings with ones seen before, so that "view" is made once.
 */
import type { Codec } from './codec.ts'
import { jsonCodec } from './codec.ts'
import { SeenTexts } from './seen-texts.ts'

/**
 * Which fields: `true` takes a value as it is, a nested shape projects it. For a union of document
 * types the shape names fields of any of them.
 */
export type JsonShape<T> = {
  readonly [K in KeysOf<T>]?: true | JsonShape<NonNullable<FieldOf<T, K>>>
}

type KeysOf<T> = T extends readonly unknown[] ? never : T extends object ? keyof T & string : never
type FieldOf<T, K> = T extends Readonly<Record<K & string, infer V>> ? V : never

/** The part of T that a shape keeps; a field that only some of a union's types have may be missing. */
export type Projected<T, S> = T extends object
  ? { readonly [K in keyof T & keyof S]: S[K] extends true ? T[K] : Projected<T[K], S[K]> }
  : T

/**
 * A codec for a source of JSON of which only some fields are used. Writing is that of `jsonCodec`.
 * @example
 * jsonProjection<Event>()({ type: true, user: { id: true } })
 */
export const jsonProjection =
  <T>() =>
  <const S extends JsonShape<T>>(shape: S): Codec<Projected<T, S>> => {
    const plain = hasPlainNames(shape as AnyShape)
    const reader = plain ? new ProjectionReader(planOf(shape as AnyShape)) : null
    const json = jsonCodec<Projected<T, S>>()
    const readRange = (bytes: Buffer, from: number, to: number): Projected<T, S> =>
      (reader === null ? parse(bytes, from, to, shape as AnyShape) : reader.read(bytes, from, to)) as Projected<T, S>
    return {
      name: `json(${JSON.stringify(shape)})`,
      write: json.write,
      read: (bytes) => readRange(bytes, 0, bytes.length),
      readRange,
    }
  }

export type AnyShape = { readonly [name: string]: true | AnyShape }

/** The definition of what a projection is. Values that are no objects stand as they are. */
export function project(value: unknown, shape: true | AnyShape): unknown {
  if (shape === true || typeof value !== 'object' || value === null || Array.isArray(value))
    return value
  const given = value as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    Object.entries(shape).map(([name, below]) => [
      name,
      Object.hasOwn(given, name) ? project(given[name], below) : undefined,
    ]),
  )
}

const parse = (bytes: Buffer, from: number, to: number, shape: AnyShape): unknown =>
  project(JSON.parse(bytes.toString('utf8', from, to)), shape)

/** Names that have one spelling in JSON but for escapes; others are not looked for in the bytes. */
const PLAIN_NAME = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const hasPlainNames = (shape: AnyShape): boolean =>
  Object.entries(shape).every(
    ([name, below]) => PLAIN_NAME.test(name) && name !== '__proto__' && (below === true || hasPlainNames(below)),
  )

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

class ProjectionReader {
  readonly #plan: Plan
  #bytes: Uint8Array = EMPTY
  #buffer: Buffer = EMPTY
  #view: DataView = new DataView(EMPTY.buffer, EMPTY.byteOffset, 0)
  #end = 0
  /** The value read last. */
  #value: unknown

  constructor(plan: Plan) {
    this.#plan = plan
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
    return parse(buffer, from, to, this.#plan.shape)
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
        if (end === IN_DOUBT) return IN_DOUBT
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
      if (end !== IN_DOUBT) this.#value = field.texts.text(this.#buffer, at + 1, end - 1)
      return end
    }
    if (c === OPEN_BRACE && field.plan !== null) return this.#object(at, field.plan, depth)
    if (c === MINUS || (c >= ZERO && c <= NINE)) return this.#number(at)
    const end = this.#skip(at, depth)
    if (end !== IN_DOUBT) this.#value = JSON.parse(this.#buffer.toString('utf8', at, end))
    return end
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

  /** The position after the string that opens at `at`; in doubt where it holds an escape. */
  #string(at: number): number {
    const view = this.#view
    const bytes = this.#bytes
    const end = this.#end
    let p = at + 1
    while (p + 4 <= end && !hasStop(view.getInt32(p, true))) p += 4
    for (; p < end; p++) {
      const c = bytes[p] as number
      if (c === QUOTE) return p + 1
      if (c < 0x20 || c === BACKSLASH) return IN_DOUBT
    }
    return IN_DOUBT
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

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')
