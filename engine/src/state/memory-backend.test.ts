import { expect, test } from 'vitest'
import { memoryBackend } from './memory-backend.ts'
import type { Change } from './port.ts'

const change = (key: string, value: string | null): Change => ({
  slot: 'a',
  group: 0,
  key,
  value: value === null ? null : Buffer.from(value),
})
const NOTE = { epoch: 7, changelogOffset: 99, layout: [] }
const rows = (backend: ReturnType<typeof memoryBackend>): string[] =>
  Array.from(backend.scan(), ([, , key, value]) => `${key}=${Buffer.from(value).toString()}`)

test('[K6] a crash leaves every finished slice and nothing of the open one', async () => {
  const dead = memoryBackend()
  const timers = [{ key: 'k', from: undefined, to: 5 }]
  await dead.write({ changes: [change('k', 'kept')], timers, note: NOTE })
  const open = dead.write({
    changes: [change('k', 'lost')],
    timers: [],
    note: { ...NOTE, epoch: 8 },
  })
  const left = dead.crash()
  await expect(open).rejects.toThrow('state_unwritable')
  expect(rows(left)).toEqual(['k=kept'])
  expect(left.timersAfter(undefined, 9)).toEqual([{ due: 5, key: 'k' }])
  expect(left.note()).toEqual(NOTE)
})

test('the next process writes while the dead one still reads what it had', async () => {
  const dead = memoryBackend()
  await dead.write({ changes: [change('k', 'old')], timers: [] })
  const left = dead.crash()
  await left.write({ changes: [change('k', 'new')], timers: [] })
  await expect(dead.write({ changes: [change('k', 'ghost')], timers: [] })).rejects.toThrow(
    'state_unwritable',
  )
  await expect(dead.wipe()).rejects.toThrow('state_unwritable')
  expect(rows(left)).toEqual(['k=new'])
  expect(rows(dead)).toEqual(['k=old'])
})
