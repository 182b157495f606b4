/**
 * Stored form of what joins hold. Times are written as the distance to the one before (they are sorted),
 * values in their side's codec with their length in front. The state's version stands for this layout
 * and the sides' shapes together.
 */
import { ByteReader, type ByteWriter } from '../codec/bytes.ts'
import { type Codec, rangeReader } from '../codec/codec.ts'
import { OpportuneError } from '../errors.ts'
import type { Millis } from '../time.ts'
import type { Held, Status } from './held.ts'

/** A value inside a larger one: a codec reads from exactly its bytes. */
export interface Nested<T> {
  write(value: T, out: ByteWriter): void
  read(reader: ByteReader): T
}

export function nested<T>(codec: Codec<T>): Nested<T> {
  const read = rangeReader(codec)
  return {
    write(value, out) {
      const begun = out.beginValue()
      codec.write(value, out)
      out.endValue(begun)
    },
    read(reader) {
      const length = reader.varint()
      const from = reader.skip(length)
      return read(reader.buffer, from, from + length)
    },
  }
}

/** One that may be missing. */
export function nullable<T>(codec: Codec<T>): Nested<T | null> {
  const inner = nested(codec)
  return {
    write(value, out) {
      out.byte(value === null ? 0 : 1)
      if (value !== null) inner.write(value, out)
    },
    read: (reader) => (reader.byte() === 0 ? null : inner.read(reader)),
  }
}

/** A list of records in the order of their times. */
export function timedList<T extends { readonly at: Millis }>(item: {
  write(record: T, out: ByteWriter): void
  read(at: Millis, reader: ByteReader): T
}): Nested<readonly T[]> {
  return {
    write(records, out) {
      out.varint(records.length)
      let before = 0
      for (const record of records) {
        out.signed(record.at - before)
        before = record.at
        item.write(record, out)
      }
    },
    read(reader) {
      const records: T[] = []
      let at = 0
      for (let left = reader.varint(); left > 0; left--) {
        at += reader.signed()
        records.push(item.read(at, reader))
      }
      return records
    },
  }
}

export function heldList<T>(codec: Codec<T>): Nested<readonly Held<T>[]> {
  const value = nested(codec)
  return timedList<Held<T>>({
    write(record, out) {
      out.byte(record.status)
      value.write(record.value, out)
    },
    read(at, reader) {
      const status = reader.byte()
      if (status > 2) throw new OpportuneError('state_corrupt', 'A record of a join has no status.')
      return { at, status: status as Status, value: value.read(reader) }
    },
  })
}

/** A codec of a whole state from one that writes and reads it in place. */
export function stateCodec<S>(name: string, body: Nested<S>): Codec<S> {
  return {
    name,
    write: (state, out) => body.write(state, out),
    read: (bytes) => body.read(new ByteReader(bytes)),
  }
}
