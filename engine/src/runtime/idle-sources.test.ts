import { expect, test } from 'vitest'
import { jsonCodec } from '../codec/codec.ts'
import { topology } from '../topology/topology.ts'
import { Plant } from './worker.fixture.ts'

test('[C5] a source with records that nobody has read yet does not follow the wall clock', async () => {
  const t = topology('told')
  t.source<string>('words', {
    topic: 'arrivals',
    codec: jsonCodec(),
    partitions: 2,
    clock: { kind: 'append', idle: 'wall' },
  }).sink('totals', { topic: 'totals', codec: jsonCodec() })
  let now = 0
  const p = new Plant()
  const slice = { maxRecords: 10, maxBytes: 1 << 20 }
  const one = await p.start({ on: t, now: () => now, tickMs: 10, slice })
  const marks = (): readonly unknown[] => one.tasks.map((task) => task.source?.mark)
  // All of time 0: whatever is read of them, time stays there.
  await p.say(0, ...Array.from({ length: 25 }, (_, n) => `word ${n}`))
  now = 1_000
  for (let cycles = 0; cycles < 3; cycles++) {
    now += 100
    await one.cycle(0)
    expect(marks()).toEqual([0, now])
  }
  now += 100
  await one.cycle(0)
  expect(marks()).toEqual([now, now])
  await p.close()
})
