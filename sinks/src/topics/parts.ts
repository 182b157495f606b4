/** Pieces that the schemas of sink topics share. Descriptions become the reference page. */
import Type from 'typebox'

export { CHANNELS, INTERVENTIONS, TRIGGER_KINDS } from '#models/vocabulary'

/** Schema types are read, never written. */
export type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T

export const Time = (description: string) =>
  Type.Integer({ description: `${description} (ms since 1970, UTC)` })

export const Text = (description: string) => Type.String({ description })

export const CustomerId = Text(
  'The customer: `u:` and the user id, or `a:` and the anonymous id. Personal data where the id is.',
)

type Json = string | number | boolean | null | readonly Json[] | Facts
export interface Facts {
  readonly [name: string]: Json
}

/** Checked as far as being an object goes; a record that was read from JSON holds nothing but JSON. */
export const FactsSchema = (description: string) =>
  Type.Unsafe<Facts>(Type.Record(Type.String(), Type.Unknown(), { description }))

export const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>(Type.Enum([...values], { description }))
