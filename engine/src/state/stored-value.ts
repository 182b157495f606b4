/**
 * The store's own format of a value: {state version: varint, written at: varint ms, payload}. The
 * payload is the slot's codec's; a value written by an older version of the state is decoded by the
 * same codec and then migrated step by step, so a codec that is not self-describing (unlike JSON)
 * must itself still read what older versions wrote.
 */
import type { ByteWriter } from '../codec/bytes.ts'
import { ByteReader } from '../codec/bytes.ts'
import { type Codec, jsonCodec } from '../codec/codec.ts'
import { findError, OpportuneError } from '../errors.ts'
import { END, type Millis } from '../time.ts'
import { ABSENT } from './cells.ts'
import type { SlotSpec } from './port.ts'

export interface StoredValue {
  /** Decoded and migrated, or ABSENT where it was dropped on purpose. */
  readonly value: unknown
  readonly writtenAt: Millis
}

/** One slot as the store uses it: reads and writes its stored values. */
export class Slot {
  readonly id: string
  readonly initial: unknown
  /** END where state is never forgotten by time. */
  readonly ttl: Millis
  readonly #version: number
  readonly #codec: Codec<unknown>
  readonly #migrate: Readonly<Record<number, (old: unknown) => unknown>>
  readonly #dropped: boolean

  /** @param dropped values of an older version without migration read as absent, on purpose */
  constructor(spec: SlotSpec, dropped: boolean) {
    this.id = spec.id
    this.initial = spec.state.initial
    this.ttl = spec.state.ttl ?? END
    this.#version = spec.state.version
    this.#codec = spec.state.codec ?? jsonCodec()
    this.#migrate = spec.state.migrate ?? {}
    this.#dropped = dropped
  }

  write(value: unknown, writtenAt: Millis, out: ByteWriter): void {
    out.varint(this.#version)
    out.varint(writtenAt)
    this.#codec.write(value, out)
  }

  /** @throws state_version, state_corrupt */
  read(bytes: Uint8Array): StoredValue {
    try {
      const header = new ByteReader(bytes)
      const version = header.varint()
      const writtenAt = header.varint()
      if (version !== this.#version && !this.#reachable(version)) {
        if (this.#dropped) return { value: ABSENT, writtenAt }
        throw this.#refused(version)
      }
      const stored = this.#codec.read(header.buffer.subarray(header.position))
      return { value: this.#upgrade(stored, version), writtenAt }
    } catch (error) {
      if (findError(error)?.code === 'state_version') throw error
      throw new OpportuneError(
        'state_corrupt',
        `A value of ${this.id} does not decode.`,
        { slot: this.id, bytes: bytes.length },
        error,
      )
    }
  }

  expired(writtenAt: Millis, now: Millis): boolean {
    return writtenAt + this.ttl <= now
  }

  /** Like `expired`, of an encoded value, without decoding it. */
  expiredBytes(bytes: Uint8Array, now: Millis): boolean {
    if (this.ttl === END) return false
    const header = new ByteReader(bytes)
    header.varint()
    return this.expired(header.varint(), now)
  }

  #reachable(version: number): boolean {
    return canMigrate(version, this.#version, this.#migrate)
  }

  #upgrade(stored: unknown, from: number): unknown {
    let value = stored
    for (let v = from; v < this.#version; v++)
      value = (this.#migrate[v] as (old: unknown) => unknown)(value)
    return value
  }

  #refused(version: number): OpportuneError {
    return new OpportuneError(
      'state_version',
      `State of ${this.id} is stored in version ${version}; this build has ${this.#version}.`,
      { slot: this.id, stored: version, current: this.#version },
    )
  }
}

/** The version of the state that an encoded value was written in. */
export const storedVersion = (bytes: Uint8Array): number => new ByteReader(bytes).varint()

/** Whether every step from version `from` to `to` has a migration. */
export function canMigrate(
  from: number,
  to: number,
  migrate: Readonly<Record<number, (old: unknown) => unknown>>,
): boolean {
  for (let v = from; v < to; v++) if (migrate[v] === undefined) return false
  return from <= to
}
