/** Contributions on their way to the shop stage: one a customer and day, so their size counts. */
import { type Codec, fieldsCodec } from '#engine'
import type { Contribution } from './contribution.ts'

/** Recency is counted from 1, since a customer who never ordered has none. */
const wire = fieldsCodec<{ readonly [F in keyof Contribution]: number }>({
  midnight: 'int',
  recency: 'int',
  frequency: 'int',
  monetary: 'int',
  inactivity: 'int',
  engagement: 'int',
})

const toWire = (it: Contribution) => ({ ...it, recency: it.recency === null ? 0 : it.recency + 1 })

const fromWire = (it: { readonly [F in keyof Contribution]: number }): Contribution => ({
  midnight: it.midnight,
  recency: it.recency === 0 ? null : it.recency - 1,
  frequency: it.frequency,
  monetary: it.monetary,
  inactivity: it.inactivity,
  engagement: it.engagement,
})

export const contributionCodec: Codec<Contribution> = {
  name: 'contribution',
  write: (value, out) => wire.write(toWire(value), out),
  read: (bytes) => fromWire(wire.read(bytes)),
  readRange: (bytes, from, to) =>
    fromWire(wire.readRange?.(bytes, from, to) ?? wire.read(bytes.subarray(from, to))),
}
