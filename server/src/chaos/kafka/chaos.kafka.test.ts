import { describe, expect, inject, test } from 'vitest'
import { chaosKafka } from './chaos.ts'
import { noKafkaHere } from './cluster.ts'

const kafka = inject('kafka')

describe('chaos on Kafka', () => {
  test('[SYS-1] [SYS-6] faults of processes, network and broker lose nothing and repeat nothing', async (ctx) => {
    // A broker that is shared, or somebody else's, is not killed: this needs one of its own.
    const reason = kafka.brokers === undefined ? kafka.reason : await noKafkaHere()
    if (reason !== undefined) return ctx.skip(reason)
    // A pack of 20 holds one of each kind and takes four minutes; the command runs those.
    const result = await chaosKafka({ kills: 8, seed: 7, workers: 3, events: 100 })
    expect(result.failures).toEqual([])
    expect(result).toMatchObject({
      faults: 8,
      lost: 0,
      duplicated: 0,
      state_mismatches: 0,
      analytics_mismatches: 0,
    })
    // Faults that met nothing would prove little.
    expect(result.kills).toBeGreaterThanOrEqual(2)
    expect(result.rebalances).toBeGreaterThan(2)
    expect(result.outputs).toBeGreaterThan(150)
    expect(result.worst_recovery_ms).toBeGreaterThan(0)
  }, 420_000)
})
