/**
 * One key's timers: a short immutable list in the order (due, slot, name), the truth about what is
 * armed. It is a value of the '~timers' slot like any state, so that dropping a record, aborting an
 * epoch, the changelog and restoring need nothing of their own.
 */
import { ByteReader, type ByteWriter } from '../codec/bytes.ts'
import type { Codec } from '../codec/codec.ts'
import type { Millis } from '../time.ts'
import type { Timer } from './port.ts'

export type TimerList = readonly Timer[]
export const NO_TIMERS: TimerList = Object.freeze([])

export function compareTimers(a: Timer, b: Timer): number {
  if (a.due !== b.due) return a.due - b.due
  if (a.slot !== b.slot) return a.slot - b.slot
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** The list with `timer` in it, in place of the one of its slot and name. */
export function withTimer(list: TimerList, timer: Timer): TimerList {
  const [only, second] = list
  if (only === undefined) return [timer]
  if (second === undefined && only.slot === timer.slot && only.name === timer.name) return [timer]
  const next: Timer[] = []
  let placed = false
  for (const other of list) {
    if (other.slot === timer.slot && other.name === timer.name) continue
    if (!placed && compareTimers(timer, other) < 0) {
      next.push(timer)
      placed = true
    }
    next.push(other)
  }
  if (!placed) next.push(timer)
  return next
}

/** The list without the named timer; the same list where there is none. */
export function withoutTimer(list: TimerList, slot: number, name: string): TimerList {
  const at = findTimer(list, slot, name)
  if (at === undefined) return list
  return list.length === 1 ? NO_TIMERS : list.filter((timer) => timer !== at)
}

export function findTimer(list: TimerList, slot: number, name: string): Timer | undefined {
  for (const timer of list) if (timer.slot === slot && timer.name === name) return timer
  return undefined
}

/**
 * {earliest due, count, (slot id, name, due - earliest)*}. Slots are written by id, because their
 * order may change from build to build; timers of a slot that is gone are left out on reading.
 */
export function timerCodec(slotIds: readonly string[]): Codec<TimerList> {
  const slots = new Map(slotIds.map((id, slot) => [id, slot]))
  return {
    name: 'timers',
    write(list, out: ByteWriter) {
      const first = list[0]?.due ?? 0
      out.signed(first)
      out.varint(list.length)
      for (const timer of list) {
        out.text(slotIds[timer.slot] as string)
        out.text(timer.name)
        out.varint(timer.due - first)
      }
    },
    read(bytes) {
      const reader = new ByteReader(bytes)
      const first = reader.signed()
      const timers: Timer[] = []
      for (let left = reader.varint(); left > 0; left--) {
        const slot = slots.get(reader.text())
        const name = reader.text()
        const due = first + reader.varint()
        if (slot !== undefined) timers.push({ slot, name, due })
      }
      // The order of equal due times follows the slots of this build, not of the one that wrote.
      return timers.sort(compareTimers)
    },
  }
}

/** The earliest due time of a stored '~timers' value, without decoding the rest. */
export function storedEarliest(value: Uint8Array): Millis {
  const reader = new ByteReader(value)
  reader.varint()
  reader.varint()
  return reader.signed()
}
