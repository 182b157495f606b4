import { describe, expect, test } from 'vitest'
import type { OutgoingRecord } from '#engine'
import { IngestQueue } from './ingest-queue.ts'

const call = (name: string): Uint8Array => Buffer.from(name)

function queueInto(fail?: Error) {
  const appends: string[][] = []
  const append = (_topic: string, _partition: number, records: readonly OutgoingRecord[]) => {
    appends.push(records.map(({ value }) => Buffer.from(value ?? []).toString()))
    return fail === undefined ? Promise.resolve(0) : Promise.reject(fail)
  }
  const appender = { append, close: () => Promise.resolve() }
  return { appends, queueOf: (lingerMs: number) => new IngestQueue(appender, 'events', lingerMs) }
}

describe('ingest queue', () => {
  test('[Q1] [Q2] what waits when the worker commits is one append, in order', async () => {
    const { appends, queueOf } = queueInto()
    const queue = queueOf(60_000)
    const done = [queue.add([call('a'), call('b')], 1), queue.add([call('c')], 2)]
    expect(appends).toEqual([])
    queue.flush()
    await Promise.all(done)
    expect(appends).toEqual([['a', 'b', 'c']])
  })

  test('[Q2] without a worker that commits it goes by itself', async () => {
    const { appends, queueOf } = queueInto()
    await queueOf(1).add([call('a')], 1)
    expect(appends).toEqual([['a']])
  })

  test('[Q2] a full one does not wait, nor does one that shall not linger', () => {
    const { appends, queueOf } = queueInto()
    void queueOf(60_000).add(
      Array.from({ length: 1_000 }, (_, i) => call(`${i}`)),
      1,
    )
    void queueOf(0).add([call('a')], 1)
    expect(appends.map((records) => records.length)).toEqual([1_000, 1])
  })

  test('[Q3] a failure is told to all of them', async () => {
    const { queueOf } = queueInto(new Error('full'))
    const queue = queueOf(60_000)
    const done = [queue.add([call('a')], 1), queue.add([call('b')], 1)]
    queue.flush()
    for (const one of done) await expect(one).rejects.toThrow('full')
  })
})
