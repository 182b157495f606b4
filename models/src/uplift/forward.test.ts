import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Backend, type BackendName, loadBackend } from '../backend.ts'
import { readArtefact, type UpliftArtefact } from './artefact.ts'
import { compileForward, outputLayout } from './forward.ts'
import { readHillstrom } from './hillstrom.ts'
import { batchScorer } from './network.ts'
import { randomArtefact } from './testing.ts'

const example = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../examples/models/${name}`, import.meta.url))

function shipped(): UpliftArtefact {
  const read = readArtefact(example('hillstrom-visit.json'))
  if (!read.ok) throw new Error(read.code)
  return read.artefact
}

/** The largest difference between the compiled pass and tfjs over some rows. */
function largestDifference(backend: Backend, artefact: UpliftArtefact, rows: Float64Array): number {
  const width = artefact.features.length
  const length = outputLayout(artefact).length
  const scorer = batchScorer(backend, artefact)
  const wanted = scorer.score(rows, rows.length / width)
  scorer.dispose()
  const forward = compileForward(artefact)
  const out = new Float64Array(length)
  let largest = 0
  for (let row = 0; row * width < rows.length; row++) {
    forward(rows.subarray(row * width, (row + 1) * width), out)
    for (let i = 0; i < length; i++) {
      const difference = Math.abs((out[i] as number) - (wanted[row * length + i] as number))
      // A NaN anywhere would make every comparison false; it must fail instead.
      largest = difference <= largest ? largest : difference
    }
  }
  return largest
}

describe('the compiled pass and tfjs', () => {
  test.each<BackendName>(['wasm', 'cpu'])(
    '[MOD-6] [F2] agree within 1e-5 on 1,000 customers of the trial (%s)',
    async (name) => {
      const backend = await loadBackend([name])
      const data = readHillstrom(example('data/hillstrom.csv.gz'))
      const stride = Math.floor(data.count / 1000)
      const rows = new Float64Array(1000 * 9)
      for (let i = 0; i < 1000; i++)
        rows.set(data.features.subarray(i * stride * 9, i * stride * 9 + 9), i * 9)
      expect(largestDifference(backend, shipped(), rows)).toBeLessThan(1e-5)
    },
  )

  test('[F2] agree within 1e-5 for any shape, weights and features', async () => {
    const backend = await loadBackend(['wasm', 'cpu'])
    const size = fc.integer({ min: 1, max: 12 })
    fc.assert(
      fc.property(
        fc.record({ trunk: size, head: size, members: fc.integer({ min: 2, max: 4 }) }),
        fc.integer(),
        fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 27, maxLength: 27 }),
        (shape, seed, features) => {
          const artefact = randomArtefact(seed, shape)
          expect(largestDifference(backend, artefact, Float64Array.from(features))).toBeLessThan(
            1e-5,
          )
        },
      ),
      { numRuns: 25 },
    )
  })

  test('leave no tensors behind', async () => {
    const backend = await loadBackend(['wasm', 'cpu'])
    const before = backend.tf.memory().numTensors
    largestDifference(backend, randomArtefact(1), new Float64Array(18))
    expect(backend.tf.memory().numTensors).toBe(before)
  })
})

const bits = (values: Float64Array): string => Buffer.from(values.buffer).toString('hex')

describe('one row', () => {
  const artefact = randomArtefact(7)
  const layout = outputLayout(artefact)
  const anyRow = fc
    .array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 9, maxLength: 9 })
    .map((row) => Float64Array.from(row))

  test('[MOD-6] [F1] the same bits in any order and from any copy of the model', () => {
    const one = compileForward(artefact)
    const other = compileForward(randomArtefact(7))
    fc.assert(
      fc.property(anyRow, anyRow, (a, b) => {
        const first = new Float64Array(layout.length)
        const again = new Float64Array(layout.length).fill(9)
        one(a, first)
        other(b, again)
        other(a, again)
        expect(bits(again)).toBe(bits(first))
      }),
    )
  })

  test('[MOD-1] effects are differences of the probabilities, uncertainty is not negative', () => {
    const out = new Float64Array(layout.length)
    const forward = compileForward(artefact)
    fc.assert(
      fc.property(anyRow, (row) => {
        forward(row, out)
        for (let arm = 0; arm < 3; arm++) {
          expect(out[layout.probability + arm]).toBeGreaterThan(0)
          expect(out[layout.probability + arm]).toBeLessThan(1)
        }
        for (let k = 0; k < 2; k++) {
          const effect = (out[k + 1] as number) - (out[0] as number)
          expect(out[layout.effect + k]).toBe(effect)
          expect(out[layout.sd + k]).toBeGreaterThan(0)
        }
      }),
    )
  })

  test('[MOD-1] members that agree give no uncertainty', () => {
    const twin = randomArtefact(7, { members: 2 })
    const half = Buffer.from(twin.weights, 'base64')
    const agreed = Buffer.concat([
      half.subarray(0, half.length / 2),
      half.subarray(0, half.length / 2),
    ])
    const out = new Float64Array(layout.length)
    compileForward({ ...twin, weights: agreed.toString('base64') })(new Float64Array(9), out)
    expect([out[layout.sd], out[layout.sd + 1]]).toEqual([0, 0])
  })

  test('[F4] features are clamped to the range of the training data', () => {
    const forward = compileForward(artefact)
    const edge = new Float64Array(layout.length)
    const beyond = new Float64Array(layout.length)
    forward(new Float64Array(9).fill(3), edge)
    for (const far of [3.5, 1e6, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      forward(new Float64Array(9).fill(far), beyond)
      expect(bits(beyond)).toBe(bits(edge))
    }
  })

  test('[F4] one NaN feature makes every output NaN', () => {
    const forward = compileForward(artefact)
    const out = new Float64Array(layout.length)
    for (let i = 0; i < 9; i++) {
      const row = new Float64Array(9)
      row[i] = Number.NaN
      forward(row, out)
      expect([...out].every(Number.isNaN)).toBe(true)
    }
  })

  test('a row that is too short is a bug and says so', () => {
    const out = new Float64Array(layout.length)
    expect(() => compileForward(artefact)([1, 2], out)).toThrow('every feature')
  })
})
