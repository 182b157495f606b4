/**
 * Promoted values that no checkpoint holds yet, encoded, newest first over the checkpoint.
 *
 * They form layers. Only the youngest is written to; `snapshot` closes it and starts another, in
 * constant time, so that a checkpoint or a scan sees one moment while work goes on. A finished
 * checkpoint drops the layers it wrote; after a failed one they are simply still here.
 *
 * The values of an epoch lie in one chunk of memory, which lives until the last of them is overwritten;
 * `bytes` counts whole chunks, because that is what is held. A value is kept as its place in the chunk:
 * a view of it is three times as large, and most are overwritten before anybody reads them.
 */
import { KEY_GROUPS } from '../hash.ts'

/** The encoded values of one epoch, and how many of them are still the newest here. */
export interface Chunk {
  readonly memory: Uint8Array
  live: number
}

/** Where an encoded value lies: [start, end) of its chunk; forgotten where `end` is negative. */
export interface Place {
  readonly chunk: Chunk
  readonly start: number
  readonly end: number
}

export const FORGOTTEN = -1

/** A key's places by slot; undefined where this layer does not know. */
type Places = (Place | undefined)[]

/** By slot: encoded, null where forgotten, undefined where no layer knows. */
type Values = (Uint8Array | null | undefined)[]

/** Objects around a key and a value in a layer. */
const KEY_OVERHEAD = 200
const VALUE_OVERHEAD = 60
/** Scans close layers; more than this many are folded, or each read would ask all of them. */
const MAX_LAYERS = 8

export class DirtyLayer {
  readonly #slots: number
  readonly #groups: (Map<string, Places> | undefined)[] = Array.from({ length: KEY_GROUPS })
  /** The key put last: an epoch's changes of one key mostly come one after the other. */
  #newestKey = ''
  #newest: Places | undefined
  bytes = 0

  constructor(slots: number) {
    this.#slots = slots
  }

  get empty(): boolean {
    return this.bytes === 0
  }

  read(group: number, key: string, slot: number): Place | undefined {
    return this.#groups[group]?.get(key)?.[slot]
  }

  put(at: { readonly group: number; readonly key: string }, slot: number, place: Place): void {
    const places = this.#places(at.group, at.key)
    const former = places[slot]?.chunk
    if (former === undefined) this.bytes += VALUE_OVERHEAD
    else if (--former.live === 0) this.bytes -= former.memory.length
    const { chunk } = place
    if (chunk.live++ === 0) this.bytes += chunk.memory.length
    places[slot] = place
  }

  keys(group: number): Iterable<readonly [string, Readonly<Places>]> {
    return this.#groups[group] ?? []
  }

  #places(group: number, key: string): Places {
    if (this.#newest !== undefined && this.#newestKey === key) return this.#newest
    let keys = this.#groups[group]
    if (keys === undefined) this.#groups[group] = keys = new Map()
    let found = keys.get(key)
    if (found === undefined) {
      found = unknownIn(this.#slots)
      keys.set(key, found)
      this.bytes += KEY_OVERHEAD
    }
    this.#newestKey = key
    this.#newest = found
    return found
  }
}

export class DirtyLayers {
  readonly #slots: number
  /** Oldest first; the last is written to. */
  #layers: DirtyLayer[]
  /** How many of the oldest are being written to a checkpoint. */
  #writing = 0

  constructor(slots: number) {
    this.#slots = slots
    this.#layers = [new DirtyLayer(slots)]
  }

  get bytes(): number {
    let bytes = 0
    for (const layer of this.#layers) bytes += layer.bytes
    return bytes
  }

  put(at: { readonly group: number; readonly key: string }, slot: number, place: Place): void {
    this.#youngest.put(at, slot, place)
  }

  read(group: number, key: string, slot: number): Uint8Array | null | undefined {
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const place = (this.#layers[i] as DirtyLayer).read(group, key, slot)
      if (place !== undefined) return valueAt(place)
    }
    return undefined
  }

  /** Every layer as it is now; none of them changes any more. */
  snapshot(): readonly DirtyLayer[] {
    if (!this.#youngest.empty) this.#layers.push(new DirtyLayer(this.#slots))
    if (this.#layers.length - this.#writing > MAX_LAYERS) this.#fold()
    return this.#layers.slice(0, -1)
  }

  /** A checkpoint starts on everything there is. */
  beginWrite(): readonly DirtyLayer[] {
    const layers = this.snapshot()
    this.#writing = layers.length
    return layers
  }

  /** @param written whether the checkpoint now holds what `beginWrite` gave */
  endWrite(written: boolean): void {
    if (written) this.#layers = this.#layers.slice(this.#writing)
    this.#writing = 0
  }

  get #youngest(): DirtyLayer {
    return this.#layers.at(-1) as DirtyLayer
  }

  /** One new layer in place of all closed ones that are not being written; iterators keep theirs. */
  #fold(): void {
    const folded = new DirtyLayer(this.#slots)
    const chunks = new Map<Chunk, Chunk>()
    for (const layer of this.#layers.slice(this.#writing, -1))
      for (let group = 0; group < KEY_GROUPS; group++)
        for (const [key, places] of layer.keys(group))
          places.forEach((place, slot) => {
            if (place === undefined) return
            const { chunk, start, end } = place
            let copy = chunks.get(chunk)
            if (copy === undefined) chunks.set(chunk, (copy = { memory: chunk.memory, live: 0 }))
            folded.put({ group, key }, slot, { chunk: copy, start, end })
          })
    this.#layers = [...this.#layers.slice(0, this.#writing), folded, this.#youngest]
  }
}

/** One key of several layers seen as one. */
export interface DirtyRow {
  readonly group: number
  readonly key: string
  readonly values: Readonly<Values>
}

/** The rows of all layers by (group, key), the newest layer's values on top. */
export function* dirtyRows(layers: readonly DirtyLayer[]): Generator<DirtyRow> {
  for (let group = 0; group < KEY_GROUPS; group++) {
    const rows = new Map<string, Readonly<Places>>()
    for (const layer of layers)
      for (const [key, places] of layer.keys(group)) {
        const below = rows.get(key)
        rows.set(key, below === undefined ? places : overlay(below, places))
      }
    for (const [key, places] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
      yield { group, key, values: places.map(valueAt) }
  }
}

/** The encoded value, null where it is forgotten. */
function valueAt(place: Place): Uint8Array | null
function valueAt(place: Place | undefined): Uint8Array | null | undefined
function valueAt(place: Place | undefined): Uint8Array | null | undefined {
  if (place === undefined) return undefined
  const { chunk, start, end } = place
  if (end < 0) return null
  // A plain view: the Buffer of `subarray` costs twice as much.
  return new Uint8Array(chunk.memory.buffer, chunk.memory.byteOffset + start, end - start)
}

/** Faster than Array.from, and without the holes of `new Array`. */
function unknownIn<T>(slots: number): (T | undefined)[] {
  const values: (T | undefined)[] = []
  for (let slot = 0; slot < slots; slot++) values.push(undefined)
  return values
}

const overlay = (below: Readonly<Places>, above: Readonly<Places>): Places =>
  below.map((place, slot) => above[slot] ?? place)
