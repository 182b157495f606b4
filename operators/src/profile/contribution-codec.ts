/**
 * Contributions in binary: on their way to the shop stage, and as each customer's note of what the shop
 * counts. Some hundred thousand are written in an import, so their size counts.
 */
import { ByteReader, type ByteWriter, type Codec, days, OpportuneError } from '#engine'
import type { Contribution, ContributionChange } from './contribution.ts'
import { readList, writeList } from './parts-codec.ts'

/** Told apart from the form before it, a contribution without what it replaces. */
const FORMAT = 0xc2

const DAY = days(1)

/** A day of an order is counted from 1, since a customer who never ordered has none. */
function writeContribution(it: Contribution, out: ByteWriter): void {
  out.varint(it.lastOrder === null ? 0 : it.lastOrder + 1)
  out.varint(it.frequency)
  out.varint(it.monetary)
  out.varint(it.lastActive)
  out.varint(it.engagement)
}

function readContribution(reader: ByteReader): Contribution {
  const lastOrder = reader.varint()
  return {
    lastOrder: lastOrder === 0 ? null : lastOrder - 1,
    frequency: reader.varint(),
    monetary: reader.varint(),
    lastActive: reader.varint(),
    engagement: reader.varint(),
  }
}

export const contributionsCodec: Codec<readonly Contribution[]> = {
  name: 'contributions',
  write: (value, out) => writeList(value, out, writeContribution),
  read: (bytes) => readList(new ByteReader(bytes), readContribution),
}

/** @throws contribution_format on reading what an older release wrote */
export const contributionChangeCodec: Codec<ContributionChange> = {
  name: 'contribution-change',
  write({ midnight, was, is }, out) {
    out.byte(FORMAT)
    out.varint(midnight / DAY)
    writeList(was, out, writeContribution)
    writeList(is === null ? [] : [is], out, writeContribution)
  },
  read(bytes) {
    const reader = new ByteReader(bytes)
    if (reader.byte() !== FORMAT)
      throw new OpportuneError('contribution_format', 'It does not begin as one of this release.')
    const midnight = reader.varint() * DAY
    const was = readList(reader, readContribution)
    const [is = null] = readList(reader, readContribution)
    return { midnight, was, is }
  },
}
