/** What every checkpoint backend must do (B1-B4 in `port.ts`), run against each of them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StateEnvironment } from './lmdb-backend.ts'
import { memoryBackend } from './memory-backend.ts'
import type { Change, CheckpointBackend, CheckpointSlice } from './port.ts'

interface Subject {
  readonly backend: CheckpointBackend
  /** Closes it and opens what is left. */
  reopen(): Promise<CheckpointBackend>
  cleanUp(): Promise<void>
}

async function inMemory(): Promise<Subject> {
  const backend = memoryBackend()
  return { backend, reopen: async () => backend, cleanUp: () => backend.close() }
}

async function onLmdb(): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'opportune-state-'))
  let environment = new StateEnvironment({ directory })
  let backend = environment.backend('task')
  const close = async (): Promise<void> => {
    await backend.close()
    await environment.close()
  }
  return {
    backend,
    async reopen() {
      await close()
      environment = new StateEnvironment({ directory })
      backend = environment.backend('task')
      return backend
    },
    async cleanUp() {
      await close()
      await rm(directory, { recursive: true })
    },
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const change = (slot: string, group: number, key: string, value: string | null): Change => ({
  slot,
  group,
  key,
  value: value === null ? null : bytes(value),
})
const NOTE = { epoch: 7, changelogOffset: 99, layout: [{ id: 'a', version: 2 }] }
const slice = (changes: readonly Change[]): CheckpointSlice => ({ changes, timers: [] })
const rows = (backend: CheckpointBackend): string[] =>
  Array.from(
    backend.scan(),
    ([slot, group, key, value]) => `${group}/${key}/${slot}=${text(value)}`,
  )
const text = (value: Uint8Array | undefined): string | undefined =>
  value && Buffer.from(value).toString()

describe.each([
  ['memory', inMemory],
  ['lmdb', onLmdb],
])('checkpoint backend: %s', (_name, create) => {
  let subject: Subject
  let backend: CheckpointBackend
  beforeEach(async () => {
    subject = await create()
    backend = subject.backend
  })
  afterEach(() => subject.cleanUp())

  test('starts empty', () => {
    expect(backend.read('a', 0, 'k')).toBeUndefined()
    expect(rows(backend)).toEqual([])
    expect(backend.timersAfter(undefined, 10)).toEqual([])
    expect(backend.note()).toBeUndefined()
  })

  test('[B1] values, removals, timers and the note of a slice are all there when it resolves', async () => {
    await backend.write(slice([change('a', 1, 'k', 'old'), change('a', 1, 'gone', 'x')]))
    await backend.write({
      changes: [change('a', 1, 'k', 'new'), change('a', 1, 'gone', null)],
      timers: [{ key: 'k', from: undefined, to: 5 }],
      note: NOTE,
    })
    expect(text(backend.read('a', 1, 'k'))).toBe('new')
    expect(backend.read('a', 1, 'gone')).toBeUndefined()
    expect(backend.timersAfter(undefined, 10)).toEqual([{ due: 5, key: 'k' }])
    expect(backend.note()).toEqual(NOTE)
  })

  test('[B2] what was written is there after opening again', async () => {
    await backend.write(slice([change('a', 1, 'k', 'v')]))
    await backend.write({ changes: [], timers: [{ key: 'k', from: undefined, to: 5 }], note: NOTE })
    const again = await subject.reopen()
    expect(rows(again)).toEqual(['1/k/a=v'])
    expect(again.note()).toEqual(NOTE)
    expect(again.timersAfter(undefined, 1)).toEqual([{ due: 5, key: 'k' }])
  })

  test('[B3] a scan goes by group, key in code units, slot id; and can go on after a place', async () => {
    const places: Change[] = []
    for (const key of ['b', '\u{1f600}', '\uffee', 'a\0', 'a', 'ab'])
      for (const [slot, group] of [
        ['x', 0],
        ['a', 255],
        ['b', 0],
      ] as const)
        places.push(change(slot, group, key, 'v'))
    await backend.write(slice(places))
    const order = ['a', 'a\0', 'ab', 'b', '\u{1f600}', '\uffee']
    const expected = [
      ...order.flatMap((key) => [`0/${key}/b=v`, `0/${key}/x=v`]),
      ...order.map((key) => `255/${key}/a=v`),
    ]
    expect(rows(backend)).toEqual(expected)
    const rest = Array.from(
      backend.scan({ slot: 'b', group: 0, key: 'b' }),
      ([id, , key]) => key + id,
    )
    expect(rest[0]).toBe('bx')
    expect(rest).toHaveLength(expected.length - 7)
  })

  test('[B3] timers go by due time and key, from any position on', async () => {
    const timers = [-5, 0, 3, 3, 8_640_000_000_000_000].map((to, n) => ({
      key: `k${9 - n}`,
      from: undefined,
      to,
    }))
    await backend.write({ changes: [], timers })
    const all = backend.timersAfter(undefined, 10)
    expect(all.map(({ due, key }) => `${due} ${key}`)).toEqual([
      '-5 k9',
      '0 k8',
      '3 k6',
      '3 k7',
      '8640000000000000 k5',
    ])
    expect(backend.timersAfter({ due: 3, key: 'k6' }, 1)).toEqual([{ due: 3, key: 'k7' }])
    expect(backend.timersAfter({ due: 3, key: '' }, 1)).toEqual([{ due: 3, key: 'k6' }])
    expect(backend.timersAfter({ due: Number.NEGATIVE_INFINITY, key: '' }, 9)).toEqual(all)
    expect(backend.timersAfter({ due: Number.POSITIVE_INFINITY, key: '' }, 9)).toEqual([])
  })

  test('a timer that moves leaves nothing behind', async () => {
    await backend.write({ changes: [], timers: [{ key: 'k', from: undefined, to: 5 }] })
    await backend.write({ changes: [], timers: [{ key: 'k', from: 5, to: 9 }] })
    expect(backend.timersAfter(undefined, 9)).toEqual([{ due: 9, key: 'k' }])
    await backend.write({ changes: [], timers: [{ key: 'k', from: 9, to: 9 }] })
    expect(backend.timersAfter(undefined, 9)).toEqual([{ due: 9, key: 'k' }])
    await backend.write({ changes: [], timers: [{ key: 'k', from: 9, to: undefined }] })
    expect(backend.timersAfter(undefined, 9)).toEqual([])
  })

  test('[B4] a scan sees the moment it was made', async () => {
    await backend.write(slice([change('a', 0, 'k1', 'old'), change('a', 0, 'k2', 'old')]))
    const scan = backend.scan()
    await backend.write(slice([change('a', 0, 'k0', 'new'), change('a', 0, 'k2', 'new')]))
    expect(Array.from(scan, ([, , key, value]) => `${key}=${text(value)}`)).toEqual([
      'k1=old',
      'k2=old',
    ])
  })

  test('[B4] scans are counted until exhausted, left or returned', async () => {
    await backend.write(slice([change('a', 0, 'k1', 'v'), change('a', 0, 'k2', 'v')]))
    const unused = backend.scan()
    const begun = backend.scan()
    begun.next()
    expect(backend.openIterators).toBe(2)
    for (const _row of backend.scan()) break
    expect([...backend.scan()]).toHaveLength(2)
    unused.return?.()
    begun.return?.()
    begun.return?.()
    expect(backend.openIterators).toBe(0)
    expect(begun.next().done).toBe(true)
  })

  test('values are bytes, the empty one too, and what was read stays as it is', async () => {
    const value = Uint8Array.from({ length: 70_000 }, (_, n) => n & 255)
    await backend.write({
      changes: [
        { slot: 'a', group: 3, key: 'large', value },
        { slot: 'a', group: 3, key: 'none', value: new Uint8Array(0) },
      ],
      timers: [],
    })
    const large = backend.read('a', 3, 'large')
    backend.read('a', 3, 'none')
    expect(Buffer.compare(large as Uint8Array, value)).toBe(0)
    expect(backend.read('a', 3, 'none')).toHaveLength(0)
  })

  test('wiping leaves nothing, the note neither', async () => {
    const timers = [{ key: 'k', from: undefined, to: 5 }]
    await backend.write({ changes: [change('a', 0, 'k', 'v')], timers, note: NOTE })
    await backend.wipe()
    expect(rows(backend)).toEqual([])
    expect(backend.timersAfter(undefined, 9)).toEqual([])
    expect(backend.note()).toBeUndefined()
  })
})

describe('LMDB environment', () => {
  test('tasks share a directory and nothing else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'opportune-state-'))
    const environment = new StateEnvironment({ directory })
    const [one, two] = [environment.backend('one'), environment.backend('two')]
    await Promise.all([
      one.write({ ...slice([change('a', 0, 'k', 'one')]), note: NOTE }),
      two.write(slice([change('a', 0, 'k', 'two')])),
    ])
    await two.wipe()
    expect(rows(one)).toEqual(['0/k/a=one'])
    expect(two.note()).toBeUndefined()
    await one.close()
    await two.close()
    await environment.close()
    await rm(directory, { recursive: true })
  })
})
