import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter } from '#engine'
import { contributionCodec } from './contribution-codec.ts'

const count = fc.nat(100_000)

test('[C4] a contribution reads as it was written, also behind other bytes', () => {
  const contribution = fc.record({
    midnight: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    recency: fc.option(count),
    frequency: count,
    monetary: fc.integer({ min: 0, max: 1e14 }),
    inactivity: count,
    engagement: count,
  })
  fc.assert(
    fc.property(contribution, (value) => {
      const out = new ByteWriter()
      contributionCodec.write(value, out)
      const bytes = out.copy()
      expect(contributionCodec.read(bytes)).toEqual(value)
      const among = Buffer.concat([Buffer.from([7, 7]), bytes, Buffer.from([7])])
      expect(contributionCodec.readRange?.(among, 2, 2 + bytes.length)).toEqual(value)
    }),
  )
})
