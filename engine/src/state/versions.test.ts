import { describe, expect, test } from 'vitest'
import { textCodec } from '../codec/codec.ts'
import { KeyedState } from './keyed-state.ts'
import { memoryBackend } from './memory-backend.ts'
import type { CheckpointBackend, SlotSpec } from './port.ts'

function put(store: KeyedState, key: string, value: unknown): void {
  store.beginRecord()
  store.set(store.entry(key), 0, value, 0)
  store.keepRecord()
}

/** Promotes the epoch and brings it to the backend. */
async function save(store: KeyedState): Promise<void> {
  store.sealEpoch(1)
  store.promote(1)
  await store.checkpoint({ epoch: 1, changelogOffset: 1, layout: [] })
}

describe('versions', () => {
  const withVersion = (
    backend: CheckpointBackend,
    state: SlotSpec['state'],
    drops: string[] = [],
  ) => new KeyedState({ slots: [{ id: 'count', state }], backend, drops })

  async function written(state: SlotSpec['state'], value: unknown): Promise<CheckpointBackend> {
    const backend = memoryBackend()
    const store = withVersion(backend, state)
    put(store, 'a', value)
    await save(store)
    return backend
  }
  const read = (store: KeyedState): unknown => store.get(store.entry('a'), 0)

  test('state is migrated step by step on first read, and stays so when written', async () => {
    const backend = await written({ version: 1, initial: 0 }, 5)
    const state: SlotSpec['state'] = {
      version: 3,
      initial: { n: 0, unit: '' },
      migrate: {
        1: (old) => ({ n: old as number }),
        2: (old) => ({ ...(old as { n: number }), unit: 'items' }),
      },
    }
    const store = withVersion(backend, state)
    expect(read(store)).toEqual({ n: 5, unit: 'items' })
    expect(store.committed('a', 0)).toEqual({ n: 5, unit: 'items' })
    put(store, 'a', { n: 6, unit: 'items' })
    await save(store)
    expect(read(withVersion(backend, { version: 3, initial: null }))).toEqual({
      n: 6,
      unit: 'items',
    })
  })

  test('a newer version and a missing step are refused, unless dropped on purpose', async () => {
    const newer = await written({ version: 2, initial: 0 }, 5)
    expect(() => read(withVersion(newer, { version: 1, initial: 0 }))).toThrow('state_version')
    const older = await written({ version: 1, initial: 0 }, 5)
    expect(() => read(withVersion(older, { version: 2, initial: 0 }))).toThrow('state_version')
    expect(read(withVersion(older, { version: 2, initial: -1 }, ['count']))).toBe(-1)
  })

  test('bytes that do not decode are state_corrupt, with the slot and without the content', async () => {
    const backend = await written({ version: 1, initial: '', codec: textCodec as never }, 'no json')
    expect(() => read(withVersion(backend, { version: 1, initial: 0 }))).toThrow(
      /^state_corrupt: A value of count does not decode\. (?!.*no json)/,
    )
  })
})
