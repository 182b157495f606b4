/** The records of a join's internal topic: one byte for the side, then the value in its side's codec. */
import type { ByteWriter } from '../codec/bytes.ts'
import { type Codec, rangeReader } from '../codec/codec.ts'
import { OpportuneError } from '../errors.ts'
import type { JoinCodecs, Tagged } from './join.ts'

const LEFT = 0
const RIGHT = 1

export const asLeft = <L>(value: L): Tagged<L, never> => ({ side: 'left', value })
export const asRight = <R>(value: R): Tagged<never, R> => ({ side: 'right', value })

export function taggedCodec<L, R>(sides: JoinCodecs<L, R>): Codec<Tagged<L, R>> {
  const readLeft = rangeReader(sides.left)
  const readRight = rangeReader(sides.right)
  const readRange = (bytes: Buffer, from: number, to: number): Tagged<L, R> => {
    const side = from < to ? bytes[from] : undefined
    if (side === LEFT) return { side: 'left', value: readLeft(bytes, from + 1, to) }
    if (side === RIGHT) return { side: 'right', value: readRight(bytes, from + 1, to) }
    throw new OpportuneError('frame_corrupt', 'A record of a join has no side.')
  }
  return {
    name: `sides(${sides.left.name},${sides.right.name})`,
    write(tagged, out: ByteWriter) {
      if (tagged.side === 'left') {
        out.byte(LEFT)
        sides.left.write(tagged.value, out)
      } else {
        out.byte(RIGHT)
        sides.right.write(tagged.value, out)
      }
    },
    read: (bytes) => readRange(bytes, 0, bytes.length),
    readRange,
  }
}
