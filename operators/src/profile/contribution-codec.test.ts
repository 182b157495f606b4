import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter, type Codec, days } from '#engine'
import { contributionChangeCodec, contributionsCodec } from './contribution-codec.ts'

const count = fc.nat(100_000)
const contribution = fc.record({
  lastOrder: fc.option(count),
  frequency: count,
  monetary: fc.integer({ min: 0, max: 1e14 }),
  lastActive: count,
  engagement: count,
})
const contributions = fc.array(contribution, { maxLength: 3 })

const written = <T>(codec: Codec<T>, value: T): Buffer => {
  const out = new ByteWriter()
  codec.write(value, out)
  return out.copy()
}

test('[C8] what is told and what was told read as they were written', () => {
  const change = fc.record({
    midnight: fc.nat(40_000).map(days),
    was: contributions,
    is: fc.option(contribution),
  })
  fc.assert(
    fc.property(change, contributions, (told, note) => {
      expect(contributionChangeCodec.read(written(contributionChangeCodec, told))).toEqual(told)
      expect(contributionsCodec.read(written(contributionsCodec, note))).toEqual(note)
    }),
  )
})

test('[C8] what an older release wrote is refused by name, not misread', () => {
  const old = Buffer.from([0x80, 0x80, 0xc0, 0x95, 0xdd, 0x65, 4, 2, 2, 2, 2])
  expect(() => contributionChangeCodec.read(old)).toThrow('contribution_format')
})
