import { describe, expect, test } from 'vitest'
import { END } from '../time.ts'
import { KeyedState, type StoreOptions } from './keyed-state.ts'
import { memoryBackend } from './memory-backend.ts'
import type { CheckpointBackend, SlotSpec } from './port.ts'
import { type ChangelogBatch, restoreState, usableCheckpoint } from './restore.ts'

const SLOTS: readonly SlotSpec[] = [
  { id: 'count', state: { version: 1, initial: 0 } },
  { id: 'gone', state: { version: 1, initial: 0 } },
]
const LAYOUT = [{ id: 'count', version: 1 }]

const open = (backend: CheckpointBackend, options: Partial<StoreOptions> = {}): KeyedState =>
  new KeyedState({ slots: SLOTS, backend, ...options })

/** Epochs that each set some keys to the epoch's number and arm a timer. */
function changelog(epochs: number, keys: number): ChangelogBatch[] {
  const store = open(memoryBackend())
  return Array.from({ length: epochs }, (_, index) => {
    const epoch = index + 1
    for (let n = 0; n < keys; n++) {
      const entry = store.entry(`k${(epoch * 31 + n) % (keys * 3)}`)
      store.beginRecord()
      store.set(entry, 0, epoch, epoch)
      store.set(entry, 1, epoch, epoch)
      store.setTimer(entry, { slot: 0, name: 'x', due: 10_000 - epoch })
      store.keepRecord()
    }
    const { changes } = store.sealEpoch(epoch)
    store.promote(epoch)
    return { epoch, nextOffset: epoch * 10, changes }
  })
}

async function* stream(batches: readonly ChangelogBatch[]): AsyncGenerator<ChangelogBatch> {
  yield* batches
}

const everything = (store: KeyedState): unknown[] =>
  Array.from(store.stored(), ([slot, group, key, value]) => [slot, group, key, [...value]])

describe('restoring', () => {
  test('[K6] in full, or from any checkpoint and the rest of the changelog, it is the same', async () => {
    const log = changelog(8, 5)
    const full = open(memoryBackend())
    await restoreState({ store: full, note: undefined, changelog: stream(log), layout: LAYOUT })
    for (let cut = 0; cut <= log.length; cut++) {
      const backend = memoryBackend()
      const before = open(backend)
      const part = stream(log.slice(0, cut))
      await restoreState({ store: before, note: undefined, changelog: part, layout: LAYOUT })
      await before.checkpoint({ epoch: cut, changelogOffset: cut * 10, layout: LAYOUT })
      const after = open(backend)
      const note = await usableCheckpoint(backend, log.length)
      const rest = stream(log.filter((batch) => batch.nextOffset > (note?.changelogOffset ?? 0)))
      const result = await restoreState({ store: after, note, changelog: rest, layout: LAYOUT })
      expect(result.epoch).toBe(log.length)
      expect(everything(after)).toEqual(everything(full))
      expect(after.nextDue(END)?.timer).toEqual(full.nextDue(END)?.timer)
    }
  })

  test('[K4] a long changelog is checkpointed on the way, each time with where to go on', async () => {
    const backend = memoryBackend()
    const store = open(backend, { checkpointBytes: 20_000 })
    const log = changelog(60, 20)
    let dirty = 0
    async function* watched(): AsyncGenerator<ChangelogBatch> {
      for (const batch of log) {
        yield batch
        dirty = Math.max(dirty, store.stats.dirtyBytes)
      }
    }
    const restored = { store, note: undefined, changelog: watched(), layout: LAYOUT }
    const { checkpoints } = await restoreState(restored)
    expect(checkpoints).toBeGreaterThan(3)
    expect(dirty).toBeLessThan(50_000)
    const note = backend.note()
    expect(note?.changelogOffset).toBe((note?.epoch ?? 0) * 10)
    expect(note?.layout).toEqual(LAYOUT)
  })

  test('changes of an operator that was dropped on purpose are passed over', async () => {
    const store = new KeyedState({ slots: SLOTS.slice(0, 1), backend: memoryBackend() })
    const log = stream(changelog(1, 3))
    await restoreState({ store, note: undefined, changelog: log, layout: LAYOUT })
    expect(new Set(Array.from(store.stored(), ([slot]) => slot))).toEqual(
      new Set(['count', '~timers']),
    )
  })

  test('what is restored does not hold on to the bytes it was read from', async () => {
    const store = open(memoryBackend())
    const [batch] = changelog(1, 1)
    const value = Buffer.from(batch?.changes[0]?.value as Uint8Array)
    const change = { slot: 'count', group: batch?.changes[0]?.group as number, key: 'k31', value }
    store.applyCommitted([change])
    value.fill(0)
    expect([...store.scan(0)]).toEqual([['k31', 1]])
  })
})

describe('[K6] a checkpoint is used only if it holds nothing that the log does not', () => {
  test('one at or before the committed epoch is', async () => {
    const backend = memoryBackend()
    await open(backend).checkpoint({ epoch: 5, changelogOffset: 50, layout: LAYOUT })
    expect((await usableCheckpoint(backend, 5))?.changelogOffset).toBe(50)
    expect(await usableCheckpoint(backend, 4)).toBeUndefined()
    expect(backend.note()).toBeUndefined()
  })

  test('one that a later checkpoint has begun to overwrite counts as that', async () => {
    const inner = memoryBackend()
    await open(inner).checkpoint({ epoch: 5, changelogOffset: 50, layout: LAYOUT })
    const store = open(inner)
    store.applyCommitted(changelog(1, 3)[0]?.changes ?? [])
    const cut = store.checkpoint({ epoch: 9, changelogOffset: 90, layout: LAYOUT })
    await new Promise((resolve) => setImmediate(resolve))
    expect(inner.note()).toEqual({ epoch: 5, reached: 9, changelogOffset: 50, layout: LAYOUT })
    expect((await usableCheckpoint(inner, 9))?.changelogOffset).toBe(50)
    await cut
    expect(inner.note()).toEqual({ epoch: 9, changelogOffset: 90, layout: LAYOUT })
    const again = store.checkpoint({ epoch: 12, changelogOffset: 120, layout: LAYOUT })
    await new Promise((resolve) => setImmediate(resolve))
    expect(await usableCheckpoint(inner, 11)).toBeUndefined()
    await again
  })

  test('one never finished is not', async () => {
    const backend = memoryBackend()
    const store = open(backend)
    store.applyCommitted(changelog(1, 3)[0]?.changes ?? [])
    const cut = store.checkpoint({ epoch: 9, changelogOffset: 90, layout: LAYOUT })
    await new Promise((resolve) => setImmediate(resolve))
    expect(await usableCheckpoint(backend, 9)).toBeUndefined()
    await cut
  })
})
