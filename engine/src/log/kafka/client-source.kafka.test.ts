/** The rules of sources (`source.ts`), on the client's consumer and a real broker. */
import { beforeEach, describe, expect, inject, test } from 'vitest'
import { record, topic, tp } from '../conformance/harness.ts'
import { Prng } from '../simulated/prng.ts'
import { loadClient } from './client.ts'
import { openClientSource } from './client-source.ts'
import { settle, sourceConfig } from './options.ts'
import type { PartitionSource } from './source.ts'
import { openTestLog, type TestLog } from './testing.ts'

const kafka = inject('kafka')
const RECORDS = 6_000
const PARTITIONS = [tp('a', 0), tp('a', 1)]

async function filled(brokers: string): Promise<{ made: TestLog; source: PartitionSource }> {
  const made = await openTestLog(brokers)
  await made.log.ensureTopics([topic('a', PARTITIONS.length)])
  const appender = made.log.appender()
  for (const { partition } of PARTITIONS)
    for (let first = 0; first < RECORDS; first += 2_000) {
      const values = Array.from({ length: 2_000 }, (_, i) => record(`${first + i}`))
      await appender.append('a', partition, values)
    }
  const options = {
    kafkaName: (name: string) => `${made.prefix}${name}`,
    maxBufferedBytes: 1 << 25,
    fetchWaitMs: 20,
  }
  const source = await openClientSource({
    client: loadClient(),
    config: sourceConfig(settle({ brokers }), options),
    kafkaName: options.kafkaName,
    bounds: (partitions) => made.cluster.bounds(partitions),
    connectTimeoutMs: 5_000,
  })
  return { made, source }
}

/** What a caller expects of one partition. */
interface Expected {
  next: number
  paused: boolean
}

/** Does something at random to a partition. */
function disturb(source: PartitionSource, partition: number, it: Expected, random: Prng): void {
  const at = tp('a', partition)
  const kind = random.below(6)
  if (kind === 0) {
    if (random.below(2) === 0) source.unassign([at])
    it.next = random.below(RECORDS)
    source.assign([{ ...at, offset: it.next }])
    source.pause([at])
    it.paused = true
  } else if (kind <= 2) {
    source.seek({ ...at, offset: (it.next = random.below(RECORDS)) })
  } else if (kind === 3) {
    source.pause([at])
    it.paused = true
  } else {
    source.resume([at])
    it.paused = false
  }
}

describe('a source on the client', () => {
  beforeEach((ctx) => {
    if (kafka.brokers === undefined) ctx.skip(kafka.reason)
  })

  test('[L1] whatever is sought, paused, taken and given back: the next record is the one at the position', async () => {
    const { made, source } = await filled(kafka.brokers ?? '')
    const random = new Prng(20_261_122)
    const expected = PARTITIONS.map(() => ({ next: 0, paused: true }))
    source.assign(PARTITIONS.map((at) => ({ ...at, offset: 0 })))
    let seen = 0
    for (let step = 0; step < 200; step++) {
      const partition = random.below(PARTITIONS.length)
      disturb(source, partition, expected[partition] as Expected, random)
      if (random.below(3) === 0)
        await new Promise((resolve) => setTimeout(resolve, random.below(8)))
      if (random.below(2) === 0) continue
      const due = expected.some((it) => !it.paused && it.next < RECORDS)
      const waitMs = due ? 5_000 : 0
      const events = await source.poll({ maxRecords: 1e6, maxBytes: 1e9, waitMs })
      for (const event of events) {
        expect(['records', 'passed']).toContain(event.kind)
        if (event.kind !== 'records') continue
        const it = expected[event.batch.partition] as Expected
        expect(it.paused).toBe(false)
        expect(event.batch.offset(0)).toBe(it.next)
        expect(Buffer.from(event.batch.value(0) ?? []).toString()).toBe(`${it.next}`)
        it.next = event.batch.nextOffset
        seen += event.batch.length
      }
      if (due) expect(events).not.toEqual([])
    }
    expect(seen).toBeGreaterThan(RECORDS)
    await source.close()
    await made.log.close()
    made.cluster.close()
  })
})
