/**
 * All stored values of one key as one run of bytes: {slot id, value}*, each with its length before it,
 * in the order of the ids. A key's values are read and written together nearly always, and one look
 * into LMDB costs as much as decoding all of them.
 */
import { ByteReader, ByteWriter } from '../codec/bytes.ts'
import type { Change } from './port.ts'

export type SlotValue = readonly [slot: string, value: Buffer]

/** Views into the row. */
export function slotsOf(row: Uint8Array): SlotValue[] {
  const reader = new ByteReader(row)
  const slots: SlotValue[] = []
  while (!reader.done) slots.push([reader.text(), reader.bytes()])
  return slots
}

export class RowWriter {
  readonly #out = new ByteWriter(4096)

  /** The row after changes to its slots, the last of a slot counts; undefined where none is left. */
  changed(row: Uint8Array | undefined, changes: readonly Change[]): Buffer | undefined {
    const values = new Map<string, Uint8Array | null>(row === undefined ? [] : slotsOf(row))
    for (const { slot, value } of changes) values.set(slot, value)
    const out = this.#out
    out.reset()
    // Without a comparison of its own `sort` goes by UTF-16 code units, as B3 asks.
    for (const slot of [...values.keys()].sort()) {
      const value = values.get(slot) ?? null
      if (value === null) continue
      out.text(slot)
      out.bytes(value)
    }
    return out.position === 0 ? undefined : out.copy()
  }
}
