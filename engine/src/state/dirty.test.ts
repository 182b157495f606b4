import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Chunk,
  type DirtyLayer,
  DirtyLayers,
  dirtyRows,
  FORGOTTEN,
  type Place,
} from './dirty.ts'

const at = (key: string): { readonly group: number; readonly key: string } => ({ group: 0, key })
const chunk = (bytes: number): Chunk => ({ memory: new Uint8Array(bytes), live: 0 })
const value = (n: number): Uint8Array => Uint8Array.of(n)
/** A value of one byte, or null, in a chunk of so many bytes. */
function stored(n: number | null, bytes = 1, inside = chunk(bytes)): Place {
  if (n === null) return { chunk: inside, start: 0, end: FORGOTTEN }
  inside.memory[0] = n
  return { chunk: inside, start: 0, end: 1 }
}
const shown = (layers: readonly DirtyLayer[]): unknown[] =>
  Array.from(dirtyRows(layers), ({ key, values }) => [
    key,
    values.map((bytes) => (bytes instanceof Uint8Array ? bytes[0] : bytes)),
  ])

describe('dirty layers', () => {
  test('a chunk counts until the last of its values is overwritten', () => {
    const dirty = new DirtyLayers(1)
    const first = chunk(10_000)
    dirty.put(at('a'), 0, stored(1, 0, first))
    dirty.put(at('b'), 0, stored(1, 0, first))
    dirty.put(at('a'), 0, stored(2))
    expect(dirty.bytes).toBeGreaterThan(10_000)
    dirty.put(at('b'), 0, stored(null, 0))
    expect(dirty.bytes).toBeLessThan(1_000)
  })

  test('[K4] writing one key for ever holds one value', () => {
    const dirty = new DirtyLayers(1)
    dirty.put(at('a'), 0, stored(0, 100))
    const { bytes } = dirty
    for (let n = 0; n < 1_000; n++) dirty.put(at('a'), 0, stored(n & 255, 100))
    expect(dirty.bytes).toBe(bytes)
  })

  test('a snapshot does not change, reads see the newest', () => {
    const dirty = new DirtyLayers(2)
    dirty.put(at('a'), 0, stored(1))
    dirty.put(at('b'), 1, stored(2))
    const before = dirty.snapshot()
    dirty.put(at('a'), 0, stored(null))
    dirty.put(at('c'), 0, stored(3))
    const rows = [
      ['a', [1, undefined]],
      ['b', [undefined, 2]],
    ]
    expect(shown(before)).toEqual(rows)
    expect(dirty.read(0, 'a', 0)).toBeNull()
    expect(dirty.read(0, 'b', 1)).toEqual(value(2))
    expect(dirty.read(0, 'b', 0)).toBeUndefined()
  })

  test('a finished write drops what it wrote, a failed one nothing', () => {
    const dirty = new DirtyLayers(1)
    dirty.put(at('a'), 0, stored(1))
    dirty.beginWrite()
    dirty.put(at('b'), 0, stored(2))
    dirty.endWrite(false)
    expect(dirty.read(0, 'a', 0)).toEqual(value(1))
    dirty.beginWrite()
    dirty.put(at('b'), 0, stored(3))
    dirty.endWrite(true)
    expect(dirty.read(0, 'a', 0)).toBeUndefined()
    expect(dirty.read(0, 'b', 0)).toEqual(value(3))
  })

  test('any number of snapshots, during a write or not, leaves the same values', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant('put'), fc.nat(5), fc.nat(1), fc.nat(9)) },
      { weight: 4, arbitrary: fc.constant(['snapshot', 0, 0, 0] as const) },
      { weight: 1, arbitrary: fc.constant(['begin', 0, 0, 0] as const) },
      { weight: 1, arbitrary: fc.constant(['fail', 0, 0, 0] as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const dirty = new DirtyLayers(2)
        const model = new Map<string, (number | null | undefined)[]>()
        const held: { readonly layers: readonly DirtyLayer[]; readonly rows: unknown }[] = []
        const rows = (): unknown[] => [...model].sort(([a], [b]) => (a < b ? -1 : 1))
        let writing = false
        for (const [kind, k, slot, n] of steps) {
          if (kind === 'put') {
            const values = model.get(`k${k}`) ?? [undefined, undefined]
            values[slot] = n === 0 ? null : n
            model.set(`k${k}`, values)
            dirty.put(at(`k${k}`), slot, stored(n === 0 ? null : n))
          } else if (kind === 'fail') {
            dirty.endWrite(false)
            writing = false
          } else if (kind === 'snapshot' || !writing) {
            const layers = kind === 'snapshot' ? dirty.snapshot() : dirty.beginWrite()
            writing ||= kind === 'begin'
            held.push({ layers, rows: structuredClone(rows()) })
          }
        }
        held.push({ layers: dirty.snapshot(), rows: rows() })
        for (const { layers, rows } of held) expect(shown(layers)).toEqual(rows)
        expect(held.at(-1)?.layers.length).toBeLessThanOrEqual(20)
      }),
    )
  })
})
