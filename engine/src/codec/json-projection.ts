/**
 * JSON read for the fields that are wanted alone: one pass over the bytes that builds no text of the
 * document and no object of what is left out. A source of wide events, of which a topology looks at a
 * few fields, spends most of its time in parsing; this is the projection pushed down into it.
 *
 * J1 For every document the value equals the projection of what `JSON.parse` gives (`project`), and
 *    where `JSON.parse` refuses a document this throws as well: what is left out is still checked.
 * J2 Names with escapes, deep nesting and anything else out of the ordinary are left to `JSON.parse`,
 *    over the whole document: the fast way may give up, never guess.
 * J3 Every value has all the fields of the shape, in its order; a missing one is undefined.
 */
import { type Codec, jsonCodec } from './codec.ts'
import { ProjectionReader } from './json-scanner.ts'
import { type AnyShape, readWhole } from './json-shape.ts'

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
    const reader = plain ? new ProjectionReader(shape as AnyShape) : null
    const json = jsonCodec<Projected<T, S>>()
    const readRange = (bytes: Buffer, from: number, to: number): Projected<T, S> =>
      (reader === null
        ? readWhole(bytes, from, to, shape as AnyShape)
        : reader.read(bytes, from, to)) as Projected<T, S>
    return {
      name: `json(${JSON.stringify(shape)})`,
      write: (value, out) => json.write(value, out),
      read: (bytes) => readRange(bytes, 0, bytes.length),
      readRange,
    }
  }

/** Names that have one spelling in JSON but for escapes; others are not looked for in the bytes. */
const PLAIN_NAME = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const hasPlainNames = (shape: AnyShape): boolean =>
  Object.entries(shape).every(
    ([name, below]) =>
      PLAIN_NAME.test(name) && name !== '__proto__' && (below === true || hasPlainNames(below)),
  )
