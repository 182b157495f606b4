/** Reading entries of `records`: by the offset they hold, and one after the other. */
import { type Frame, parseFrames } from '../local/frame.ts'
import { type Environment, translate } from './environment.ts'
import { entryKey, offsetOfKey, partitionPrefix } from './layout.ts'

export interface Entry {
  /** Offset of the first record, which is the entry's key. */
  readonly base: number
  readonly bytes: number
  readonly frames: readonly Frame[]
}

/** Addresses a partition in `records`. */
export interface Shelf {
  readonly number: number
  readonly partition: number
}

/** The entry that holds the first record at or after `offset`. @throws log_corrupt */
export function entryAt(environment: Environment, shelf: Shelf, offset: number): Entry | undefined {
  try {
    // A consumer in sequence stands at the first offset of the next entry.
    const exact = load(environment, shelf, offset)
    if (exact !== undefined) return exact
    const before = neighbour(environment, shelf, offset, true)
    const holder = before === undefined ? undefined : load(environment, shelf, before)
    if (holder !== undefined && (holder.frames.at(-1) as Frame).end > offset) return holder
    const after = neighbour(environment, shelf, offset, false)
    return after === undefined ? undefined : load(environment, shelf, after)
  } catch (error) {
    throw translate(error, environment.directory, 0)
  }
}

/** The base of the last entry of a partition. */
export function lastEntryBase(environment: Environment, shelf: Shelf): number | undefined {
  return neighbour(environment, shelf, Number.MAX_SAFE_INTEGER, true)
}

function load(environment: Environment, shelf: Shelf, base: number): Entry | undefined {
  const bytes = environment.records.getBinary(entryKey(shelf.number, shelf.partition, base))
  if (bytes === undefined) return undefined
  return { base, bytes: bytes.byteLength, frames: parseFrames(bytes) }
}

/** The base of the entry closest to `offset`, before it (or at it) or after it. */
function neighbour(
  environment: Environment,
  shelf: Shelf,
  offset: number,
  before: boolean,
): number | undefined {
  const here = entryKey(shelf.number, shelf.partition, offset)
  const keys = environment.records.getKeys(
    before
      ? {
          start: here,
          end: partitionPrefix(shelf.number, shelf.partition),
          reverse: true,
          limit: 1,
        }
      : { start: here, end: partitionPrefix(shelf.number, shelf.partition + 1), limit: 1 },
  )
  for (const key of keys) return offsetOfKey(key)
  return undefined
}
