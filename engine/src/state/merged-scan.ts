/**
 * Everything committed, as stored: the dirty layers over the checkpoint, merged in key order.
 *
 * It sees the moment it was made. `closed` is called once, when it is exhausted, returned or failed,
 * also where it was never asked for a value.
 */
import { type DirtyLayer, dirtyRows } from './dirty.ts'
import { compareStored } from './key-bytes.ts'
import type { StoredEntry } from './port.ts'

type Overlaid = readonly [slot: string, group: number, key: string, value: Uint8Array | null]

interface ScanParts {
  readonly layers: readonly DirtyLayer[]
  readonly below: IterableIterator<StoredEntry>
  readonly slotIds: readonly string[]
  closed(): void
}

export function storedEntries(parts: ScanParts): IterableIterator<StoredEntry> {
  const merged = merge(parts)
  let open = true
  const close = (): void => {
    if (!open) return
    open = false
    parts.below.return?.()
    parts.closed()
  }
  return {
    next() {
      if (!open) return { done: true, value: undefined }
      try {
        const step = merged.next()
        if (step.done === true) close()
        return step
      } catch (error) {
        close()
        throw error
      }
    },
    return() {
      close()
      return { done: true, value: undefined }
    },
    [Symbol.iterator]() {
      return this
    },
  }
}

function* merge(parts: ScanParts): Generator<StoredEntry, undefined> {
  const above = overlaid(parts)
  let a = above.next()
  let b = parts.below.next()
  for (;;) {
    if (a.done === true && b.done === true) return undefined
    const order = a.done === true ? 1 : b.done === true ? -1 : compareStored(a.value, b.value)
    if (order > 0) {
      yield b.value as StoredEntry
      b = parts.below.next()
      continue
    }
    // The dirty value wins over a stored one of the same place; null hides it.
    const [slot, group, key, value] = a.value as Overlaid
    if (value !== null) yield [slot, group, key, value]
    if (order === 0) b = parts.below.next()
    a = above.next()
  }
}

function* overlaid(parts: ScanParts): Generator<Overlaid, undefined> {
  const slots = parts.slotIds
    .map((id, index) => ({ id, index }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  for (const { group, key, values } of dirtyRows(parts.layers))
    for (const { id, index } of slots) {
      const value = values[index]
      if (value !== undefined) yield [id, group, key, value]
    }
}
