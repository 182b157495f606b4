/** What a projection of JSON is (rules J1..J3 in `json-projection.ts`), by way of the whole document. */

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

/** The plain way: everything is parsed. @throws SyntaxError */
export const readWhole = (bytes: Buffer, from: number, to: number, shape: AnyShape): unknown =>
  project(JSON.parse(bytes.toString('utf8', from, to)), shape)
