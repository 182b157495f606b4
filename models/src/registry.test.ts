import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createModelRegistry } from './registry.ts'
import { writeArtefact } from './uplift/artefact.ts'
import { compileForward } from './uplift/forward.ts'
import { randomArtefact } from './uplift/testing.ts'

const [first, second, third] = [randomArtefact(1), randomArtefact(2), randomArtefact(3)]
const ID = first.id
const row = Float64Array.of(1, 2, 0, 1, 0, 0, 1, 0, 0)

describe('the registry', () => {
  test('[MOD-6] is empty at first and says so', () => {
    const registry = createModelRegistry()
    expect(registry.active(ID)).toBeUndefined()
    expect(registry.rollBack(ID)).toMatchObject({
      outcome: 'refused',
      code: 'model_missing',
      serving: null,
    })
  })

  test('[MOD-6] activates a good artefact, compiled and ready', () => {
    const registry = createModelRegistry()
    expect(registry.offer(ID, writeArtefact(first))).toEqual({
      outcome: 'activated',
      id: ID,
      version: first.version,
      previous: null,
    })
    const model = registry.active(ID)
    const got = new Float64Array(model?.layout.length ?? 0)
    const wanted = new Float64Array(got.length)
    model?.score(row, got)
    compileForward(first)(row, wanted)
    expect(got).toEqual(wanted)
  })

  test('[R1] a refused offer leaves the last good one serving', () => {
    const registry = createModelRegistry()
    const good = writeArtefact(first)
    registry.offer(ID, good)
    const serving = registry.active(ID)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(good.length - 3), (noise, length) => {
        for (const bytes of [noise, good.subarray(0, length)]) {
          expect(registry.offer(ID, bytes)).toMatchObject({
            outcome: 'refused',
            serving: first.version,
          })
          expect(registry.active(ID)).toBe(serving)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('[R1] an artefact of another id is foreign', () => {
    const registry = createModelRegistry()
    expect(registry.offer('other', writeArtefact(first))).toMatchObject({
      outcome: 'refused',
      code: 'model_foreign',
    })
    expect(registry.active('other')).toBeUndefined()
  })

  test('[R2] the same artefact again changes nothing, so roll back still has its target', () => {
    const registry = createModelRegistry()
    registry.offer(ID, writeArtefact(first))
    registry.offer(ID, writeArtefact(second))
    expect(registry.offer(ID, writeArtefact(second)).outcome).toBe('unchanged')
    expect(registry.rollBack(ID)).toMatchObject({
      outcome: 'activated',
      version: first.version,
      previous: second.version,
    })
  })

  test('[MOD-6] rolls back to the version before, and forward again', () => {
    const registry = createModelRegistry()
    for (const artefact of [first, second, third]) registry.offer(ID, writeArtefact(artefact))
    registry.rollBack(ID)
    expect(registry.active(ID)?.artefact.version).toBe(second.version)
    registry.rollBack(ID)
    expect(registry.active(ID)?.artefact.version).toBe(third.version)
  })
})
