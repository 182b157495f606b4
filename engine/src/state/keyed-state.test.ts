import { describe, expect, test } from 'vitest'
import { END } from '../time.ts'
import { KeyedState, type StoreOptions } from './keyed-state.ts'
import { memoryBackend } from './memory-backend.ts'
import type { Change, CheckpointBackend, CheckpointNote, SlotSpec } from './port.ts'

const COUNT: SlotSpec = { id: 'count', state: { version: 1, initial: 0 } }
const VISITS: SlotSpec = { id: 'visits', state: { version: 1, initial: null, ttl: 100 } }
const NOTE: CheckpointNote = { epoch: 1, changelogOffset: 1, layout: [] }

const open = (options: Partial<StoreOptions> = {}): KeyedState =>
  new KeyedState({ slots: [COUNT, VISITS], backend: memoryBackend(), ...options })

/** One kept record that sets a slot of a key. */
function put(store: KeyedState, key: string, value: unknown, options = { slot: 0, now: 0 }): void {
  store.beginRecord()
  store.set(store.entry(key), options.slot, value, options.now)
  store.keepRecord()
}

function arm(store: KeyedState, key: string, due: number, name = 'x'): void {
  store.beginRecord()
  store.setTimer(store.entry(key), { slot: 0, name, due })
  store.keepRecord()
}

function commit(store: KeyedState, epoch: number): readonly Change[] {
  const { changes } = store.sealEpoch(epoch)
  store.promote(epoch)
  return changes
}

/** The backend with another `write`. */
const withWrite = (
  inner: CheckpointBackend,
  write: CheckpointBackend['write'],
): CheckpointBackend => ({
  read: (slot, group, key) => inner.read(slot, group, key),
  scan: (after) => inner.scan(after),
  timersAfter: (after, limit) => inner.timersAfter(after, limit),
  write,
  note: () => inner.note(),
  wipe: () => inner.wipe(),
  openIterators: 0,
  close: () => inner.close(),
})

const shown = (changes: readonly Change[]): string[] =>
  changes.map(({ slot, key, value }) => `${slot} ${key} ${value === null ? 'gone' : 'kept'}`)

describe('values', () => {
  test('[K1] reads see record, epoch, sealed epoch and committed values, the newest first', () => {
    const store = open()
    const entry = store.entry('a')
    for (const epoch of [1, 2]) {
      put(store, 'a', epoch)
      store.sealEpoch(epoch)
    }
    put(store, 'a', 3)
    store.beginRecord()
    store.set(entry, 0, 4, 0)
    expect(store.get(entry, 0)).toBe(4)
    store.dropRecord()
    expect(store.get(entry, 0)).toBe(3)
    store.abort(3)
    expect(store.get(entry, 0)).toBe(2)
    store.abort(2)
    expect(store.get(entry, 0)).toBe(1)
    store.promote(1)
    expect(store.get(entry, 0)).toBe(1)
  })

  test('[K3] committed() shows promoted values only', () => {
    const store = open()
    put(store, 'a', 1)
    expect(store.committed('a', 0)).toBe(0)
    store.sealEpoch(1)
    expect(store.committed('a', 0)).toBe(0)
    store.promote(1)
    put(store, 'a', 2)
    expect(store.committed('a', 0)).toBe(1)
    expect([...store.scan(0)]).toEqual([['a', 1]])
  })

  test('[K5] an epoch gives one change per value, the last one, in first-write order', () => {
    const store = open()
    put(store, 'b', 1)
    put(store, 'a', 1)
    put(store, 'b', 2)
    arm(store, 'a', 50)
    store.beginRecord()
    store.set(store.entry('dropped'), 0, 1, 0)
    store.dropRecord()
    store.beginRecord()
    store.clear(store.entry('a'), 0, 0)
    store.takeLink(store.entry('b'), 'link', 0)
    store.keepRecord()
    const changes = commit(store, 1)
    expect(shown(changes)).toEqual([
      'count b kept',
      'count a gone',
      '~timers a kept',
      '~links b kept',
    ])
    expect(store.committed('b', 0)).toBe(2)
  })

  test('[K5] changes are the same bytes whatever the cache and the checkpoints did', async () => {
    const life = async (options: Partial<StoreOptions>, checkpoints: boolean): Promise<unknown> => {
      const store = open(options)
      const all: unknown[] = []
      for (let epoch = 1; epoch <= 20; epoch++) {
        for (let n = 0; n < 10; n++) {
          const key = `k${(epoch * n) % 7}`
          put(store, key, epoch * n, { slot: n & 1, now: epoch })
          if (n % 3 === 0) arm(store, key, epoch + n)
        }
        all.push(commit(store, epoch))
        if (checkpoints) await store.checkpoint(NOTE)
      }
      return all
    }
    expect(await life({ maxKeys: 1, maxTimersInMemory: 2 }, true)).toEqual(await life({}, false))
  })

  test('`undefined` is absence', () => {
    const store = open()
    put(store, 'a', 5)
    put(store, 'a', undefined)
    expect(store.get(store.entry('a'), 0)).toBe(0)
    expect(shown(commit(store, 1))).toEqual(['count a gone'])
  })

  test('state expires in task time after its last write, from memory, dirty and checkpoint', async () => {
    const backend = memoryBackend()
    const store = open({ backend })
    put(store, 'a', 'here', { slot: 1, now: 1_000 })
    const look = (now: number): unknown[] => {
      store.setNow(now)
      return [store.get(store.entry('a'), 1), store.committed('a', 1), [...store.scan(1)].length]
    }
    expect(look(1_099)).toEqual(['here', null, 0])
    commit(store, 1)
    expect(look(1_099)).toEqual(['here', 'here', 1])
    expect(look(1_100)).toEqual([null, null, 0])
    store.setNow(1_099)
    await store.checkpoint(NOTE)
    const other = open({ backend })
    other.setNow(1_099)
    expect(other.get(other.entry('a'), 1)).toBe('here')
    other.setNow(END)
    expect(other.get(other.entry('a'), 1)).toBe(null)
  })

  test('expired state leaves the disk: when it is to be written, and by the sweep', async () => {
    const backend = memoryBackend()
    const store = open({ backend })
    put(store, 'early', 1, { slot: 1, now: 1_000 })
    put(store, 'stays', 1, { slot: 0, now: 1_000 })
    commit(store, 1)
    store.setNow(1_000)
    await store.checkpoint(NOTE)
    put(store, 'late', 1, { slot: 1, now: 1_050 })
    commit(store, 2)
    const keys = (): string[] => Array.from(backend.scan(), ([, , key]) => key).sort()
    expect(keys()).toEqual(['early', 'stays'])
    store.setNow(2_000)
    await store.checkpoint(NOTE)
    expect(keys()).toEqual(['stays'])
  })

  test('the sweep does not remove what was written anew', async () => {
    const backend = memoryBackend()
    const store = open({ backend })
    put(store, 'a', 'old', { slot: 1, now: 1_000 })
    commit(store, 1)
    store.setNow(1_000)
    await store.checkpoint(NOTE)
    put(store, 'a', 'new', { slot: 1, now: 2_000 })
    commit(store, 2)
    store.setNow(2_000)
    await store.checkpoint(NOTE)
    expect([...open({ backend }).scan(1)]).toEqual([['a', 'new']])
  })
})

describe('timers', () => {
  test('fire in the order (due, key, slot, name) over all keys', () => {
    const store = open()
    for (const [key, due, name] of [
      ['b', 5, 'x'],
      ['a', 5, 'y'],
      ['a', 5, 'x'],
      ['c', 3, 'z'],
      ['d', 9, 'x'],
    ] as const)
      arm(store, key, due, name)
    const fired: string[] = []
    for (let due = store.nextDue(8); due !== undefined; due = store.nextDue(8)) {
      fired.push(`${due.timer.due} ${due.entry.key} ${due.timer.name}`)
      store.beginRecord()
      store.cancelTimer(due.entry, due.timer.slot, due.timer.name)
      store.keepRecord()
    }
    expect(fired).toEqual(['3 c z', '5 a x', '5 a y', '5 b x'])
    expect(store.earliestDue()).toBe(9)
  })

  test('[K2] a fired timer comes back with the epoch that fired it', () => {
    const store = open()
    arm(store, 'a', 5)
    commit(store, 1)
    store.beginRecord()
    store.cancelTimer(store.entry('a'), 0, 'x')
    store.keepRecord()
    expect(store.nextDue(10)).toBeUndefined()
    store.abort(2)
    expect(store.nextDue(10)?.timer).toEqual({ slot: 0, name: 'x', due: 5 })
  })

  test('[K2] a timer of a dropped record never was', () => {
    const store = open()
    store.beginRecord()
    store.setTimer(store.entry('a'), { slot: 0, name: 'x', due: 5 })
    store.dropRecord()
    expect(store.nextDue(END)).toBeUndefined()
    expect(store.sealEpoch(1).changes).toEqual([])
  })

  test('re-arming replaces; a moved timer fires at its new time only', () => {
    const store = open()
    arm(store, 'a', 5)
    arm(store, 'a', 50)
    const entry = store.entry('a')
    expect(store.nextDue(49)).toBeUndefined()
    expect(store.timerDue(entry, 0, 'x')).toBe(50)
    expect(store.dueOf(entry, 49)).toBeUndefined()
    expect(store.dueOf(entry, 50)).toEqual({ slot: 0, name: 'x', due: 50 })
  })

  test('due times are whole and within what a date can be; NaN is a bug', () => {
    const store = open()
    arm(store, 'a', 4.2)
    arm(store, 'b', END)
    expect(store.timerDue(store.entry('a'), 0, 'x')).toBe(5)
    expect(store.timerDue(store.entry('b'), 0, 'x')).toBe(8_640_000_000_000_000)
    expect(() => arm(store, 'c', Number.NaN)).toThrow('assertion')
  })

  test('[K4] 20,000 waiting keys are left to the checkpoint, and all fire in order', async () => {
    const store = open({ maxTimersInMemory: 1_000, maxKeys: 100 })
    let epoch = 1
    for (let n = 0; n < 20_000; n++) {
      arm(store, `k${n}`, 1_000 + ((n * 7_919) % 20_000))
      if (!store.checkpointDue) continue
      commit(store, epoch)
      await store.checkpoint({ ...NOTE, epoch: epoch++ })
    }
    commit(store, epoch)
    await store.checkpoint({ ...NOTE, epoch })
    expect(store.stats.pendingTimers).toBeLessThanOrEqual(1_000)
    expect(store.stats.dirtyBytes).toBe(0)
    let last = 0
    let fired = 0
    for (let due = store.nextDue(END); due !== undefined; due = store.nextDue(END)) {
      expect(due.timer.due).toBeGreaterThanOrEqual(last)
      last = due.timer.due
      fired++
      store.beginRecord()
      store.cancelTimer(due.entry, 0, 'x')
      store.keepRecord()
    }
    expect(fired).toBe(20_000)
  })

  test('a checkpoint moves the index entry of a key with its earliest timer', async () => {
    const inner = memoryBackend()
    const moves: unknown[] = []
    const store = open({
      backend: withWrite(inner, (slice) => {
        moves.push(...slice.timers)
        return inner.write(slice)
      }),
    })
    for (const due of [50, 20, 90]) {
      arm(store, 'a', due)
      arm(store, 'a', due + 1, 'later')
      commit(store, due)
      await store.checkpoint(NOTE)
    }
    store.beginRecord()
    for (const name of ['x', 'later']) store.cancelTimer(store.entry('a'), 0, name)
    store.keepRecord()
    commit(store, 100)
    await store.checkpoint(NOTE)
    expect(moves).toEqual([
      { key: 'a', from: undefined, to: 50 },
      { key: 'a', from: 50, to: 20 },
      { key: 'a', from: 20, to: 90 },
      { key: 'a', from: 90, to: undefined },
    ])
  })

  test('timers of an operator that is gone are left out', async () => {
    const backend = memoryBackend()
    const store = open({ backend })
    store.beginRecord()
    store.setTimer(store.entry('a'), { slot: 0, name: 'x', due: 5 })
    store.setTimer(store.entry('a'), { slot: 1, name: 'x', due: 6 })
    store.keepRecord()
    commit(store, 1)
    await store.checkpoint(NOTE)
    const other = new KeyedState({ slots: [VISITS], backend })
    expect(other.nextDue(END)?.timer).toEqual({ slot: 0, name: 'x', due: 6 })
  })
})

describe('links', () => {
  test('a link is taken in once, over restarts and unless its record was dropped', async () => {
    const backend = memoryBackend()
    const store = open({ backend })
    const take = (from: KeyedState, link: string, keep: boolean): boolean => {
      from.beginRecord()
      const taken = from.takeLink(from.entry('a'), link, 0)
      if (keep) from.keepRecord()
      else from.dropRecord()
      return taken
    }
    expect(take(store, 'm1', false)).toBe(false)
    expect(take(store, 'm1', true)).toBe(false)
    expect(take(store, 'm1', true)).toBe(true)
    commit(store, 1)
    await store.checkpoint(NOTE)
    expect(take(open({ backend }), 'm1', true)).toBe(true)
  })

  test('[K4] the newest 64 are remembered', () => {
    const store = open()
    store.beginRecord()
    const entry = store.entry('a')
    for (let n = 0; n < 70; n++) store.takeLink(entry, `m${n}`, 0)
    expect(store.takeLink(entry, 'm69', 0)).toBe(true)
    expect(store.takeLink(entry, 'm6', 0)).toBe(true)
    expect(store.takeLink(entry, 'm5', 0)).toBe(false)
    store.keepRecord()
  })
})

describe('limits and failures', () => {
  test('[K4] [SYS-3] memory stays bounded over many keys', async () => {
    const store = open({ maxKeys: 50, maxBytes: 40_000, checkpointBytes: 50_000 })
    let [dirty, cached, epoch] = [0, 0, 0]
    for (let n = 0; n < 5_000; n++) {
      put(store, `k${n}`, 'x'.repeat(200))
      if (n % 20 < 19) continue
      commit(store, ++epoch)
      dirty = Math.max(dirty, store.stats.dirtyBytes)
      cached = Math.max(cached, store.stats.cachedBytes)
      if (store.checkpointDue) await store.checkpoint({ ...NOTE, epoch })
    }
    expect(dirty).toBeLessThan(50_000 + 20 * 600)
    expect(cached).toBeLessThanOrEqual(40_000)
    expect(store.stats.cachedKeys).toBeLessThanOrEqual(50)
    expect(store.committed('k17', 0)).toBe('x'.repeat(200))
  })

  test('a value over the limit is refused at sealing; the epoch stays open and can be aborted', () => {
    const store = open({ maxValueBytes: 100 })
    put(store, 'a', 'small')
    put(store, 'b', 'x'.repeat(200))
    expect(() => store.sealEpoch(1)).toThrow('state_too_large')
    store.abort(1)
    put(store, 'a', 'small')
    expect(shown(commit(store, 1))).toEqual(['count a kept'])
  })

  test('a failed checkpoint loses nothing and can be repeated', async () => {
    const inner = memoryBackend()
    let fail = 2
    const backend = withWrite(inner, (slice) =>
      fail-- === 0 ? Promise.reject(new Error('disk')) : inner.write(slice),
    )
    const store = open({ backend, checkpointSlice: 1 })
    for (const key of ['a', 'b', 'c']) put(store, key, 1)
    commit(store, 1)
    await expect(store.checkpoint(NOTE)).rejects.toThrow('disk')
    expect([...store.scan(0)]).toHaveLength(3)
    await store.checkpoint(NOTE)
    expect(store.stats.dirtyBytes).toBe(0)
    expect([...open({ backend: inner }).scan(0)]).toHaveLength(3)
  })

  test('a scan sees the moment it was made, while epochs and checkpoints go on', async () => {
    const store = open()
    for (const key of ['a', 'b', 'c']) put(store, key, 1)
    commit(store, 1)
    await store.checkpoint(NOTE)
    put(store, 'b', 2)
    commit(store, 2)
    const stored = store.stored()
    expect(store.stats.openIterators).toBe(1)
    put(store, 'c', 3)
    put(store, 'd', 3)
    commit(store, 3)
    await store.checkpoint({ ...NOTE, epoch: 3 })
    const seen = Array.from(stored, ([, , key, value]) => `${key}${Buffer.from(value).at(-1)}`)
    expect(seen.sort()).toEqual(['a49', 'b50', 'c49'])
    expect(store.stats.openIterators).toBe(0)
  })

  test('a scan that is never begun or left early is closed', () => {
    const store = open()
    for (const key of ['a', 'b', 'c']) put(store, key, 1)
    commit(store, 1)
    store.stored().return?.()
    store.scan(0).return?.()
    for (const _ of store.scan(0)) break
    expect(store.stats.openIterators).toBe(0)
  })

  test('the order of calls is enforced', async () => {
    const store = open()
    expect(() => store.set(store.entry('a'), 0, 1, 0)).toThrow('within a record')
    store.beginRecord()
    expect(() => store.beginRecord()).toThrow('kept or dropped')
    expect(() => store.sealEpoch(1)).toThrow('between records')
    store.keepRecord()
    store.sealEpoch(1)
    store.sealEpoch(2)
    expect(() => store.sealEpoch(3)).toThrow('settled')
    expect(() => store.promote(2)).toThrow('in the order')
    put(store, 'a', 1)
    expect(() => store.abort(2)).toThrow('before a sealed one')
    expect(() => store.abort(1)).toThrow('newest first')
    expect(() => store.get(store.entry('a'), 9)).toThrow('a slot is')
    const first = store.checkpoint(NOTE)
    expect(() => store.scan(0).next()).not.toThrow()
    await expect(store.checkpoint(NOTE)).rejects.toThrow('one checkpoint at a time')
    await first
  })

  test('keys that cannot be stored are refused at the door', () => {
    expect(() => open().entry('x'.repeat(2_000))).toThrow('state_key_invalid')
    expect(() => open().entry('')).toThrow('state_key_invalid')
  })
})
