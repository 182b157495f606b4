/** Codecs of the smallest values there are. */
import { ByteReader, type Codec } from '#engine'

/** For records that are all key and time: those travel with every record, nothing is left for a value. */
export const nothing: Codec<string> = {
  name: 'nothing',
  write: () => {},
  read: () => '',
  readRange: () => '',
}

/** A count or an instant: a safe integer from 0 on. */
export const wholeNumber: Codec<number> = {
  name: 'whole number',
  write: (value, out) => out.varint(value),
  read: (bytes) => new ByteReader(bytes).varint(),
}
