/**
 * All stored values of one key as one run of bytes: {slot id, value}*, each with its length before it,
 * in no order. A key's values are read and written together nearly always, and one look into LMDB
 * costs as much as all the rest.
 */
import { ByteReader, ByteWriter } from '../codec/bytes.ts'
import type { Change } from './port.ts'

export type SlotValue = readonly [slot: string, value: Buffer]

/** In the order of the ids (B3); views into the row. */
export function slotsOf(row: Uint8Array): SlotValue[] {
  const reader = new ByteReader(row)
  const slots: SlotValue[] = []
  while (!reader.done) slots.push([reader.text(), reader.bytes()])
  return slots.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The value of a slot, as a view into the row. */
export function slotIn(row: Uint8Array, slot: string): Uint8Array | undefined {
  const reader = new ByteReader(row)
  while (!reader.done) {
    const found = isNext(reader, slot)
    const length = reader.varint()
    const start = reader.skip(length)
    if (found) return new Uint8Array(row.buffer, row.byteOffset + start, length)
  }
  return undefined
}

export class RowWriter {
  readonly #out = new ByteWriter(4096)

  /** The row after changes, at most one for each slot; undefined where nothing is left of it. */
  changed(row: Uint8Array | undefined, changes: readonly Change[]): Buffer | undefined {
    const out = this.#out
    out.reset()
    for (const { slot, value } of changes) {
      if (value === null) continue
      out.text(slot)
      out.bytes(value)
    }
    if (row !== undefined) this.#keep(row, changes)
    return out.position === 0 ? undefined : out.copy()
  }

  /** Takes over what does not change. */
  #keep(row: Uint8Array, changes: readonly Change[]): void {
    const reader = new ByteReader(row)
    while (!reader.done) {
      const from = reader.position
      let replaced = false
      for (let i = 0; i < changes.length && !replaced; i++) {
        reader.position = from
        replaced = isNext(reader, (changes[i] as Change).slot)
      }
      reader.skip(reader.varint())
      if (!replaced) this.#out.raw(reader.buffer.subarray(from, reader.position))
    }
  }
}

/** Whether the id that comes next is `slot`; steps over it. */
function isNext(reader: ByteReader, slot: string): boolean {
  const from = reader.position
  const length = reader.varint()
  const start = reader.skip(length)
  for (let i = 0; i < length; i++) {
    const byte = reader.buffer[start + i] as number
    if (byte < 0x80) {
      if (byte !== slot.charCodeAt(i)) return false
      continue
    }
    // Beyond ASCII bytes are no characters.
    reader.position = from
    return reader.text() === slot
  }
  return length === slot.length
}
